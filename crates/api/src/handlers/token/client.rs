use actix_web::HttpRequest;
use actix_web::http::header;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::ApiError;
use crate::extract::Form;

/// The longest client label, in bytes.
const MAX_LABEL: usize = 128;

/// The client's name for itself, from HTTP Basic or the form (RFC 6749 section 2.3.1). No client
/// is registered, so it is a label, and a secret that comes with it proves nothing.
pub(super) fn label(form: &mut Form, request: &HttpRequest) -> Result<Option<String>, ApiError> {
    let in_form = form.take_text("client_id");
    let in_header = match request.headers().get(header::AUTHORIZATION) {
        Some(value) => basic(value.as_bytes())?,
        None => None,
    };
    let label = match (in_form, in_header) {
        (Some(form), Some(header)) if form != header => {
            return Err(ApiError::InvalidRequest(
                "The client_id differs between the form and the Authorization header".into(),
            ));
        }
        (form, header) => form.or(header),
    };
    let visible = |label: &str| label.bytes().all(|b| (0x20..=0x7e).contains(&b));
    match label {
        Some(label) if label.len() > MAX_LABEL || !visible(&label) => {
            Err(ApiError::InvalidRequest(
                format!("The client_id has at most {MAX_LABEL} characters of visible ASCII").into(),
            ))
        }
        label => Ok(label),
    }
}

/// The user part of an HTTP Basic header; `None` if it is empty, as Swagger UI sends it.
fn basic(value: &[u8]) -> Result<Option<String>, ApiError> {
    let malformed = || ApiError::InvalidClient("The Authorization header must be HTTP Basic");
    let text = std::str::from_utf8(value).map_err(|_| malformed())?;
    let (scheme, credentials) = text.split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let decoded = STANDARD
        .decode(credentials.trim())
        .map_err(|_| malformed())?;
    let decoded = String::from_utf8(decoded).map_err(|_| malformed())?;
    let (id, _secret) = decoded.split_once(':').ok_or_else(malformed)?;
    Ok((!id.is_empty()).then(|| id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_name_the_client() {
        assert_eq!(
            basic(b"Basic c3RyaW5nOnN0cmluZw==").ok(),
            Some(Some("string".to_owned()))
        );
        assert_eq!(basic(b"basic Og==").ok(), Some(None));
    }

    #[test]
    fn other_authorization_is_refused() {
        for bad in [
            "Bearer abc",
            "Basic",
            "Basic !!",
            "Basic bm9jb2xvbg==",
            "Basic /zo=",
        ] {
            assert!(basic(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
