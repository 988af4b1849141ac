//! Forward authentication: `/verify`, and nginx with the configuration of the documentation.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use diesel::connection::SimpleConnection;
use serde_json::json;

use crate::app::App;
use crate::client::{Ask, PASSWORD, Reply, compose, send};
use crate::program::write;
use crate::tools;

fn app_with_users() -> App {
    let app = App::spawn();
    app.register("Matt");
    app.register("root");
    app.database
        .connect()
        .batch_execute("UPDATE users SET roles = '{admin,editor}' WHERE username = 'root'")
        .unwrap();
    app
}

/// A token of an administrator that cannot be used for the account.
fn admin_only(app: &App) -> String {
    let password = PASSWORD.replace(' ', "+");
    let form = format!("username=root&password={password}&scope=admin");
    let answer = app.post_form("/token", &form).expect(200);
    answer["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn a_good_token_is_told_by_its_user_roles_and_scope() {
    let app = app_with_users();
    let reply = app.get_as(&admin_only(&app), "/verify");
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    assert_eq!(reply.header("x-auth-user"), Some("root"));
    assert_eq!(reply.header("x-auth-user-id"), Some("2"));
    assert_eq!(reply.header("x-auth-roles"), Some("admin editor"));
    assert_eq!(reply.header("x-auth-scope"), Some("admin"));
    app.get("/verify").expect(401);
    app.get_as("nonsense", "/verify").expect(401);
}

#[test]
fn more_than_the_token_has_is_forbidden() {
    let app = app_with_users();
    let (matt, root) = (app.token("matt"), admin_only(&app));
    let status = |token: &str, query: &str| app.get_as(token, &format!("/verify{query}")).status;
    assert_eq!(status(&matt, "?scope=profile"), 200);
    assert_eq!(status(&matt, "?scope=profile+admin"), 403);
    assert_eq!(status(&matt, "?role=editor"), 403);
    assert_eq!(status(&root, "?role=editor&scope=admin"), 200);
    assert_eq!(status(&root, "?scope=profile"), 403);
    assert_eq!(status(&root, "?scopes=admin"), 400);
    assert_eq!(status(&root, "?scope=admin&scope=profile"), 400);
}

/// Its token says for as long as it lives what they were.
#[test]
fn who_is_an_administrator_no_more_is_told_as_none_at_once() {
    let app = app_with_users();
    let (matt, root) = (app.token("matt"), admin_only(&app));
    app.register("ada");
    app.database
        .connect()
        .batch_execute("UPDATE users SET roles = '{admin}' WHERE username = 'ada'")
        .unwrap();
    let ada = crate::admin::token(&app, "ada", "admin");
    let verify = |token: &str, query: &str| app.get_as(token, &format!("/verify{query}"));
    assert_eq!(verify(&root, "?role=editor&scope=admin").status, 200);
    assert_eq!(verify(&matt, "?role=editor").status, 403);
    for (id, roles) in [(1, json!(["editor"])), (2, json!([]))] {
        let path = format!("/admin/users/{id}");
        let change = json!({"roles": roles});
        app.ask_json(&ada, "PATCH", &path, &change).expect(200);
    }
    assert_eq!(verify(&root, "?role=editor").status, 403);
    assert_eq!(verify(&root, "?role=admin").status, 403);
    assert_eq!(verify(&root, "?scope=admin").status, 403);
    let reply = verify(&root, "");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-auth-user"), Some("root"));
    assert_eq!(reply.header("x-auth-roles"), Some(""));
    assert_eq!(reply.header("x-auth-scope"), Some(""));
    let reply = verify(&matt, "?role=editor&scope=profile");
    assert_eq!(reply.header("x-auth-roles"), Some("editor"));
    assert_eq!(reply.header("x-auth-scope"), Some("profile"));
}

#[test]
fn a_revoked_token_is_not_good_at_once() {
    let app = app_with_users();
    let token = app.token("matt");
    assert_eq!(app.get_as(&token, "/verify").status, 200);
    app.post_form("/revoke", &format!("token={token}"));
    app.get_as(&token, "/verify").expect(401);
}

struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// The block of the documentation in a certain language.
fn documented(language: &str) -> String {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let docs = fs::read_to_string(docs).unwrap();
    let (_, rest) = docs.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[test]
fn nginx_with_the_documented_configuration_asks_and_passes_the_user_on() {
    let Some(nginx) = tools::nginx() else { return };
    let app = app_with_users();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let (front, behind) = (free_address(), free_address());
    let here = folder.path().display();
    let conf = format!(
        "daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;\n\
         events {{}}\n\
         http {{\n\
           access_log off;\n\
           client_body_temp_path {here}/body; proxy_temp_path {here}/proxy;\n\
           fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;\n\
           upstream app {{ server {behind}; }}\n\
           upstream passgate {{ server {passgate}; }}\n\
           server {{ listen {behind}; location / {{ return 200 \"$http_x_auth_user $http_x_auth_roles$http_authorization\"; }} }}\n\
           server {{ listen {front}; {snippet} }}\n\
         }}\n",
        passgate = app.address(),
        snippet = documented("nginx"),
    );
    let conf = write(folder.path(), "nginx.conf", &conf);
    let child = Command::new(nginx)
        .args(["-e", "stderr", "-c"])
        .arg(&conf)
        .arg("-p")
        .arg(folder.path())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Nginx(child);
    while TcpStream::connect(front).is_err() {
        assert!(
            running.0.try_wait().unwrap().is_none(),
            "nginx did not start"
        );
        std::thread::yield_now();
    }
    let ask = |headers: &[(&str, &str)]| -> Reply {
        send(front, &compose(front, "GET", "/page", headers, ""))
    };
    let bearer = |token: &str| format!("Bearer {token}");
    let (matt, root) = (bearer(&app.token("matt")), bearer(&admin_only(&app)));

    let good = ask(&[("Authorization", &matt), ("X-Auth-User", "root")]);
    assert_eq!(
        (good.status, good.text()),
        (200, "Matt "),
        "and nobody names themselves"
    );
    assert_eq!(ask(&[]).status, 401);
    assert_eq!(ask(&[("Authorization", "Bearer nonsense")]).status, 401);
    assert_eq!(
        ask(&[("Authorization", &root)]).status,
        403,
        "the documented scope is profile"
    );
}
