//! A fresh database per test, of both kinds.

#![allow(dead_code, clippy::unwrap_used, unreachable_pub)]

use sea_orm::{ConnectionTrait as _, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};
use stups_store::audit::{Actor, Event, Outcome};
use stups_store::{DatabaseUrl, Dialect, Migrations, Store};
use stups_testkit::PostgreSql;
use tempfile::TempDir;

/// A database of its own for one test.
#[derive(Debug)]
pub struct TestDatabase {
    pub url: DatabaseUrl,
    /// the same for a PostgreSQL client
    pub address: String,
    pub directory: TempDir,
}

impl TestDatabase {
    pub async fn new(dialect: Dialect) -> Self {
        let directory = tempfile::tempdir().unwrap();
        match dialect {
            Dialect::Sqlite => {
                let url = DatabaseUrl::sqlite_file(&directory.path().join("fruit.db"));
                Self {
                    url,
                    address: String::new(),
                    directory,
                }
            }
            Dialect::PostgreSql => {
                let address = PostgreSql::shared().await.database().await;
                Self {
                    url: address.parse().unwrap(),
                    address,
                    directory,
                }
            }
        }
    }

    pub async fn open(&self) -> Store {
        Store::open(&self.url, "fruit", fruit_migrations()).await.unwrap()
    }
}

pub fn fruit_migrations() -> Migrations {
    vec![Box::new(Fruit)]
}

struct Fruit;

impl MigrationName for Fruit {
    fn name(&self) -> &'static str {
        "fruit_0001"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Fruit {
    #[allow(elided_lifetimes_in_paths)]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = "CREATE TABLE fruit (name TEXT NOT NULL PRIMARY KEY, eaten_by TEXT REFERENCES fruit (name))";
        manager.get_connection().execute_unprepared(tables).await?;
        Ok(())
    }
}

pub async fn count(store: &Store, table: &str) -> i64 {
    let statement = sea_orm::Statement::from_string(
        store.connection().get_database_backend(),
        format!("SELECT COUNT(*) AS n FROM {table}"),
    );
    store
        .connection()
        .query_one_raw(statement)
        .await
        .unwrap()
        .unwrap()
        .try_get("", "n")
        .unwrap()
}

pub fn event(subject: &str) -> Event {
    Event {
        action: "fruit.added".to_owned(),
        subject: subject.to_owned(),
        actor: Actor {
            realm: "/employees".to_owned(),
            uid: "jdoe".to_owned(),
            client_id: None,
            address: Some("192.0.2.7".to_owned()),
            request_id: None,
        },
        outcome: Outcome::Success,
        details: serde_json::json!({"colour": "red", "weight": 1.5}),
    }
}

/// Each function once per database.
#[macro_export]
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(stups_store::Dialect::Sqlite).await;
            })*
        }
        mod postgresql {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(stups_store::Dialect::PostgreSql).await;
            })*
        }
    };
}
