use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use passgate_domain::audit::{Act, Action, Deed};
use passgate_domain::client::{
    Client, ClientChange, ClientSecret, Grant, NewClient, NewClientSecret, SecretDigest,
    SecretHint, Slot,
};
use passgate_domain::ports::{AddedSecret, Cause, ClientStore, CreateClientError, StoreError};
use passgate_domain::{ClientId, ScopeSet};
use time::OffsetDateTime;

use crate::PgStore;
use crate::audit;
use crate::error::{PgError, corrupt};
use crate::schema::clients;

/// A client as it is in its table, for reading and for writing all of it.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = clients)]
#[diesel(check_for_backend(diesel::pg::Pg))]
#[diesel(treat_none_as_null = true)]
struct ClientRow {
    id: String,
    name: Option<String>,
    grants: Vec<String>,
    scope: String,
    disabled_at: Option<OffsetDateTime>,
    secret_1_sha256: Option<Vec<u8>>,
    secret_1_hint: Option<String>,
    secret_1_at: Option<OffsetDateTime>,
    secret_2_sha256: Option<Vec<u8>>,
    secret_2_hint: Option<String>,
    secret_2_at: Option<OffsetDateTime>,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

/// What a slot holds: all three, or nothing.
type Kept = (Option<Vec<u8>>, Option<String>, Option<OffsetDateTime>);

impl ClientRow {
    fn of(client: &Client) -> Self {
        let kept = |slot| -> Kept {
            let secret = client.secrets.iter().find(|secret| secret.slot == slot);
            (
                secret.map(|secret| secret.digest.as_bytes().to_vec()),
                secret.map(|secret| secret.hint.to_string()),
                secret.map(|secret| secret.created_at),
            )
        };
        let (first, second) = (kept(Slot::First), kept(Slot::Second));
        Self {
            id: client.id.to_string(),
            name: client.name.clone(),
            grants: client.grants.iter().map(ToString::to_string).collect(),
            scope: client.scope.to_string(),
            disabled_at: client.disabled_since,
            secret_1_sha256: first.0,
            secret_1_hint: first.1,
            secret_1_at: first.2,
            secret_2_sha256: second.0,
            secret_2_hint: second.1,
            secret_2_at: second.2,
            created_at: client.created_at,
            updated_at: client.updated_at,
        }
    }

