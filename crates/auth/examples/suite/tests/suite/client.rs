//! Requests and answers.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{Request, Response};

/// Longer than anything takes that is not broken.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Reply {
    pub status: u16,
    response: Response<()>,
    body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap())
    }

    /// Insists on a status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {:?}", self.body, self.response);
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}

fn agent() -> &'static Agent {
    static AGENT: OnceLock<Agent> = OnceLock::new();
    AGENT.get_or_init(|| {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            // Whoever is restarted under us is asked on a connection of its own.
            .max_idle_connections(0);
        config.build().into()
    })
}

/// Sends a request with a body that may be empty.
pub fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body.to_owned()).unwrap();
    let (parts, mut body) = agent().run(request).unwrap().into_parts();
    Reply {
        status: parts.status.as_u16(),
        body: body.read_to_string().unwrap(),
        response: Response::from_parts(parts, ()),
    }
}

/// Sends a request with a token, if there is one, and with JSON, if there is any.
pub fn ask(method: &str, url: &str, token: Option<&str>, json: Option<Value>) -> Reply {
    let authorization = token.map(|token| format!("Bearer {token}"));
    let mut headers = Vec::new();
    if let Some(authorization) = &authorization {
        headers.push(("Authorization", authorization.as_str()));
    }
    let Some(json) = json else {
        return send(method, url, &headers, "");
    };
    headers.push(("Content-Type", "application/json"));
    send(method, url, &headers, &json.to_string())
}

/// Logs in with the form of RFC 6749 section 4.3.2.
pub fn log_in(url: &str, username: &str, password: &str) -> Reply {
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let password = password.replace(' ', "+");
    let body = format!("grant_type=password&username={username}&password={password}");
    send("POST", &format!("{url}/token"), &form, &body)
}
