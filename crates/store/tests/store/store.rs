//! Opening, migrating, writing, and what happens when the database does not play along.

use sea_orm::{ConnectionTrait as _, Statement};
use stups_store::{DatabaseUrl, Dialect, Error, Store, audit};
use stups_testkit::PostgreSql;

use crate::support::{TestDatabase, count, event, fruit_migrations};

on_both_databases!(
    a_write_and_its_record_are_there_together_or_not_at_all,
    a_second_start_migrates_nothing,
    many_that_start_together_migrate_once,
    a_newer_database_is_refused,
    readers_cannot_write,
    a_connection_that_is_held_sees_what_was_written_meanwhile,
    constraints_are_told_from_other_errors,
    records_are_never_changed_nor_removed,
    concurrent_writers_leave_one_chain,
    several_events_are_one_write,
);

async fn a_write_and_its_record_are_there_together_or_not_at_all(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    assert_eq!(store.dialect(), dialect);
    store.ping().await.unwrap();

    let write = store.write().await.unwrap();
    write
        .transaction()
        .execute_unprepared("INSERT INTO fruit (name) VALUES ('apple')")
        .await
        .unwrap();
    let record = write.commit(event("apple")).await.unwrap();
    assert_eq!((record.sequence, record.service.as_str()), (1, "fruit"));
    assert_eq!(record.previous, "0".repeat(64));

    let write = store.write().await.unwrap();
    write
        .transaction()
        .execute_unprepared("INSERT INTO fruit (name) VALUES ('pear')")
        .await
        .unwrap();
    drop(write);
    let next = store.record(event("plum")).await.unwrap();
    assert_eq!((next.sequence, &next.previous), (2, &record.hash));

    assert_eq!(count(&store, "fruit").await, 1);
    let records = audit::page(store.connection(), 0, 10, &audit::Filter::default())
        .await
        .unwrap();
    assert_eq!(records, [record, next]);
}

async fn several_events_are_one_write(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    let write = store.write().await.unwrap();
    let subjects: Vec<String> = (0..2500).map(|number| format!("fruit-{number}")).collect();
    let records = write
        .commit_all(subjects.iter().map(|subject| event(subject)).collect())
        .await
        .unwrap();
    assert!(
        records
            .iter()
            .zip(1..)
            .all(|(record, sequence)| record.sequence == sequence)
    );
    assert!(
        records
            .iter()
            .zip(&subjects)
            .all(|(record, subject)| record.event.subject == *subject)
    );
    assert_eq!(store.record(event("last")).await.unwrap().previous, records[2499].hash);
}

async fn a_second_start_migrates_nothing(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    store.record(event("apple")).await.unwrap();
    store.close().await.unwrap();
    let store = database.open().await;
    assert_eq!(count(&store, "audit_records").await, 1);
}

async fn many_that_start_together_migrate_once(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let stores = futures::future::join_all((0..8).map(|_| database.open())).await;
    assert_eq!(
        count(&stores[0], "seaql_migrations WHERE version = 'fruit_0001'").await,
        1
    );
    for store in &stores {
        store.record(event("apple")).await.unwrap();
    }
    assert_eq!(count(&stores[0], "audit_records").await, 8);
}

async fn a_newer_database_is_refused(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    database.open().await.close().await.unwrap();
    let error = Store::open(&database.url, "fruit", Vec::new()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Newer { service: "fruit", migration } if migration == "fruit_0001"),
        "{error}"
    );
}

async fn a_connection_that_is_held_sees_what_was_written_meanwhile(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    let question = |sql: &str, values: Vec<sea_orm::Value>| {
        sea_orm::Statement::from_sql_and_values(store.connection().get_database_backend(), sql, values)
    };
    let mut held = store.hold().await.unwrap();
    for number in 0..3 {
        let write = store.write().await.unwrap();
        let fruit = format!("INSERT INTO fruit (name) VALUES ('apple-{number}')");
        write.transaction().execute_unprepared(&fruit).await.unwrap();
        write.commit(event("apple")).await.unwrap();
        let named = question(
            "SELECT name FROM fruit WHERE name >= $1 ORDER BY name",
            vec!["apple".into()],
        );
        let found: Vec<Fruit> = held.all(named).await.unwrap();
        assert_eq!(found.last().unwrap().name, format!("apple-{number}"));
        assert_eq!(found.len(), number + 1);
    }
    let nonsense = held.all::<Fruit>(question("SELECT name FROM vegetables", Vec::new()));
    assert!(matches!(nonsense.await, Err(Error::Database(_))));
    let written = held.all::<Fruit>(question(
        "INSERT INTO fruit (name) VALUES ('pear') RETURNING name",
        Vec::new(),
    ));
    assert!(written.await.is_err());
    drop(held);
    assert_eq!(count(&store, "fruit").await, 3);
}

