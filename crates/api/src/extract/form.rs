use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

use actix_web::{FromRequest, HttpRequest, dev};
use percent_encoding::percent_decode;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::body;
use crate::error::ApiError;

/// A body of type `application/x-www-form-urlencoded`, read strictly: every field at most once,
/// valid UTF-8, no NUL. Values count as secrets, since any of them may be one.
pub struct Form(HashMap<String, SecretString>);

impl Form {
    /// Takes a field out. An empty value counts as absent, as RFC 6749 section 3.2 says.
    pub fn take(&mut self, name: &str) -> Option<SecretString> {
        use secrecy::ExposeSecret;
        self.0
            .remove(name)
            .filter(|value| !value.expose_secret().is_empty())
    }

    /// Takes a field out that is no secret.
    pub fn take_text(&mut self, name: &str) -> Option<String> {
        use secrecy::ExposeSecret;
        self.take(name)
            .map(|value| value.expose_secret().to_owned())
    }

    fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let mut fields = HashMap::new();
        for pair in body.split(|&b| b == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |&b| b == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            if fields.contains_key(&name) {
                let detail = format!("The field {} is given twice", shown(&name));
                return Err(ApiError::InvalidRequest(detail.into()));
            }
            fields.insert(name, SecretString::from(value));
        }
        Ok(Self(fields))
    }
}

/// Decodes a name or a value of a form.
pub(super) fn decode(encoded: &[u8]) -> Result<String, ApiError> {
    text_of(encoded)
        .map_err(|what| ApiError::InvalidRequest(format!("The form must {what}").into()))
}

/// The text that a name or a value in this encoding stands for, or what it must be and is not.
pub(super) fn text_of(encoded: &[u8]) -> Result<String, &'static str> {
    let plus_is_space = |&b: &u8| if b == b'+' { b' ' } else { b };
    let spaced: Zeroizing<Vec<u8>> = Zeroizing::new(encoded.iter().map(plus_is_space).collect());
    let bytes: Vec<u8> = percent_decode(&spaced).collect();
    let text = String::from_utf8(bytes).map_err(|_| "be UTF-8")?;
    if text.contains('\0') {
        return Err("not contain a NUL");
    }
    Ok(text)
}

/// A field's name as far as it is one: a body that is no form at all may be a password.
fn shown(name: &str) -> &str {
    const KNOWN: [&str; 9] = [
        "grant_type",
        "username",
        "password",
        "scope",
        "client_id",
        "client_secret",
        "refresh_token",
        "token",
        "token_type_hint",
    ];
    if KNOWN.contains(&name) {
        name
    } else {
        "of another name"
    }
}

impl FromRequest for Form {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let expected = "application/x-www-form-urlencoded";
            Self::parse(&body::read(&request, &mut payload, expected).await?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(body: &str, name: &str) -> Option<String> {
        Form::parse(body.as_bytes()).ok().unwrap().take_text(name)
    }

    #[test]
    fn plus_and_percent_are_decoded_once() {
        assert_eq!(
            field("username=a+b%2Bc%2525", "username").unwrap(),
            "a b+c%25"
        );
    }

    #[test]
    fn an_empty_value_is_no_value() {
        assert_eq!(field("scope=&username=matt", "scope"), None);
        assert_eq!(field("scope", "scope"), None);
    }

    #[test]
    fn a_field_given_twice_is_refused_even_if_empty() {
        for body in ["a=1&a=1", "a=&a=1", "a&a", "password=x&pass%77ord=y"] {
            assert!(Form::parse(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn what_is_not_text_is_refused() {
        for body in ["a=%00", "a=%ff", "%00=a", "a=%c3%28", "a=\u{0}"] {
            assert!(Form::parse(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn errors_do_not_repeat_what_may_be_a_secret() {
        let error = Form::parse(b"hunter2&hunter2").err().unwrap();
        assert!(!error.to_string().contains("hunter2"));
    }
}
