use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev, web};
use serde::de::DeserializeOwned;

use super::form;
use crate::error::ApiError;

/// The query of a URL, read strictly: every parameter known, given once at most, valid UTF-8, no NUL.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> Query<T> {
    /// Names the parameter that is wrong, never its value.
    fn parse(query: &str) -> Result<Self, ApiError> {
        // Serde's decoder puts a sign in the place of what is no text, and lets a NUL through, which
        // PostgreSQL takes in no text.
        for half in query.split(['&', '=']) {
            form::text_of(half.as_bytes())
                .map_err(|what| ApiError::Malformed(format!("The query must {what}")))?;
        }
        web::Query::<T>::from_query(query)
            .map(|query| Self(query.into_inner()))
            .map_err(|error| {
                let message = error.to_string();
                let names_fields_only = ["unknown field", "missing field", "duplicate field"];
                let known = names_fields_only
                    .iter()
                    .find_map(|start| message.find(start).map(|at| &message[at..]));
                ApiError::Malformed(known.map_or_else(
                    || "The query has a parameter of the wrong form".to_owned(),
                    |known| format!("The query has an error: {known}"),
                ))
            })
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(Self::parse(request.query_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        limit: Option<u32>,
    }

    #[derive(Debug, Deserialize)]
    struct Named {
        name: String,
    }

    fn refusal(query: &str) -> String {
        Query::<Wanted>::parse(query).err().unwrap().to_string()
    }

    #[test]
    fn parameters_are_named_and_their_values_are_not() {
        assert_eq!(
            Query::<Wanted>::parse("limit=7").ok().unwrap().0.limit,
            Some(7)
        );
        assert!(refusal("limits=7").contains("unknown field `limits`"));
        assert!(refusal("limit=7&limit=8").contains("duplicate field `limit`"));
        let refused = refusal("limit=hunter2");
        assert!(!refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn what_is_not_text_is_refused() {
        for query in [
            "name=%00",
            "name=a%ffb",
            "%00=a",
            "name=%c3%28",
            "name=a=%00",
        ] {
            let refused = Query::<Named>::parse(query).err().unwrap().to_string();
            assert!(refused.starts_with("The query must"), "{query}: {refused}");
        }
        let named = Query::<Named>::parse("name=%c3%a9+%3d").ok().unwrap().0;
        assert_eq!(named.name, "\u{e9} =");
    }
}
