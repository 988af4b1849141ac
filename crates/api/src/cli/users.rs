mod listing;
mod sessions;

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use passgate_auth::flows::{self, Register, RegisterError};
use passgate_auth::password::Personal;
use passgate_domain::ports::UserStore;
use passgate_domain::role::check_roles;
use passgate_domain::user::check_display_name;
use passgate_domain::{Email, Role, User, UserChange, Username};

use super::{act, import, output, prompt, with_database};
use crate::config::{DatabaseArgs, PasswordArgs};
use crate::database::Database;
use crate::failure::Failure;
use crate::settings;

/// What can be done with users.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a user; the password is asked for.
    Add(AddArgs),
    /// List users by their numbers, or those whose name or address begins with a text.
    List(listing::ListArgs),
    /// Show one user.
    Show(listing::ShowArgs),
    /// Keep a user from logging in.
    Disable(NameArgs),
    /// Let a disabled user log in again.
    Enable(NameArgs),
    /// Give a user another password, which is asked for.
    SetPassword(SetPasswordArgs),
    /// Give a user these roles and no others; none, if none is named.
    SetRoles(SetRolesArgs),
    /// Delete a user. The name stays taken for ever, so that nobody is mistaken for them.
    Remove(NameArgs),
    /// Show where a user is logged in.
    Sessions(listing::ShowArgs),
    /// Log a user out everywhere.
    LogOut(NameArgs),
    /// Bring users over from another system, all or none.
    ///
    /// FILE is CSV with a header line, or JSON Lines (one object a line). Columns: username and
    /// `hashed_password` (argon2, bcrypt, scrypt or PBKDF2, also as passlib or Django writes them, or
    /// Firebase's as `$fbscrypt$`), and if there: id, email, `display_name` or `full_name` or
    /// `first_name` and `last_name`, role or roles, disabled or `is_active`. Others are left out, and
    /// named. Passwords keep working; each moves to argon2id when its owner next logs in.
    /// Running the same file again changes nothing.
    Import(import::ImportArgs),
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The name to log in with.
    username: String,

    /// Where mail reaches the user.
    #[arg(long)]
    email: Option<String>,

    /// What people call the user.
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,

    /// A role; may be given several times.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<Role>,

    /// Give the role of administrators.
    #[arg(long)]
    admin: bool,

    /// Read the password from the first line of standard input.
    #[arg(long)]
    password_stdin: bool,

    #[command(flatten)]
    passwords: PasswordArgs,

    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(super) struct NameArgs {
    /// Who.
    username: String,

    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(super) struct SetRolesArgs {
    /// Who.
    username: String,

    /// A role; may be given several times.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<Role>,

    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(super) struct SetPasswordArgs {
    /// Who.
    username: String,

    /// Read the password from the first line of standard input.
    #[arg(long)]
    password_stdin: bool,

    #[command(flatten)]
    passwords: PasswordArgs,

    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Add(args) => add(args),
        Command::List(args) => listing::list(&args),
        Command::Show(args) => listing::show(&args),
        Command::Disable(args) => set_status(&args, false),
        Command::Enable(args) => set_status(&args, true),
        Command::SetPassword(args) => set_password(&args),
        Command::SetRoles(args) => set_roles(&args),
        Command::Remove(args) => remove(&args),
        Command::Sessions(args) => sessions::list(&args),
        Command::LogOut(args) => sessions::end(&args),
        Command::Import(args) => import::run(&args),
    }
}

fn add(args: AddArgs) -> Result<(), Failure> {
    let username = parse_name(&args.username)?;
    let email = args.email.as_deref().map(Email::parse).transpose()?;
    args.display_name
        .as_deref()
        .map(check_display_name)
        .transpose()?;
    let mut roles = args.roles;
    roles.extend(args.admin.then(Role::admin));
    check_roles(&roles.iter().cloned().collect())?;
    let passwords = settings::passwords(&args.passwords)?;
    let policy = settings::policy(&args.passwords)?;
    let password = prompt::new_password(args.password_stdin)?;
    let owner = Personal {
        username: Some(&username),
        email: email.as_ref(),
        display_name: args.display_name.as_deref(),
    };
    policy.check(&password, owner)?;
    policy.check_breached(&password)?;
    let command = Register {
        username,
        password,
        email,
        display_name: args.display_name,
        roles,
    };
    let user = with_database(&args.database, |database| {
        flows::register(database.store(), &passwords, &policy, command, &act()).map_err(|error| {
            match error {
                RegisterError::Taken(field) => Failure::new(format!(
                    "the {field} is already taken by another user: nothing was changed"
                )),
                error => Failure::from_error(&error),
            }
        })
    })?;
    output::line(&format!(
        "Made user {} with number {}.",
        user.username, user.id
    ))
}

fn set_status(args: &NameArgs, enable: bool) -> Result<(), Failure> {
    let user = with_database(&args.database, |database| {
        let user = find(database, &args.username)?;
        let change = UserChange::active(enable);
        database
            .store()
            .update_user(user.id, &change, &act())?
            .ok_or_else(|| unknown(&args.username))
    })?;
    output::line(&format!(
        "User {} is {}.",
        output::plain(user.username.as_str()),
        listing::status(&user)
    ))
}

fn set_password(args: &SetPasswordArgs) -> Result<(), Failure> {
    let passwords = settings::passwords(&args.passwords)?;
    let policy = settings::policy(&args.passwords)?;
    let password = prompt::new_password(args.password_stdin)?;
    let user = with_database(&args.database, |database| {
        let user = find(database, &args.username)?;
        policy.check(&password, Personal::from(&user))?;
        policy.check_breached(&password)?;
        let hash = passwords.hash_blocking(&password)?;
        if !database.store().set_password_hash(user.id, &hash, &act())? {
            return Err(unknown(&args.username));
        }
        Ok(user)
    })?;
    output::line(&format!(
        "User {} has a new password.",
        output::plain(user.username.as_str())
    ))
}

fn set_roles(args: &SetRolesArgs) -> Result<(), Failure> {
    let new: BTreeSet<Role> = args.roles.iter().cloned().collect();
    check_roles(&new)?;
    let user = with_database(&args.database, |database| {
        let user = find(database, &args.username)?;
        let change = UserChange {
            roles: Some(new),
            ..UserChange::default()
        };
        database
            .store()
            .update_user(user.id, &change, &act())?
            .ok_or_else(|| unknown(&args.username))
    })?;
    let roles = match listing::roles(&user) {
        roles if roles.is_empty() => "no roles".to_owned(),
        roles => format!("the roles {}", roles.join(" ")),
    };
    output::line(&format!(
        "User {} has {roles} from the next refresh of each session on.",
        output::plain(user.username.as_str())
    ))
}

fn remove(args: &NameArgs) -> Result<(), Failure> {
    let user = with_database(&args.database, |database| {
        let user = find(database, &args.username)?;
        if database.store().delete_user(user.id, &act())? {
            Ok(user)
        } else {
            Err(unknown(&args.username))
        }
    })?;
    output::line(&format!(
        "User {} is gone; the name stays taken.",
        output::plain(user.username.as_str())
    ))
}

fn find(database: &Database, name: &str) -> Result<User, Failure> {
    let credentials = database.store().find_credentials(&parse_name(name)?)?;
    credentials
        .map(|found| found.user)
        .ok_or_else(|| unknown(name))
}

fn parse_name(name: &str) -> Result<Username, Failure> {
    Ok(Username::parse(name)?)
}

fn unknown(name: &str) -> Failure {
    Failure::new(format!(
        "there is no user {}: `passgate users list` shows all",
        output::plain(name)
    ))
}
