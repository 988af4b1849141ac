use clap::{Args, Subcommand};
use passgate_auth::flows::{self, Register, RegisterError};
use passgate_domain::ports::{UserQuery, UserStore};
use passgate_domain::{Email, Role, User, UserChange, Username};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{act, import, output, prompt, with_database};
use crate::config::{DatabaseArgs, PasswordArgs};
use crate::database::Database;
use crate::failure::Failure;
use crate::handlers::users::is_display_name;
use crate::server;

/// How many users are read at a time.
const PAGE: u32 = 500;

/// What can be done with users.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a user; the password is asked for.
    Add(AddArgs),
    /// List users by their numbers.
    List(ListArgs),
    /// Show one user.
    Show(ShowArgs),
    /// Keep a user from logging in.
    Disable(NameArgs),
    /// Let a disabled user log in again.
    Enable(NameArgs),
    /// Give a user another password, which is asked for.
    SetPassword(SetPasswordArgs),
    /// Bring users over from another system, all or none.
    ///
    /// FILE is CSV with a header line, or JSON Lines (one object a line). Columns: username and
    /// `hashed_password` (bcrypt or argon2), and if there: id, email, `display_name` or `full_name` or
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
pub(super) struct ListArgs {
    /// Print a JSON array.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Who.
    username: String,

    /// Print a JSON object.
    #[arg(long)]
    json: bool,

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
        Command::List(args) => list(&args),
        Command::Show(args) => show(&args),
        Command::Disable(args) => set_status(&args, false),
        Command::Enable(args) => set_status(&args, true),
        Command::SetPassword(args) => set_password(&args),
        Command::Import(args) => import::run(&args),
    }
}

fn add(args: AddArgs) -> Result<(), Failure> {
    let username = parse_name(&args.username)?;
    let email = args.email.as_deref().map(Email::parse).transpose()?;
    if args
        .display_name
        .as_deref()
        .is_some_and(|name| !is_display_name(name))
    {
        return Err(Failure::new(
            "a display name has at most 255 bytes and no control characters",
        ));
    }
    let mut roles = args.roles;
    roles.extend(args.admin.then(Role::admin));
    let passwords = server::passwords(&args.passwords)?;
    let policy = server::policy(&args.passwords);
    let password = prompt::new_password(args.password_stdin)?;
    policy.check(&password, Some(&username))?;
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

fn list(args: &ListArgs) -> Result<(), Failure> {
    let users = with_database(&args.database, all)?;
    if args.json {
        let users: Result<Vec<Value>, Failure> = users.iter().map(to_json).collect();
        return output::line(&serde_json::to_string_pretty(&users?)?);
    }
    output::line(&format!(
        "{:>8}  {:<24}  {:<32}  {:<8}  ROLES",
        "NUMBER", "USERNAME", "EMAIL", "STATUS"
    ))?;
    for user in &users {
        output::line(&format!(
            "{:>8}  {:<24}  {:<32}  {:<8}  {}",
            user.id,
            output::plain(user.username.as_str()),
            output::plain(user.email.as_ref().map_or("-", Email::as_str)),
            status(user),
            roles(user).join(" "),
        ))?;
    }
    Ok(())
}

fn all(database: &Database) -> Result<Vec<User>, Failure> {
    let mut users: Vec<User> = Vec::new();
    loop {
        let after = users.last().map(|user| user.id);
        let page = database
            .store()
            .list_users(&UserQuery::All { after }, PAGE)?;
        if page.is_empty() {
            return Ok(users);
        }
        users.extend(page);
    }
}

fn show(args: &ShowArgs) -> Result<(), Failure> {
    let user = with_database(&args.database, |database| find(database, &args.username))?;
    if args.json {
        return output::line(&serde_json::to_string_pretty(&to_json(&user)?)?);
    }
    output::line(&format!("number        {}", user.id))?;
    output::line(&format!(
        "username      {}",
        output::plain(user.username.as_str())
    ))?;
    if let Some(email) = &user.email {
        output::line(&format!("email         {}", output::plain(email.as_str())))?;
    }
    if let Some(name) = &user.display_name {
        output::line(&format!("display name  {}", output::plain(name)))?;
    }
    output::line(&format!("roles         {}", roles(&user).join(" ")))?;
    output::line(&format!("status        {}", status(&user)))?;
    output::line(&format!(
        "made          {}",
        user.created_at.format(&Rfc3339)?
    ))?;
    output::line(&format!(
        "changed       {}",
        user.updated_at.format(&Rfc3339)?
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
        status(&user)
    ))
}

fn set_password(args: &SetPasswordArgs) -> Result<(), Failure> {
    let passwords = server::passwords(&args.passwords)?;
    let policy = server::policy(&args.passwords);
    let password = prompt::new_password(args.password_stdin)?;
    let user = with_database(&args.database, |database| {
        let user = find(database, &args.username)?;
        policy.check(&password, Some(&user.username))?;
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

fn status(user: &User) -> &'static str {
    if user.status.is_active() {
        "active"
    } else {
        "disabled"
    }
}

fn roles(user: &User) -> Vec<&str> {
    user.roles.iter().map(Role::as_str).collect()
}

fn to_json(user: &User) -> Result<Value, Failure> {
    Ok(json!({
        "id": user.id.get(),
        "username": user.username.as_str(),
        "email": user.email.as_ref().map(Email::as_str),
        "display_name": user.display_name,
        "roles": roles(user),
        "disabled": !user.status.is_active(),
        "created_at": user.created_at.format(&Rfc3339)?,
        "updated_at": user.updated_at.format(&Rfc3339)?,
    }))
}
