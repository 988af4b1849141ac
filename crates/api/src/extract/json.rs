use std::future::Future;
use std::pin::Pin;

use actix_web::{FromRequest, HttpRequest, dev};
use serde::de::DeserializeOwned;

use super::body;
use crate::error::ApiError;

/// A body of type `application/json`.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> Json<T> {
    /// Says where the body is wrong, and never what stands there: it may be a password.
    fn parse(body: &[u8]) -> Result<Self, ApiError> {
        // The fields in a list, in their order, is what serde takes for a struct, too.
        if body.trim_ascii_start().starts_with(b"[") {
            return Err(ApiError::Malformed(
                "The JSON body has to be an object".to_owned(),
            ));
        }
        let mut json = serde_json::Deserializer::from_slice(body);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            explain(&path, error.inner())
        })?;
        json.end().map_err(|error| explain(".", &error))?;
        // PostgreSQL takes none in a text.
        if has_nul(body) {
            return Err(ApiError::Malformed(
                "The JSON body must not contain a NUL".to_owned(),
            ));
        }
        Ok(Self(value))
    }
}

/// Whether a text of valid JSON has a NUL in it, which can only stand there escaped.
fn has_nul(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        rest = &rest[at + 1..];
        if rest.starts_with(b"u0000") {
            return true;
        }
        // Past what is escaped: it may be another backslash.
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

fn explain(path: &str, error: &serde_json::Error) -> ApiError {
    let (line, column) = (error.line(), error.column());
    ApiError::Malformed(if error.is_data() {
        let message = error.to_string();
        let names_fields_only = ["unknown field", "missing field", "duplicate field"];
        match names_fields_only
            .iter()
            .find(|start| message.starts_with(**start))
        {
            Some(_) => format!("The JSON body has an error: {message}"),
            None => format!(
                "The JSON body has a value of the wrong type for {path} at line {line} column \
                 {column}"
            ),
        }
    } else {
        format!("The body is not valid JSON: see line {line} column {column}")
    })
}

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            Self::parse(&body::read(&request, &mut payload, "application/json").await?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "only its errors matter here")]
        password: String,
    }

    fn refusal(body: &str) -> String {
        Json::<Body>::parse(body.as_bytes())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_field_is_named_and_its_value_is_not() {
        let text = refusal(r#"{"password": 12345678}"#);
        assert!(
            text.contains("password") && !text.contains("12345678"),
            "{text}"
        );
    }

    #[test]
    fn missing_unknown_and_repeated_fields_are_named() {
        assert!(refusal("{}").contains("missing field `password`"));
        assert!(refusal(r#"{"pass": "x"}"#).contains("unknown field `pass`"));
        assert!(refusal(r#"{"password":"a","password":"b"}"#).contains("duplicate field"));
    }

    #[test]
    fn a_list_is_no_object() {
        let text = refusal(" [\"secret\"]");
        assert!(
            text.contains("object") && !text.contains("secret"),
            "{text}"
        );
    }

    #[test]
    fn a_nul_is_refused_wherever_it_stands() {
        for body in [
            r#"{"password":"\u0000"}"#,
            r#"{"password":"a\\\u0000"}"#,
            r#"{"password":"\n\u0000"}"#,
            r#"{"pass\u0077ord":"a\u0000b"}"#,
        ] {
            assert!(refusal(body).contains("NUL"), "{body}");
        }
        for body in [
            r#"{"password":"\\u0000"}"#,
            r#"{"password":"\u00010"}"#,
            r#"{"password":"u0000"}"#,
        ] {
            assert!(Json::<Body>::parse(body.as_bytes()).is_ok(), "{body}");
        }
    }

    #[test]
    fn what_follows_the_value_is_refused() {
        assert!(refusal(r#"{"password":"x"} secret"#).contains("not valid JSON"));
    }
}
