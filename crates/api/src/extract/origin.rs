use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev, web};
use passgate_domain::audit::{Act, Actor};

use super::address;
use crate::error::ApiError;
use crate::request_log::RequestId;
use crate::state::AppState;

/// Where a request comes from, as the audit log wants to know.
#[derive(Debug, Clone)]
pub struct Origin {
    address: Option<String>,
    request_id: Option<String>,
}

impl Origin {
    /// The network address of the client.
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// What somebody does by this request, now.
    pub fn act(&self, state: &AppState, actor: Actor) -> Act {
        Act {
            at: state.clock.now(),
            actor,
            address: self.address.clone(),
            request_id: self.request_id.clone(),
        }
    }
}

impl FromRequest for Origin {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let state = request.app_data::<web::Data<AppState>>();
        let trusted = state.map_or(&[][..], |state| &state.trusted_proxies);
        let id = request.extensions().get::<RequestId>().cloned();
        ready(Ok(Self {
            address: address::of(request, trusted).map(|address| address.to_string()),
            request_id: id.map(|RequestId(id)| id),
        }))
    }
}
