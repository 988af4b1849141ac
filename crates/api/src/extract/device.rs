use std::future::{Ready, ready};
use std::sync::LazyLock;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{FromRequest, HttpRequest, dev};
use passgate_auth::flows::{DEVICE_LIFE, DeviceToken};

use crate::error::ApiError;

/// The cookie by which a browser is known to an account. It logs nobody in.
const NAME: &str = "passgate_device";

/// What `NAME` begins with in a header.
static BEGINNING: LazyLock<String> = LazyLock::new(|| format!("{NAME}="));

/// What the device kept of an earlier log-in, if it kept anything.
#[derive(Debug, Clone)]
pub struct DeviceCookie(pub Option<String>);

impl DeviceCookie {
    fn read(request: &HttpRequest) -> Option<String> {
        let values = request.headers().get_all(header::COOKIE);
        let mut cookies = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'));
        let found = cookies.find_map(|cookie| cookie.trim().strip_prefix(BEGINNING.as_str()));
        found.map(str::to_owned)
    }
}

impl FromRequest for DeviceCookie {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(Ok(Self(Self::read(request))))
    }
}

/// The header that has the device keep its token. Over HTTP on one's own machine, without `Secure`.
pub fn keep_device(token: &DeviceToken, is_https: bool) -> Option<HeaderValue> {
    let (token, life) = (token.expose(), DEVICE_LIFE.as_secs());
    let secure = if is_https { "; Secure" } else { "" };
    let cookie =
        format!("{NAME}={token}; Max-Age={life}; Path=/; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&cookie).ok()
}
