//! Brings a database to the shape that this program expects.

use std::collections::HashSet;
use std::time::Duration;

use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait as _, Query, Table};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait as _,
};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::{Error, audit, jobs};

/// How long an instance waits for another one that migrates.
const PATIENCE: Duration = Duration::from_mins(5);

/// Which migrations a database has. The name and columns are SeaORM's own.
const TABLE: &str = "seaql_migrations";

/// A service's migrations, oldest first. They run inside one transaction, on SQLite too.
pub type Migrations = Vec<Box<dyn MigrationTrait>>;

/// All missing migrations, or none when one fails.
pub(crate) async fn apply(
    connection: &DatabaseConnection,
    service: &'static str,
    migrations: Migrations,
) -> Result<(), Error> {
    let transaction = lock(connection, service).await?;
    let applied = applied(&transaction).await?;
    let all: Migrations = own().into_iter().chain(migrations).collect();
    let known: HashSet<&str> = all.iter().map(|migration| migration.name()).collect();
    if let Some(unknown) = applied.iter().find(|name| !known.contains(name.as_str())) {
        return Err(Error::Newer {
            service,
            migration: unknown.clone(),
        });
    }
    for migration in all.iter().filter(|migration| !applied.contains(migration.name())) {
        migration.up(&SchemaManager::new(&transaction)).await?;
        let mut insert = Query::insert();
        insert.into_table(TABLE).columns(["version", "applied_at"]);
        insert.values_panic([migration.name().into(), Expr::val(jiff::Timestamp::now().as_second())]);
        transaction.execute(&insert).await?;
        tracing::info!(service, migration = migration.name(), "database migrated");
    }
    Ok(transaction.commit().await?)
}

/// What each service's database has besides its own tables.
fn own() -> Migrations {
    vec![Box::new(audit::Migration), Box::new(jobs::Migration)]
}

/// A transaction that only one process can be in.
async fn lock(connection: &DatabaseConnection, service: &str) -> Result<DatabaseTransaction, Error> {
    if connection.get_database_backend() == DbBackend::Sqlite {
        return immediate(connection).await;
    }
    let transaction = connection.begin().await?;
    transaction
        .execute_unprepared("SET LOCAL statement_timeout = 0")
        .await?;
    let patience = format!("SET LOCAL lock_timeout = {}", PATIENCE.as_millis());
    transaction.execute_unprepared(&patience).await?;
    let lock = "SELECT pg_advisory_xact_lock(hashtext($1))";
    let name = format!("stups migrations of {service}");
    transaction
        .execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, lock, [name.into()]))
        .await?;
    // Asked for first: to create a schema needs a right, also when it exists.
    let exists = "SELECT 1 FROM information_schema.schemata WHERE schema_name = $1";
    let exists = Statement::from_sql_and_values(DbBackend::Postgres, exists, [service.into()]);
    if transaction.query_one_raw(exists).await?.is_none() {
        // The name consists of letters: Store::open has looked.
        transaction
            .execute_unprepared(&format!("CREATE SCHEMA {service}"))
            .await?;
    }
    Ok(transaction)
}

/// SQLite's write lock. Another process that holds it for long is migrating.
async fn immediate(connection: &DatabaseConnection) -> Result<DatabaseTransaction, Error> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        // Each attempt waits for the lock as long as the connection's busy timeout says.
        match connection.begin_with_options(options).await.map_err(Error::from) {
            Err(Error::Unavailable(_)) if tokio::time::Instant::now() < deadline => {}
            outcome => return outcome,
        }
    }
}

async fn applied(transaction: &DatabaseTransaction) -> Result<HashSet<String>, Error> {
    let mut table = Table::create();
    table.table(TABLE).if_not_exists();
    table.col(ColumnDef::new("version").string().not_null().primary_key());
    table.col(ColumnDef::new("applied_at").big_integer().not_null());
    transaction.execute(&table).await?;
    let mut names = Query::select();
    names
        .column("version")
        .from(TABLE)
        .and_where(Expr::col("version").is_not_null());
    let rows = transaction.query_all(&names).await?;
    rows.iter().map(|row| Ok(row.try_get("", "version")?)).collect()
}
