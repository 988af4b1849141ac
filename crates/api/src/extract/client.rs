use actix_web::HttpRequest;
use actix_web::http::header;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use passgate_auth::flows::ClientCredentials;
use secrecy::SecretString;

use super::form::decode;
use crate::error::ApiError;
use crate::extract::Form;

/// The longest client id or label, in bytes.
const MAX_LABEL: usize = 128;

/// What a client says of itself, by HTTP Basic or in the form (RFC 6749 section 2.3.1), not in both.
///
/// # Errors
/// [`ApiError::InvalidRequest`] if it says several things, [`ApiError::InvalidClient`] if the header
/// is not HTTP Basic.
pub fn credentials(
    form: &mut Form,
    request: &HttpRequest,
) -> Result<Option<ClientCredentials>, ApiError> {
    let in_form = (form.take_text("client_id"), form.take("client_secret"));
    let credentials = match (in_header(request)?, in_form) {
        (Some(_), (_, Some(_))) => {
            return Err(ApiError::InvalidRequest(
                "The client proves itself in the Authorization header or in the form, not in both"
                    .into(),
            ));
        }
        (Some(header), (Some(id), None)) if id != header.id => {
            return Err(ApiError::InvalidRequest(
                "The client_id differs between the form and the Authorization header".into(),
            ));
        }
        (Some(header), _) => header,
        (None, (Some(id), secret)) => ClientCredentials { id, secret },
        (None, (None, Some(_))) => {
            return Err(ApiError::InvalidRequest(
                "There is a client_secret without a client_id".into(),
            ));
        }
        (None, (None, None)) => return Ok(None),
    };
    let is_visible = credentials.id.bytes().all(|b| (0x20..=0x7e).contains(&b));
    if credentials.id.len() > MAX_LABEL || !is_visible {
        return Err(ApiError::InvalidRequest(
            format!("The client_id has at most {MAX_LABEL} characters of visible ASCII").into(),
        ));
    }
    Ok(Some(credentials))
}

fn in_header(request: &HttpRequest) -> Result<Option<ClientCredentials>, ApiError> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let Some(value) = headers.next() else {
        return Ok(None);
    };
    if headers.next().is_some() {
        return Err(ApiError::InvalidRequest(
            "The Authorization header is given twice".into(),
        ));
    }
    basic(value.as_bytes())
}

/// The halves of an HTTP Basic header, each encoded as in a form; `None` if the first is empty, as
/// Swagger UI sends it.
fn basic(value: &[u8]) -> Result<Option<ClientCredentials>, ApiError> {
    let malformed = || ApiError::InvalidClient("The Authorization header must be HTTP Basic");
    let text = std::str::from_utf8(value).map_err(|_| malformed())?;
    let (scheme, credentials) = text.split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let decoded = STANDARD
        .decode(credentials.trim())
        .map_err(|_| malformed())?;
    let colon = decoded.iter().position(|b| *b == b':');
    let (id, secret) = decoded.split_at(colon.ok_or_else(malformed)?);
    let id = decode(id).map_err(|_| malformed())?;
    let secret = decode(&secret[1..]).map_err(|_| malformed())?;
    if id.is_empty() {
        return Ok(None);
    }
    let secret = (!secret.is_empty()).then(|| SecretString::from(secret));
    Ok(Some(ClientCredentials { id, secret }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn read(text: &str) -> Option<(String, Option<String>)> {
        let value = format!("Basic {}", STANDARD.encode(text));
        let found = basic(value.as_bytes()).unwrap_or_else(|error| panic!("{error}"))?;
        let secret = found.secret.map(|secret| secret.expose_secret().to_owned());
        Some((found.id, secret))
    }

    #[test]
    fn basic_credentials_name_the_client_and_prove_it() {
        let both = |id: &str, secret: &str| Some((id.to_owned(), Some(secret.to_owned())));
        assert_eq!(read("billing:pgc_abc"), both("billing", "pgc_abc"));
        assert_eq!(read("string:a:b"), both("string", "a:b"));
        assert_eq!(read("app:"), Some(("app".to_owned(), None)));
        assert_eq!(read(":"), None);
        assert_eq!(read(":secret"), None);
    }

    /// RFC 6749 section 2.3.1: both halves are encoded before they are put together.
    #[test]
    fn both_halves_are_decoded_once() {
        let read = read("a%7Eb%3Ac:x+y%2525%2B").unwrap();
        assert_eq!(read, ("a~b:c".to_owned(), Some("x y%25+".to_owned())));
    }

    #[test]
    fn other_authorization_is_refused() {
        for bad in [
            "Bearer abc",
            "Basic",
            "Basic !!",
            "Basic bm9jb2xvbg==",
            "Basic /zo=",
            "Basic YTolMDA=",
        ] {
            assert!(basic(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
