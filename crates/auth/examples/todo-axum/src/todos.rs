//! The table of todos. Every statement about one todo names its owner: somebody else's is not
//! there, so nobody can forget to check.

use deadpool_postgres::{Manager, Object, Pool, PoolError};
use serde::{Deserialize, Serialize};
use tokio_postgres::{NoTls, Row};

/// What there is to do.
#[derive(Debug, Serialize)]
pub struct Todo {
    pub id: i64,
    pub owner: i64,
    #[serde(flatten)]
    pub task: Task,
}

/// What its owner says about it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    pub title: String,
    #[serde(default)]
    pub done: bool,
}

/// Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Todos(Pool);

const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS todos (
        id    bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        owner bigint  NOT NULL,
        title text    NOT NULL,
        done  boolean NOT NULL
    );
    CREATE INDEX IF NOT EXISTS todos_owner ON todos (owner)";

impl Todos {
    /// Connects when it is first used. `NoTls`: take `tokio-postgres-rustls` for a database
    /// beyond this machine.
    pub fn of(url: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let manager = Manager::new(url.parse()?, NoTls);
        Ok(Self(Pool::builder(manager).max_size(8).build()?))
    }

    pub async fn create_table(&self) -> Result<(), PoolError> {
        Ok(self.database().await?.batch_execute(TABLE).await?)
    }

    pub async fn list(&self, owner: i64) -> Result<Vec<Todo>, PoolError> {
        let sql = "SELECT id, owner, title, done FROM todos WHERE owner = $1 ORDER BY id";
        let rows = self.database().await?.query(sql, &[&owner]).await?;
        Ok(rows.iter().map(todo).collect())
    }

    pub async fn list_all(&self) -> Result<Vec<Todo>, PoolError> {
        let sql = "SELECT id, owner, title, done FROM todos ORDER BY id";
        let rows = self.database().await?.query(sql, &[]).await?;
        Ok(rows.iter().map(todo).collect())
    }

    pub async fn get(&self, owner: i64, id: i64) -> Result<Option<Todo>, PoolError> {
        let sql = "SELECT id, owner, title, done FROM todos WHERE owner = $1 AND id = $2";
        let row = self
            .database()
            .await?
            .query_opt(sql, &[&owner, &id])
            .await?;
        Ok(row.as_ref().map(todo))
    }

    pub async fn add(&self, owner: i64, task: &Task) -> Result<Todo, PoolError> {
        let sql = "INSERT INTO todos (owner, title, done) VALUES ($1, $2, $3) \
                   RETURNING id, owner, title, done";
        let (title, done) = (&task.title, &task.done);
        let row = self
            .database()
            .await?
            .query_one(sql, &[&owner, title, done])
            .await?;
        Ok(todo(&row))
    }

    pub async fn change(
        &self,
        owner: i64,
        id: i64,
        task: &Task,
    ) -> Result<Option<Todo>, PoolError> {
        let sql = "UPDATE todos SET title = $3, done = $4 WHERE owner = $1 AND id = $2 \
                   RETURNING id, owner, title, done";
        let (title, done) = (&task.title, &task.done);
        let row = self
            .database()
            .await?
            .query_opt(sql, &[&owner, &id, title, done])
            .await?;
        Ok(row.as_ref().map(todo))
    }

    pub async fn remove(&self, owner: i64, id: i64) -> Result<bool, PoolError> {
        let sql = "DELETE FROM todos WHERE owner = $1 AND id = $2";
        let rows = self.database().await?.execute(sql, &[&owner, &id]).await?;
        Ok(rows == 1)
    }

    async fn database(&self) -> Result<Object, PoolError> {
        self.0.get().await
    }
}

fn todo(row: &Row) -> Todo {
    Todo {
        id: row.get("id"),
        owner: row.get("owner"),
        task: Task {
            title: row.get("title"),
            done: row.get("done"),
        },
    }
}
