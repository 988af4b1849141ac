//! A FastAPI app's users come over with one command.

use diesel::prelude::*;
use diesel::sql_types::Text;
use passgate_persistence::testing::TestDatabase;
use secrecy::ExposeSecret;

use crate::app::SECRET;
use crate::client::{Ask, PASSWORD};
use crate::program::{Served, folder, run, run_well, write};

/// `CryptContext(schemes=["bcrypt"]).hash("1234")` of passlib.
pub(crate) const BCRYPT_1234: &str = "$2b$12$oO49VPpCnOjOk91AoVw7VeHQzal7x45OQU5lCly9v45l7yx48g/3G";

/// The call of the tutorial, to the byte.
pub(crate) const TUTORIAL: &str =
    "grant_type=password&username=matt&password=1234&scope=&client_id=string&client_secret=string";

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = Text)]
    password_hash: String,
}

fn stored_hash(database: &TestDatabase) -> String {
    let row: Stored = diesel::sql_query("SELECT password_hash FROM users WHERE username = 'matt'")
        .get_result(&mut database.connect())
        .unwrap();
    row.password_hash
}

#[test]
fn the_tutorials_user_comes_over_and_notices_nothing() {
    let (folder, database) = (folder(), TestDatabase::new());
    let url = database.url();
    let on = ["--database-url", url.expose_secret()];
    let csv = format!(
        "id,username,email,first_name,last_name,hashed_password,is_active,role,phone_number\n\
         1,matt,matt@example.com,Matt,Hatter,{BCRYPT_1234},1,admin,555\n\
         7,ada,,Ada,,{BCRYPT_1234},0,,\n"
    );
    write(folder.path(), "users.csv", &csv);
    let import = [&["users", "import", "users.csv"][..], &on].concat();
    let told = run_well(folder.path(), &import);
    assert!(told.contains('2'), "{told}");

    let server = Served::start(folder.path(), &[&on[..], &["--secret", SECRET]].concat());
    let answer = server.post_form("/token", TUTORIAL).expect(200);
    assert_eq!(answer["token_type"], "bearer");
    let me = server
        .get_as(answer["access_token"].as_str().unwrap(), "/users/me")
        .expect(200);
    assert_eq!(
        (&me["id"], &me["display_name"]),
        (&1.into(), &"Matt Hatter".into())
    );
    assert!(stored_hash(&database).starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    server.post_form("/token", TUTORIAL).expect(200);
    server.log_in("ada", "1234").expect(401);
    assert_eq!(server.register("new")["id"], 8);

    let upgraded = stored_hash(&database);
    let again = run_well(folder.path(), &import);
    assert!(again.contains("0 "), "{again}");
    assert_eq!(
        stored_hash(&database),
        upgraded,
        "a second import changes nothing"
    );
    server.log_in("new", PASSWORD).expect(200);
    server.stop();
}

#[test]
fn json_lines_come_over_too() {
    let (folder, database) = (folder(), TestDatabase::new());
    let url = database.url();
    let line = format!(r#"{{"id": 3, "username": "matt", "hashed_password": "{BCRYPT_1234}"}}"#);
    write(folder.path(), "users.jsonl", &format!("{line}\n"));
    let args = [
        "users",
        "import",
        "users.jsonl",
        "--database-url",
        url.expose_secret(),
    ];
    run_well(folder.path(), &args);
    assert_eq!(stored_hash(&database), BCRYPT_1234);
}

#[test]
fn every_bad_line_is_told_with_its_number_and_nothing_is_imported() {
    let (folder, database) = (folder(), TestDatabase::new());
    let url = database.url();
    let csv = format!(
        "id,username,email,hashed_password\n\
         1,matt,matt@example.com,{BCRYPT_1234}\n\
         zero,ada,,{BCRYPT_1234}\n\
         3,,,{BCRYPT_1234}\n\
         4,eve,nowhere,{BCRYPT_1234}\n\
         5,bob,,plaintext\n\
         6,MATT,,{BCRYPT_1234}\n\
         7,too,few\n"
    );
    write(folder.path(), "users.csv", &csv);
    let args = [
        "users",
        "import",
        "users.csv",
        "--database-url",
        url.expose_secret(),
    ];
    let output = run(folder.path(), &args);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for line in ["line 3", "line 4", "line 5", "line 6", "line 7", "line 8"] {
        assert!(said.contains(line), "{line} is not in: {said}");
    }
    assert!(!said.contains("line 2:"), "{said}");
    assert!(
        !said.contains("plaintext") && !said.contains(BCRYPT_1234),
        "{said}"
    );
    let users = run_well(
        folder.path(),
        &[
            "users",
            "list",
            "--json",
            "--database-url",
            url.expose_secret(),
        ],
    );
    assert_eq!(users.trim(), "[]");
}

#[test]
fn a_collision_with_an_account_is_told_with_its_line() {
    let (folder, database) = (folder(), TestDatabase::new());
    let url = database.url();
    let on = ["--database-url", url.expose_secret()];
    let import = [&["users", "import", "users.csv"][..], &on].concat();
    write(
        folder.path(),
        "users.csv",
        &format!("id,username,hashed_password\n1,matt,{BCRYPT_1234}\n"),
    );
    run_well(folder.path(), &import);
    write(
        folder.path(),
        "users.csv",
        &format!("id,username,hashed_password\n2,fine,{BCRYPT_1234}\n1,other,{BCRYPT_1234}\n"),
    );
    let output = run(folder.path(), &import);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && said.contains("line 3") && said.contains("id"),
        "{said}"
    );
    let users = run_well(
        folder.path(),
        &[&["users", "list", "--json"][..], &on].concat(),
    );
    assert!(!users.contains("fine"), "{users}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let folder = folder();
    let output = run(folder.path(), &["users", "import", "nowhere.csv"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && said.contains("nowhere.csv"),
        "{said}"
    );
}