#[derive(sea_orm::FromQueryResult)]
struct Fruit {
    name: String,
}

async fn readers_cannot_write(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    let outcome = store
        .connection()
        .execute_unprepared("INSERT INTO fruit (name) VALUES ('apple')")
        .await;
    assert!(matches!(outcome.map_err(Error::from).unwrap_err(), Error::Database(_)));
    assert_eq!(count(&store, "fruit").await, 0);
}

async fn constraints_are_told_from_other_errors(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    let attempt = async |statement: &str| {
        let write = store.write().await.unwrap();
        let outcome = write.transaction().execute_unprepared(statement).await;
        outcome.map(drop).map_err(Error::from)
    };
    let twice = attempt("INSERT INTO fruit (name) VALUES ('fig'), ('fig')")
        .await
        .unwrap_err();
    assert!(
        matches!(twice, Error::Constraint(sea_orm::SqlErr::UniqueConstraintViolation(_))),
        "{twice}"
    );
    let dangling = attempt("INSERT INTO fruit (name, eaten_by) VALUES ('fig', 'bird')")
        .await
        .unwrap_err();
    assert!(
        matches!(
            dangling,
            Error::Constraint(sea_orm::SqlErr::ForeignKeyConstraintViolation(_))
        ),
        "{dangling}"
    );
    let wrong = attempt("INSERT INTO vegetables (name) VALUES ('leek')")
        .await
        .unwrap_err();
    assert!(matches!(wrong, Error::Database(_)), "{wrong}");
    let backend = store.connection().get_database_backend();
    let zero = Statement::from_sql_and_values(backend, "SELECT 1 FROM fruit WHERE name = $1", ["a\0b".into()]);
    let zero = store.connection().query_one_raw(zero).await.map_err(Error::from);
    match dialect {
        Dialect::PostgreSql => assert!(matches!(zero, Err(Error::Text(_))), "{zero:?}"),
        Dialect::Sqlite => assert!(zero.is_ok(), "{zero:?}"),
    }
}

async fn records_are_never_changed_nor_removed(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    let record = store.record(event("apple")).await.unwrap();
    let mut statements = vec!["UPDATE audit_records SET subject = 'pear'", "DELETE FROM audit_records"];
    if dialect == Dialect::PostgreSql {
        statements.push("TRUNCATE audit_records");
    }
    for statement in statements {
        let write = store.write().await.unwrap();
        let error = write
            .transaction()
            .execute_unprepared(statement)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("audit records are never"), "{error}");
    }
    let records = audit::page(store.connection(), 0, 10, &audit::Filter::default())
        .await
        .unwrap();
    assert_eq!(records, [record]);
}

async fn concurrent_writers_leave_one_chain(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let instances = [database.open().await, database.open().await];
    let writers = (0..40).map(|number| {
        let store = instances[number % 2].clone();
        tokio::spawn(async move {
            let write = store.write().await.unwrap();
            let insert = format!("INSERT INTO fruit (name) VALUES ('{number}')");
            write.transaction().execute_unprepared(&insert).await.unwrap();
            write.commit(event(&number.to_string())).await.unwrap();
        })
    });
    futures::future::try_join_all(writers).await.unwrap();
    let records = audit::page(instances[0].connection(), 0, 100, &audit::Filter::default())
        .await
        .unwrap();
    assert_eq!(records.len(), 40);
    assert_eq!(count(&instances[0], "fruit").await, 40);
    for (record, next) in records.iter().zip(&records[1..]) {
        assert_eq!((record.sequence + 1, &record.hash), (next.sequence, &next.previous));
    }
}