    fn into_client(self) -> Result<Client, StoreError> {
        let row = self.id.clone();
        let corrupt = |column, cause: Cause| corrupt("clients", column, &row, cause);
        let grants: Result<_, _> = self
            .grants
            .iter()
            .map(|grant| grant.parse::<Grant>())
            .collect();
        let secrets = [
            (
                Slot::First,
                (self.secret_1_sha256, self.secret_1_hint, self.secret_1_at),
            ),
            (
                Slot::Second,
                (self.secret_2_sha256, self.secret_2_hint, self.secret_2_at),
            ),
        ];
        let secrets: Result<Vec<_>, _> = secrets
            .into_iter()
            .filter_map(|(slot, kept)| secret(slot, kept).transpose())
            .collect();
        Ok(Client {
            id: ClientId::parse(&self.id).map_err(|cause| corrupt("id", cause.into()))?,
            name: self.name,
            grants: grants.map_err(|cause| corrupt("grants", cause.into()))?,
            scope: ScopeSet::parse(&self.scope).map_err(|cause| corrupt("scope", cause.into()))?,
            disabled_since: self.disabled_at,
            secrets: secrets
                .map_err(|cause| corrupt("secret_1_sha256 or secret_2_sha256", cause))?,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

fn secret(slot: Slot, kept: Kept) -> Result<Option<ClientSecret>, Cause> {
    let (Some(digest), Some(hint), Some(created_at)) = kept else {
        return Ok(None);
    };
    let digest: [u8; 32] = digest
        .try_into()
        .map_err(|_| Cause::from("a SHA-256 has 32 bytes"))?;
    Ok(Some(ClientSecret {
        slot,
        digest: SecretDigest::new(digest),
        hint: SecretHint::of(&hint),
        created_at,
    }))
}

fn kept(secret: &NewClientSecret, slot: Slot, now: OffsetDateTime) -> ClientSecret {
    ClientSecret {
        slot,
        digest: secret.digest.clone(),
        hint: secret.hint.clone(),
        created_at: now,
    }
}

/// Reads a client that is to be changed, and makes others who want to change it wait.
fn lock(connection: &mut PgConnection, id: &ClientId) -> Result<Option<Client>, PgError> {
    let row: Option<ClientRow> = clients::table
        .find(id.as_str())
        .select(ClientRow::as_select())
        .for_update()
        .first(connection)
        .optional()?;
    Ok(row.map(ClientRow::into_client).transpose()?)
}

fn write(connection: &mut PgConnection, client: &Client) -> QueryResult<()> {
    diesel::update(clients::table.find(client.id.as_str()))
        .set(ClientRow::of(client))
        .execute(connection)
        .map(drop)
}

impl From<PgError> for CreateClientError {
    fn from(error: PgError) -> Self {
        match &error {
            PgError::Diesel(DieselError::DatabaseError(
                DatabaseErrorKind::UniqueViolation,
                information,
            )) if information.constraint_name() == Some("clients_pkey") => Self::Taken,
            _ => Self::Store(error.into()),
        }
    }
}

impl ClientStore for PgStore {
    fn find_client(&self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        let row: Option<ClientRow> = self.read(|connection| {
            let row = clients::table
                .find(id.as_str())
                .select(ClientRow::as_select())
                .first(connection)
                .optional()?;
            Ok(row)
        })?;
        row.map(ClientRow::into_client).transpose()
    }

    fn list_clients(
        &self,
        after: Option<&ClientId>,
        limit: u32,
    ) -> Result<Vec<Client>, StoreError> {
        let rows: Vec<ClientRow> = self.read(|connection| {
            let rows = clients::table
                .filter(clients::id.gt(after.map_or("", ClientId::as_str)))
                .order(clients::id)
                .limit(limit.into())
                .select(ClientRow::as_select())
                .load(connection)?;
            Ok(rows)
        })?;
        rows.into_iter().map(ClientRow::into_client).collect()
    }

    fn create_client(&self, client: &NewClient, act: &Act) -> Result<Client, CreateClientError> {
        let NewClient {
            id,
            name,
            grants,
            scope,
            secret,
        } = client.clone();
        let client = Client {
            id,
            name,
            grants,
            scope,
            disabled_since: None,
            secrets: vec![kept(&secret, Slot::First, act.at)],
            created_at: act.at,
            updated_at: act.at,
        };
        self.with(|connection| {
            connection.transaction(|connection| {
                diesel::insert_into(clients::table)
                    .values(ClientRow::of(&client))
                    .execute(connection)?;
                let deed = Deed::new(Action::ClientCreated).target(&client.id);
                audit::write(connection, &deed, act)?;
                Ok(())
            })
        })
        .map_err(CreateClientError::from)?;
        Ok(client)
    }

    fn update_client(
        &self,
        id: &ClientId,
        change: &ClientChange,
        act: &Act,
    ) -> Result<Option<Client>, StoreError> {
        let is_changed = |(_, is_changed): &(_, bool)| *is_changed;
        let client = self.withdraw(is_changed, |connection| {
            connection.transaction(|connection| {
                let Some(mut client) = lock(connection, id)? else {
                    return Ok((None, false));
                };
                let changed = change.apply(&mut client, act.at);
                if !changed.is_empty() {
                    write(connection, &client)?;
                    let deed = Deed::new(Action::ClientChanged).target(id);
                    audit::write(connection, &deed.detail(changed.join(" ")), act)?;
                }
                Ok((Some(client), !changed.is_empty()))
            })
        });
        Ok(client?.0)
    }

    fn delete_client(&self, id: &ClientId, act: &Act) -> Result<bool, StoreError> {
        let is_deleted = self.withdraw(bool::clone, |connection| {
            connection.transaction(|connection| {
                let deleted =
                    diesel::delete(clients::table.find(id.as_str())).execute(connection)?;
                if deleted == 1 {
                    let deed = Deed::new(Action::ClientDeleted).target(id);
                    audit::write(connection, &deed, act)?;
                }
                Ok(deleted == 1)
            })
        });
        Ok(is_deleted?)
    }

    fn add_client_secret(
        &self,
        id: &ClientId,
        secret: &NewClientSecret,
        act: &Act,
    ) -> Result<AddedSecret, StoreError> {
        let added = self.with(|connection| {
            connection.transaction(|connection| {
                let Some(mut client) = lock(connection, id)? else {
                    return Ok(AddedSecret::NoClient);
                };
                let is_free = |slot: &Slot| client.secrets.iter().all(|held| held.slot != *slot);
                let Some(slot) = Slot::ALL.into_iter().find(is_free) else {
                    return Ok(AddedSecret::Full);
                };
                let secret = kept(secret, slot, client.secret_time(act.at));
                client.secrets.push(secret.clone());
                client.updated_at = act.at;
                write(connection, &client)?;
                let deed = Deed::new(Action::ClientSecretAdded).target(id);
                audit::write(connection, &deed.detail(format!("slot {slot}")), act)?;
                Ok(AddedSecret::Added(secret))
            })
        });
        Ok(added?)
    }

    fn remove_client_secret(
        &self,
        id: &ClientId,
        slot: Slot,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let is_removed = self.withdraw(bool::clone, |connection| {
            connection.transaction(|connection| {
                let Some(mut client) = lock(connection, id)? else {
                    return Ok(false);
                };
                let held = client.secrets.len();
                client.secrets.retain(|secret| secret.slot != slot);
                if client.secrets.len() == held {
                    return Ok(false);
                }
                client.updated_at = act.at;
                write(connection, &client)?;
                let deed = Deed::new(Action::ClientSecretRemoved).target(id);
                audit::write(connection, &deed.detail(format!("slot {slot}")), act)?;
                Ok(true)
            })
        });
        Ok(is_removed?)
    }
}
