use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};
use passgate_domain::audit::{Act, Actor};

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
        let id = request.extensions().get::<RequestId>().cloned();
        ready(Ok(Self {
            address: request.peer_addr().map(|address| address.ip().to_string()),
            request_id: id.map(|RequestId(id)| id),
        }))
    }
}