#[tokio::test]
async fn a_new_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let database = TestDatabase::new(Dialect::Sqlite).await;
    let store = database.open().await;
    store.record(event("apple")).await.unwrap();
    let files: Vec<_> = std::fs::read_dir(&database.directory)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(files.len() > 1, "a write-ahead log is there too");
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.path());
    }
}

#[tokio::test]
async fn sqlite_keeps_a_log_that_writes_wait_for_together_and_checks_references() {
    let database = TestDatabase::new(Dialect::Sqlite).await;
    let store = database.open().await;
    let write = store.write().await.unwrap();
    for (pragma, expected) in [
        ("journal_mode", "wal"),
        ("synchronous", "1"),
        ("foreign_keys", "1"),
        ("busy_timeout", "5000"),
    ] {
        let sql = format!("SELECT CAST({pragma} AS TEXT) AS value FROM pragma_{pragma}");
        let sql = sql.replace("CAST(busy_timeout", "CAST(timeout");
        let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, sql);
        let row = write.transaction().query_one_raw(statement).await.unwrap().unwrap();
        assert_eq!(row.try_get::<String>("", "value").unwrap(), expected, "{pragma}");
    }
}

#[tokio::test]
async fn services_share_a_postgresql_database() {
    let database = TestDatabase::new(Dialect::PostgreSql).await;
    let fruit = database.open().await;
    let nuts = Store::open(&database.url, "nuts", fruit_migrations()).await.unwrap();
    fruit.record(event("apple")).await.unwrap();
    assert_eq!(nuts.record(event("hazel")).await.unwrap().sequence, 1);
    assert_eq!(count(&fruit, "audit_records").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_comes_back_needs_no_restart() {
    let cluster = PostgreSql::start_new().await.unwrap();
    let url: DatabaseUrl = cluster.database().await.parse().unwrap();
    let store = Store::open(&url, "fruit", fruit_migrations()).await.unwrap();
    store.record(event("apple")).await.unwrap();
    let unfinished = store.write().await.unwrap();

    for crash in [false, true] {
        if crash {
            cluster.crash().await.unwrap();
        } else {
            cluster.stop().await.unwrap();
        }
        assert!(matches!(store.ping().await, Err(Error::Unavailable(_))));
        assert!(matches!(store.record(event("pear")).await, Err(Error::Unavailable(_))));
        cluster.start().await.unwrap();
        store.record(event("plum")).await.unwrap();
        store.ping().await.unwrap();
    }
    assert!(matches!(
        unfinished.commit(event("fig")).await,
        Err(Error::Unavailable(_))
    ));
    let records = audit::page(store.connection(), 0, 10, &audit::Filter::default())
        .await
        .unwrap();
    let subjects: Vec<&str> = records.iter().map(|record| record.event.subject.as_str()).collect();
    assert_eq!(subjects, ["apple", "plum", "plum"]);
}

#[tokio::test]
async fn an_absent_database_is_unavailable() {
    let url: DatabaseUrl = "postgres://kio:open-sesame@127.0.0.1:1/kio".parse().unwrap();
    let error = Store::open(&url, "fruit", fruit_migrations()).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)));
    assert!(!format!("{error} {error:?} {url} {url:?}").contains("sesame"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_locked_by_another_process_is_unavailable() {
    let database = TestDatabase::new(Dialect::Sqlite).await;
    let (one, other) = (database.open().await, database.open().await);
    let held = one.write().await.unwrap();
    assert!(matches!(other.record(event("pear")).await, Err(Error::Unavailable(_))));
    held.commit(event("apple")).await.unwrap();
    other.record(event("pear")).await.unwrap();
}

#[test]
fn urls_that_cannot_be_used_are_refused_without_their_password() {
    for url in [
        "mysql://u:open-sesame@host/db",
        "postgres://u:open-sesame@[/db",
        "postgres://u:open-sesame@host:port/db",
        "postgres://u@host/db?password=open-sesame",
        "postgres://u:open-sesame@host/db?sslmode=nonsense",
        "sqlite::memory:",
        "sqlite://",
        "",
    ] {
        let error = url.parse::<DatabaseUrl>().unwrap_err();
        assert!(matches!(error, Error::Url(_)), "{url}");
        assert!(!error.to_string().contains("sesame"), "{error}");
    }
}
