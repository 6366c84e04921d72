//! Changes that are made together with their records.

use sea_orm::ConnectionTrait as _;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SimpleExpr, UpdateStatement};
use stups_store::audit::{self, Chain, Record};
use stups_store::{Change, Dialect, Error, Store};

use crate::support::{TestDatabase, count, event};

on_both_databases!(
    a_change_is_there_with_its_record_or_not_at_all,
    a_change_that_meets_nothing_leaves_no_record,
    several_changes_end_a_write,
    every_text_is_hashed_as_it_is_checked,
    without_a_head_nothing_is_changed,
    changes_at_the_same_time_leave_one_chain,
);

fn added(name: &str) -> Change {
    let mut insert = Query::insert();
    insert.into_table("fruit").columns(["name"]).values_panic([name.into()]);
    insert.into()
}

fn renamed(name: &str, to: impl Into<SimpleExpr>) -> UpdateStatement {
    let mut update = Query::update();
    update
        .table("fruit")
        .value("name", to)
        .and_where(Expr::col("name").eq(name));
    update
}

async fn records(store: &Store) -> Vec<Record> {
    let all = audit::Filter::default();
    audit::page(store.connection(), 0, 1000, &all).await.unwrap()
}

/// Checks the whole chain; answers how many records it has.
async fn chain(store: &Store) -> i64 {
    let mut chain = Chain::of("fruit");
    for record in records(store).await {
        chain.check(&record).unwrap();
    }
    chain.length()
}

async fn a_change_is_there_with_its_record_or_not_at_all(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    let record = store.change(added("apple"), event("apple")).await.unwrap().unwrap();
    assert_eq!((record.sequence, record.event.subject.as_str()), (1, "apple"));
    assert_eq!(records(&store).await, [record]);
    let twice = store.change(added("apple"), event("apple")).await.unwrap_err();
    assert!(matches!(twice, Error::Constraint(_)), "{twice}");
    assert_eq!((count(&store, "fruit").await, chain(&store).await), (1, 1));
}

async fn a_change_that_meets_nothing_leaves_no_record(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    assert_eq!(
        store.change(renamed("apple", "pear"), event("apple")).await.unwrap(),
        None
    );
    store.change(added("apple"), event("apple")).await.unwrap().unwrap();
    let record = store.change(renamed("apple", "pear"), event("pear")).await.unwrap();
    assert_eq!(record.unwrap().sequence, 2);
    assert_eq!(count(&store, "fruit WHERE name = 'pear'").await, 1);
    assert_eq!(chain(&store).await, 2);
}

async fn several_changes_end_a_write(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    store.change(added("apple"), event("apple")).await.unwrap();
    let mut eaten = Query::delete();
    eaten.from_table("fruit").and_where(Expr::col("name").eq("plum"));
    let changes = || vec![added("fig"), renamed("apple", "pear").into(), eaten.clone().into()];
    let write = store.write().await.unwrap();
    let record = write.commit_with(changes(), event("basket")).await.unwrap();
    assert_eq!(record.sequence, 2);
    let write = store.write().await.unwrap();
    write.commit_with(changes(), event("basket")).await.unwrap_err();
    let write = store.write().await.unwrap();
    let record = write.commit_with(Vec::new(), event("basket")).await.unwrap();
    assert_eq!(record.sequence, 3);
    assert_eq!(count(&store, "fruit WHERE name IN ('fig', 'pear')").await, 2);
    assert_eq!((count(&store, "fruit").await, chain(&store).await), (2, 3));
}

async fn every_text_is_hashed_as_it_is_checked(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    for (number, text) in ["", "\"\\/'$1{}%", "\u{0}\u{1f}\u{7f}", "ä€\u{1f600}\u{fb33}"]
        .into_iter()
        .enumerate()
    {
        let mut event = event(text);
        event.details = serde_json::json!({text: [text, 1.5, -7, u64::MAX, null], "a": {"b": true}});
        let record = store.change(added(&number.to_string()), event).await.unwrap().unwrap();
        assert_eq!(record.event.subject, text);
    }
    assert_eq!(chain(&store).await, 4);
}

async fn without_a_head_nothing_is_changed(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    let write = store.write().await.unwrap();
    write
        .transaction()
        .execute_unprepared("DELETE FROM audit_head")
        .await
        .unwrap();
    write.commit_unaudited().await.unwrap();
    store.change(added("apple"), event("apple")).await.unwrap_err();
    let write = store.write().await.unwrap();
    write.commit_with(vec![added("pear")], event("pear")).await.unwrap_err();
    store.record(event("plum")).await.unwrap_err();
    assert_eq!((count(&store, "fruit").await, chain(&store).await), (0, 0));
}

async fn changes_at_the_same_time_leave_one_chain(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let instances = [database.open().await, database.open().await];
    instances[0].change(added("0"), event("0")).await.unwrap();
    // All change the same row, each in one of the three ways to do it.
    let writers = (0..60).map(|number: usize| {
        let store = instances[number % 2].clone();
        tokio::spawn(async move {
            let mut longer = Query::update();
            longer.table("fruit").value("name", Expr::cust("name || '.'"));
            match number % 3 {
                0 => drop(store.change(longer, event("longer")).await.unwrap().unwrap()),
                1 => {
                    let write = store.write().await.unwrap();
                    let record = write.commit_with(vec![longer.into()], event("longer"));
                    record.await.unwrap();
                }
                _ => {
                    let write = store.write().await.unwrap();
                    write.transaction().execute(&longer).await.unwrap();
                    write.commit(event("longer")).await.unwrap();
                }
            }
        })
    });
    futures::future::try_join_all(writers).await.unwrap();
    let name = format!("fruit WHERE name = '0{}'", ".".repeat(60));
    assert_eq!((count(&instances[0], &name).await, chain(&instances[1]).await), (1, 61));
    assert!(
        records(&instances[0])
            .await
            .is_sorted_by_key(|record| record.recorded_at)
    );
}
