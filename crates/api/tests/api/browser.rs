//! `/docs` in a real browser, driven as a person would use it (W3C `WebDriver`).

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::app::App;
use crate::client::{Ask, JSON, PASSWORD, compose, send};
use crate::tools;

struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
}

impl Browser {
    fn start(driver: &str) -> Self {
        let mut child = Command::new(driver)
            .arg("--port=0")
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port: u16 = lines
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, rest) = line.split_once("started successfully on port ")?;
                rest.trim_end_matches('.').parse().ok()
            })
            .expect("the driver's port");
        let mut browser = Self {
            driver: child,
            address: ([127, 0, 0, 1], port).into(),
            session: String::new(),
        };
        let options = json!({"args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--window-size=1400,3000",
        ]});
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}});
        let session = browser.command("POST", "/session", &wanted);
        session["sessionId"]
            .as_str()
            .unwrap()
            .clone_into(&mut browser.session);
        browser
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "POST" {
            body.to_string()
        } else {
            String::new()
        };
        let request = compose(self.address, method, path, &[JSON], &body);
        let reply = send(self.address, &request);
        let mut answer = reply.expect(200);
        answer["value"].take()
    }

    fn open(&self, url: &str) {
        self.command(
            "POST",
            &format!("/session/{}/url", self.session),
            &json!({"url": url}),
        );
    }

    fn run(&self, script: &str) -> Value {
        let path = format!("/session/{}/execute/sync", self.session);
        self.command("POST", &path, &json!({"script": script, "args": []}))
    }

    /// Waits until the page shows an element, and returns it.
    fn find(&self, selector: &str) -> String {
        let path = format!("/session/{}/elements", self.session);
        let begun = Instant::now();
        loop {
            let body = json!({"using": "css selector", "value": selector});
            let found = self.command("POST", &path, &body);
            if let Some(element) = found.get(0) {
                let id = element.as_object().unwrap().values().next().unwrap();
                return id.as_str().unwrap().to_owned();
            }
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "the page never shows {selector}"
            );
            thread::yield_now();
        }
    }

    fn click(&self, selector: &str) {
        let element = self.find(selector);
        let path = format!("/session/{}/element/{element}/click", self.session);
        self.command("POST", &path, &json!({}));
    }

    fn enter(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        let path = format!("/session/{}/element/{element}/value", self.session);
        self.command("POST", &path, &json!({"text": text}));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser and its many processes are in the driver's group.
        let group = Pid::from_raw(self.driver.id().try_into().unwrap());
        killpg(group, Signal::SIGKILL).unwrap_or_default();
        drop(self.driver.wait());
    }
}

#[test]
fn somebody_logs_in_on_the_page_and_tries_out_a_call() {
    let Some(driver) = tools::chromedriver() else {
        return;
    };
    let app = App::spawn();
    app.register("matt");
    let browser = Browser::start(driver);
    browser.open(&format!("http://{}/docs/", app.address()));

    browser.click("button.authorize");
    browser.enter(".auth-container input#oauth_username", "matt");
    browser.enter(".auth-container input#oauth_password", PASSWORD);
    browser.click(".auth-container button.authorize");
    browser.find(".auth-container .auth-btn-wrapper button.btn-done");
    // Logged in, the button offers to log out.
    browser.find(".auth-container button.modal-btn:not([type=submit])");
    browser.click(".auth-container button.btn-done");

    browser.click("#operations-users-me .opblock-summary-control");
    browser.click("#operations-users-me button.try-out__btn");
    browser.click("#operations-users-me button.execute");
    browser.find("#operations-users-me .live-responses-table .response-col_status");
    let status = browser.run(
        "return document.querySelector(\
         '#operations-users-me .live-responses-table tr.response .response-col_status').innerText",
    );
    assert!(status.as_str().unwrap().starts_with("200"), "{status}");
    let body = browser.run(
        "return document.querySelector(\
         '#operations-users-me .live-responses-table .highlight-code').innerText",
    );
    assert!(
        body.as_str().unwrap().contains("\"username\": \"matt\""),
        "{body}"
    );
}
