//! Where programs run: a folder and a database of their own.

use std::path::Path;
use std::process::Output;

use passgate_persistence::testing::TestDatabase;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use crate::client::{Ask, PASSWORD};
use crate::program::{Served, folder, run, run_with_input, said};

/// A folder and a database, on which commands run and replicas serve.
pub(crate) struct Site {
    folder: TempDir,
    pub(crate) database: TestDatabase,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self {
            folder: folder(),
            database: TestDatabase::new(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn serve(&self, flags: &[&str]) -> Served {
        let url = self.database.url();
        let on = [
            "--database-url",
            url.expose_secret(),
            "--argon2",
            "m=64,t=1,p=1",
        ];
        Served::start(self.folder(), &[&on[..], flags].concat())
    }

    pub(crate) fn run(&self, command: &[&str]) -> Output {
        let url = self.database.url();
        let on = ["--database-url", url.expose_secret()];
        run(self.folder(), &[command, &on].concat())
    }

    pub(crate) fn run_well(&self, command: &[&str]) -> String {
        said(&self.run(command))
    }

    /// Why a command fails.
    pub(crate) fn complaint(&self, command: &[&str]) -> String {
        let output = self.run(command);
        assert!(!output.status.success(), "{}", said(&output));
        String::from_utf8(output.stderr).unwrap()
    }

    /// An administrator, and a token for administering.
    pub(crate) fn root(&self, server: &Served) -> String {
        let url = self.database.url();
        let add = ["users", "add", "root", "--admin", "--password-stdin"];
        let on = [
            "--database-url",
            url.expose_secret(),
            "--argon2",
            "m=64,t=1,p=1",
        ];
        said(&run_with_input(
            self.folder(),
            &[&add[..], &on].concat(),
            PASSWORD,
        ));
        let password = PASSWORD.replace(' ', "+");
        let form = format!("username=root&password={password}&scope=admin+profile");
        let granted = server.post_form("/token", &form).expect(200);
        granted["access_token"].as_str().unwrap().to_owned()
    }
}
