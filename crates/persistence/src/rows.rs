//! Rows as they are in the tables, and the way to the types of the domain.

use std::collections::BTreeSet;
use std::net::IpAddr;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bytea, Nullable, Text, Timestamptz};
use passgate_domain::guess::{GuessKey, subscriber};
use passgate_domain::ports::{Cause, Prospect, StoreError};
use passgate_domain::session::{Device, Generation, Session, SessionId};
use passgate_domain::{
    Credentials, Email, NewUser, PasswordHash, Role, ScopeSet, User, UserId, UserStatus, Username,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::corrupt;
use crate::schema::{sessions, users};

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub(crate) struct UserRow {
    id: i64,
    username: String,
    email: Option<String>,
    display_name: Option<String>,
    roles: Vec<String>,
    disabled_at: Option<OffsetDateTime>,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl UserRow {
    pub(crate) fn into_user(self) -> Result<User, StoreError> {
        let row = self.id;
        let corrupt = |column| move |cause: Cause| corrupt("users", column, &row, cause);
        let roles: Result<BTreeSet<Role>, _> =
            self.roles.iter().map(|role| Role::parse(role)).collect();
        let email = self.email.as_deref().map(Email::stored).transpose();
        Ok(User {
            id: UserId::try_new(row).map_err(|cause| corrupt("id")(cause.into()))?,
            username: Username::parse(&self.username)
                .map_err(|cause| corrupt("username")(cause.into()))?,
            email: email.map_err(|cause| corrupt("email")(cause.into()))?,
            display_name: self.display_name,
            roles: roles.map_err(|cause| corrupt("roles")(cause.into()))?,
            status: match self.disabled_at {
                None => UserStatus::Active,
                Some(since) => UserStatus::Disabled { since },
            },
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub(crate) struct CredentialsRow {
    #[diesel(embed)]
    user: UserRow,
    password_hash: String,
}

impl CredentialsRow {
    pub(crate) fn into_credentials(self) -> Result<Credentials, StoreError> {
        Ok(Credentials {
            user: self.user.into_user()?,
            password_hash: PasswordHash::new(self.password_hash),
        })
    }
}

/// What stands against a guess, and the account if there is one: the columns from `id` on are all
/// there, or none is.
#[derive(QueryableByName)]
pub(crate) struct ProspectRow {
    #[diesel(sql_type = Nullable<Array<Bytea>>)]
    waiting_keys: Option<Vec<Vec<u8>>>,
    #[diesel(sql_type = Nullable<Array<Timestamptz>>)]
    waiting_until: Option<Vec<OffsetDateTime>>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    addresses: Option<Vec<String>>,
    #[diesel(sql_type = Nullable<BigInt>)]
    id: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    username: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    email: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    display_name: Option<String>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    roles: Option<Vec<String>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    disabled_at: Option<OffsetDateTime>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    created_at: Option<OffsetDateTime>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    updated_at: Option<OffsetDateTime>,
    #[diesel(sql_type = Nullable<Text>)]
    password_hash: Option<String>,
}

impl ProspectRow {
    /// `address` is the network that the guess comes from. Where there is no account, one of the name
    /// that was asked for is read and thrown away: what reading takes would tell, in some thousand
    /// guesses.
    pub(crate) fn into_prospect(
        self,
        asked: Option<&Username>,
        address: Option<IpAddr>,
    ) -> Result<Prospect, StoreError> {
        let keys = self.waiting_keys.unwrap_or_default().into_iter();
        let until = self.waiting_until.unwrap_or_default();
        let waiting = keys.zip(until).filter_map(|(key, until)| {
            let key: [u8; GuessKey::BYTES] = key.try_into().ok()?;
            Some((GuessKey::new(key), until))
        });
        let waiting = waiting.collect();
        let known = self.addresses.unwrap_or_default();
        let mut known = known.iter().filter_map(|known| known.parse().ok());
        let is_from_known_address =
            address.is_some() && known.any(|known| Some(subscriber(known)) == address);
        let mut credentials = None;
        if let (Some(id), Some(username), Some(roles), Some(created), Some(updated), Some(hash)) = (
            self.id,
            self.username,
            self.roles,
            self.created_at,
            self.updated_at,
            self.password_hash,
        ) {
            let user = UserRow {
                id,
                username,
                email: self.email,
                display_name: self.display_name,
                roles,
                disabled_at: self.disabled_at,
                created_at: created,
                updated_at: updated,
            };
            let password_hash = hash;
            let row = CredentialsRow {
                user,
                password_hash,
            };
            credentials = Some(row.into_credentials()?);
        } else if let Some(asked) = asked {
            let nobody = UserRow {
                id: 1,
                username: asked.as_str().to_owned(),
                email: None,
                display_name: None,
                roles: Vec::new(),
                disabled_at: None,
                created_at: OffsetDateTime::UNIX_EPOCH,
                updated_at: OffsetDateTime::UNIX_EPOCH,
            };
            drop(std::hint::black_box(nobody.into_user()));
        }
        Ok(Prospect {
            credentials,
            waiting,
            is_from_known_address,
        })
    }
}

#[derive(Insertable)]
#[diesel(table_name = users)]
pub(crate) struct NewUserRow<'a> {
    /// Left out, the database gives the next.
    id: Option<i64>,
    username: &'a str,
    username_key: &'a str,
    email: Option<&'a str>,
    email_key: Option<&'a str>,
    display_name: Option<&'a str>,
    password_hash: &'a str,
    roles: Vec<&'a str>,
    disabled_at: Option<OffsetDateTime>,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl<'a> NewUserRow<'a> {
    pub(crate) fn of(id: Option<UserId>, user: &'a NewUser, now: OffsetDateTime) -> Self {
        Self {
            id: id.map(UserId::get),
            username: user.username.as_str(),
            username_key: user.username.key(),
            email: user.email.as_ref().map(Email::as_str),
            email_key: user.email.as_ref().map(Email::key),
            display_name: user.display_name.as_deref(),
            password_hash: user.password_hash.expose(),
            roles: user.roles.iter().map(Role::as_str).collect(),
            disabled_at: None,
            created_at: now,
            updated_at: now,
        }
    }

    pub(crate) fn disabled(mut self, since: OffsetDateTime) -> Self {
        self.disabled_at = Some(since);
        self
    }
}

#[derive(Queryable, QueryableByName, Selectable)]
#[diesel(table_name = sessions)]
#[diesel(check_for_backend(diesel::pg::Pg))]
pub(crate) struct SessionRow {
    id: Uuid,
    user_id: i64,
    client_id: String,
    scope: String,
    generation: i64,
    user_agent: Option<String>,
    address: Option<String>,
    created_at: OffsetDateTime,
    last_used_at: OffsetDateTime,
    idle_until: OffsetDateTime,
    expires_at: OffsetDateTime,
    ended_at: Option<OffsetDateTime>,
    of_client: bool,
}

/// A session as a rotation left it, and its user, who is active.
#[derive(QueryableByName)]
pub(crate) struct RotatedRow {
    #[diesel(embed)]
    session: SessionRow,
    #[diesel(sql_type = Text)]
    holder_username: String,
    #[diesel(sql_type = Nullable<Text>)]
    holder_email: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    holder_display_name: Option<String>,
    #[diesel(sql_type = Array<Text>)]
    holder_roles: Vec<String>,
    #[diesel(sql_type = Timestamptz)]
    holder_created_at: OffsetDateTime,
    #[diesel(sql_type = Timestamptz)]
    holder_updated_at: OffsetDateTime,
}

impl RotatedRow {
    pub(crate) fn into_parts(self) -> (SessionRow, UserRow) {
        let user = UserRow {
            id: self.session.user_id,
            username: self.holder_username,
            email: self.holder_email,
            display_name: self.holder_display_name,
            roles: self.holder_roles,
            disabled_at: None,
            created_at: self.holder_created_at,
            updated_at: self.holder_updated_at,
        };
        (self.session, user)
    }
}

impl SessionRow {
    pub(crate) fn is_ended(&self) -> bool {
        self.ended_at.is_some()
    }

    pub(crate) fn into_session(self) -> Result<Session, StoreError> {
        let row = self.id;
        let corrupt = |column| move |cause: Cause| corrupt("sessions", column, &row, cause);
        let generation = u32::try_from(self.generation)
            .ok()
            .and_then(Generation::new);
        Ok(Session {
            id: SessionId::from_uuid(self.id),
            user_id: UserId::try_new(self.user_id)
                .map_err(|cause| corrupt("user_id")(cause.into()))?,
            client_id: self.client_id,
            of_client: self.of_client,
            scope: ScopeSet::parse(&self.scope).map_err(|cause| corrupt("scope")(cause.into()))?,
            generation: generation
                .ok_or_else(|| corrupt("generation")("it is out of its range".into()))?,
            device: Device {
                user_agent: self.user_agent,
                address: self.address,
            },
            created_at: self.created_at,
            last_used_at: self.last_used_at,
            idle_until: self.idle_until,
            expires_at: self.expires_at,
        })
    }
}
