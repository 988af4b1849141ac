use std::collections::{BTreeSet, HashMap};

use passgate_auth::password::Passwords;
use passgate_domain::role::check_roles;
use passgate_domain::user::check_display_name;
use passgate_domain::{Email, ImportedUser, NewUser, PasswordHash, Role, UserId, Username};

/// The columns that mean something, as FastAPI apps commonly name them.
pub(super) const KNOWN_COLUMNS: [&str; 15] = [
    "id",
    "username",
    "email",
    "hashed_password",
    "password_hash",
    "display_name",
    "full_name",
    "first_name",
    "last_name",
    "role",
    "roles",
    "disabled",
    "is_active",
    "is_admin",
    "is_superuser",
];

/// Makes a user of a line's fields.
pub(super) fn user(
    fields: &HashMap<String, String>,
    passwords: &Passwords,
) -> Result<ImportedUser, String> {
    let get = |column: &str| fields.get(column).map(String::as_str);
    let id = get("id").map(id).transpose()?;
    let username = get("username").ok_or("the username is missing")?;
    let username = Username::parse(username)
        .map_err(|error| format!("the username cannot be taken: {error}"))?;
    let email = get("email")
        .map(Email::parse)
        .transpose()
        .map_err(|error| format!("the email cannot be taken: {error}"))?;
    let hash = get("hashed_password")
        .or(get("password_hash"))
        .ok_or("the hashed_password is missing")?;
    let password_hash = PasswordHash::new(hash.to_owned());
    passwords
        .inspect(&password_hash)
        .map_err(|error| format!("the hashed_password cannot be taken: {error}"))?;
    let user = NewUser {
        username,
        email,
        display_name: display_name(&get)?,
        roles: roles(&get)?,
        password_hash,
    };
    Ok(ImportedUser {
        id,
        user,
        active: active(&get)?,
    })
}

/// The greatest number taken: half of all there are stay free for those who come later.
const MAX_ID: i64 = UserId::MAX / 2;

fn id(text: &str) -> Result<UserId, String> {
    text.parse()
        .ok()
        .filter(|number| *number <= MAX_ID)
        .and_then(|number| UserId::try_new(number).ok())
        .ok_or_else(|| format!("the id is not a whole number from 1 to {MAX_ID}"))
}

fn display_name<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Result<Option<String>, String> {
    let joined = || {
        let parts: Vec<&str> = [get("first_name"), get("last_name")]
            .into_iter()
            .flatten()
            .collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    };
    let name = get("display_name")
        .or(get("full_name"))
        .map(str::to_owned)
        .or_else(joined);
    if let Some(name) = &name {
        check_display_name(name).map_err(|error| error.to_string())?;
    }
    Ok(name)
}

fn roles<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Result<BTreeSet<Role>, String> {
    let listed = get("roles").or(get("role")).unwrap_or_default();
    // `{a,b}` is how PostgreSQL writes an array.
    let listed = listed.trim_start_matches('{').trim_end_matches('}');
    let words = listed
        .split([' ', ',', ';'])
        .filter(|word| !word.is_empty());
    let mut roles = words
        .map(Role::parse)
        .collect::<Result<BTreeSet<Role>, _>>()
        .map_err(|error| format!("a role cannot be taken: {error}"))?;
    for column in ["is_admin", "is_superuser"] {
        if get(column).map(|text| truth(column, text)).transpose()? == Some(true) {
            roles.insert(Role::admin());
        }
    }
    check_roles(&roles).map_err(|error| format!("the roles cannot be taken: {error}"))?;
    Ok(roles)
}

fn active<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Result<bool, String> {
    let disabled = get("disabled")
        .map(|text| truth("disabled", text))
        .transpose()?;
    let active = get("is_active")
        .map(|text| truth("is_active", text))
        .transpose()?;
    Ok(!disabled.unwrap_or(false) && active.unwrap_or(true))
}

