use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev, web};
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// The query of a URL, read strictly: every parameter known, and given once at most.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> Query<T> {
    /// Names the parameter that is wrong, never its value.
    fn parse(query: &str) -> Result<Self, ApiError> {
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
}