fn truth(column: &str, text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "t" | "true" | "y" | "yes" => Ok(true),
        "0" | "f" | "false" | "n" | "no" => Ok(false),
        _ => Err(format!("the {column} is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2b$12$gsCNbRD1uwp7hc6h.VVzb.AvVuQ3Y8qYzTMBqrDTJHUgjmGzJ3zW.";

    fn parse(extra: &[(&str, &str)]) -> Result<ImportedUser, String> {
        let mut fields: HashMap<String, String> = [("username", "matt"), ("hashed_password", HASH)]
            .map(|(column, value)| (column.to_owned(), value.to_owned()))
            .into();
        fields.extend(
            extra
                .iter()
                .map(|(c, v)| ((*c).to_owned(), (*v).to_owned())),
        );
        let passwords = Passwords::builder().arenas(1).build().unwrap();
        user(&fields, &passwords)
    }

    #[test]
    fn a_row_of_the_tutorials_table_is_understood() {
        let user = parse(&[
            ("id", "1"),
            ("email", "matt@example.com"),
            ("first_name", "Matt"),
            ("last_name", "Hatter"),
            ("is_active", "1"),
            ("role", "admin"),
        ])
        .unwrap();
        assert_eq!(user.id.unwrap().get(), 1);
        assert_eq!(user.user.display_name.as_deref(), Some("Matt Hatter"));
        assert_eq!(user.user.roles, [Role::admin()].into());
        assert!(user.active);
    }

    #[test]
    fn a_hash_of_every_usual_system_is_known_and_others_are_refused() {
        let with = |hash| parse(&[("hashed_password", hash)]);
        for hash in [
            HASH,
            "$argon2id$v=19$m=65536,t=3,p=4$nMt7TRhGIEmPjTYyqBCCvg$dy9CC/3Vj6OXlGy5GMlmOdEi6qBrV2rB8GynPTNui2c",
            "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdHNhbHRzYWx0c2FsdA$x7+liL6/pdKVjsbHJJOqzg2e243WVrwlUAX+tiwBpfU",
            "pbkdf2_sha256$1000000$saltsaltsaltsalt$YzNUKfouhljzuD7eSbsQ3OwZryzQOWeZ0AYoxvjvgZY=",
            "bcrypt_sha256$$2b$12$gsCNbRD1uwp7hc6h.VVzb.AvVuQ3Y8qYzTMBqrDTJHUgjmGzJ3zW.",
            "$pbkdf2-sha256$29000$1/rfOwegVEoJwXhvzVkrpQ$3MqPmuOb4vdxjcTNPdGNWhZFbDiY1je9n0ErmeHBuNI",
            "$scrypt$ln=16,r=8,p=1$pXSuFSJEyLk3BiDEWAuBUA$+5ccaZNb8DnglLDYQlBX8FU8fxyD/kXg44aKgplQ/qI",
        ] {
            assert_eq!(with(hash).unwrap().user.password_hash.expose(), hash);
        }
        let costly =
            with("pbkdf2_sha256$99000000$salt$YzNUKfouhljzuD7eSbsQ3OwZryzQOWeZ0AYoxvjvgZY=");
        assert!(costly.unwrap_err().contains("above 4000000"));
        let unknown = with("$5$rounds=5000$salt$hash").unwrap_err();
        assert!(
            unknown.contains("not supported") && !unknown.contains("salt$hash"),
            "{unknown}"
        );
    }

    #[test]
    fn either_way_of_disabling_disables() {
        assert!(!parse(&[("disabled", "true")]).unwrap().active);
        assert!(!parse(&[("is_active", "f")]).unwrap().active);
        assert!(parse(&[("disabled", "0")]).unwrap().active);
        assert!(parse(&[("disabled", "maybe")]).is_err());
    }

    #[test]
    fn a_number_that_leaves_none_for_others_is_refused() {
        for bad in [
            "0",
            "-1",
            "1.5",
            "one",
            "9223372036854775807",
            "4503599627370496",
        ] {
            assert!(parse(&[("id", bad)]).is_err(), "{bad}");
        }
        assert!(parse(&[("id", "4503599627370495")]).is_ok());
    }

    #[test]
    fn an_array_of_postgres_is_a_list_of_roles() {
        let roles = parse(&[("roles", "{editor,admin}")]).unwrap().user.roles;
        assert_eq!(roles.len(), 2);
    }
}
