//! The same answers on both databases, and PostgreSQL's own for everything in between.

use sea_orm::{ConnectionTrait as _, Statement};
use stups_store::audit::{Actor, Event, Outcome};
use stups_store::{DatabaseUrl, Dialect, Store};
use stups_testkit::PostgreSql;

use super::document::{document, encode};
use super::headline::headline;
use super::{Place, Search, document::query, index, search};
use crate::model::application::Model;
use crate::model::list::{Filter, IncidentContact, Page};
use crate::model::{merge, store};

/// id, name, subtitle, description
type Fields = [&'static str; 4];

const APPLICATIONS: &[Fields] = &[
    [
        "kio",
        "Kio",
        "STUPS application registry",
        "Manages all *application* base information.",
    ],
    [
        "order-engine",
        "Order Engine",
        "Orders",
        "The engine that manages orders",
    ],
    [
        "pierone",
        "Pier One",
        "Docker registry",
        "Registry for Docker images. See https://pierone.example.org/foo",
    ],
    ["my-app2", "My App", "", ""],
    ["the", "The", "", ""],
];

fn model([id, name, subtitle, description]: Fields) -> Model {
    Model {
        team_id: "stups".to_owned(),
        name: name.to_owned(),
        subtitle: Some(subtitle.to_owned()),
        description: Some(description.to_owned()),
        ..merge::blank(id, "jdoe", 1)
    }
}

async fn write(store: &Store, application: &Model) {
    let write = store.write().await.unwrap();
    let transaction = write.transaction();
    let stored = store::locked_application(store.dialect(), transaction, &application.id)
        .await
        .unwrap();
    match &stored {
        Some(_) => store::update_application(transaction, application).await.unwrap(),
        None => assert!(store::insert_application(transaction, application).await.unwrap()),
    }
    index(store.dialect(), transaction, stored.as_ref(), application)
        .await
        .unwrap();
    let event = Event {
        action: "application.modified".to_owned(),
        subject: application.id.clone(),
        actor: Actor::service(),
        outcome: Outcome::Success,
        details: serde_json::Value::Null,
    };
    write.commit(event).await.unwrap();
}

struct Stores {
    all: [Store; 2],
    _directory: tempfile::TempDir,
}

/// One store on each database, with the applications of the table in contract kio 2.6.
async fn stores() -> Stores {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = DatabaseUrl::sqlite_file(&directory.path().join("kio.db"));
    let postgresql: DatabaseUrl = PostgreSql::shared().await.database().await.parse().unwrap();
    let all = [
        Store::open(&sqlite, "kio", crate::migrations::all()).await.unwrap(),
        Store::open(&postgresql, "kio", crate::migrations::all()).await.unwrap(),
    ];
    for store in &all {
        for fields in APPLICATIONS {
            write(store, &model(*fields)).await;
        }
    }
    Stores {
        all,
        _directory: directory,
    }
}

async fn found(store: &Store, text: &str) -> Vec<(String, f32)> {
    let words = Search::Words(text.to_owned());
    let matches = search(store, &words, &Filter::default(), &Page::default())
        .await
        .unwrap();
    matches
        .into_iter()
        .map(|found| (found.application.id, found.rank))
        .collect()
}

#[tokio::test]
async fn the_vectors_of_the_contract() {
    let stores = stores().await;
    for store in &stores.all {
        for (text, expected) in [
            ("kio", &[("kio", 1.4)][..]),
            ("KIO", &[("kio", 1.4)]),
            ("management", &[("kio", 0.1), ("order-engine", 0.1)]),
            ("manage", &[("kio", 0.1), ("order-engine", 0.1)]),
            ("registry", &[("pierone", 0.3), ("kio", 0.2)]),
            ("registry docker", &[("pierone", 0.25)]),
            ("registry | kio", &[("kio", 0.088_888_89)]),
            ("\"pier one\"", &[("pierone", 0.4)]),
            ("order", &[("order-engine", 1.7)]),
            ("orders", &[("order-engine", 1.7)]),
            ("engine", &[("order-engine", 1.5)]),
            ("order-engine", &[("order-engine", 1.0)]),
            ("my-app2", &[("my-app2", 0.5)]),
            ("stups application", &[("kio", 0.2)]),
            ("my-app", &[]),
            ("ord", &[]),
            ("the", &[]),
            ("", &[]),
        ] {
            let found = found(store, text).await;
            let ids: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
            let expected_ids: Vec<&str> = expected.iter().map(|(id, _)| *id).collect();
            assert_eq!(ids, expected_ids, "{text} on {:?}", store.dialect());
            for ((_, rank), (_, expected)) in found.iter().zip(expected) {
                assert!(
                    (rank - expected).abs() < 1e-6,
                    "{text} on {:?}: {rank}",
                    store.dialect()
                );
            }
        }
    }
}

#[tokio::test]
async fn the_headline_of_the_contract() {
    let stores = stores().await;
    for store in &stores.all {
        let words = Search::Words("stups application".to_owned());
        let matches = search(store, &words, &Filter::default(), &Page::default())
            .await
            .unwrap();
        assert_eq!(
            matches[0].headline,
            "kio Kio <b>STUPS</b> <b>application</b> registry Manages all *<b>application</b>* base information."
        );
    }
}

#[tokio::test]
async fn a_headline_is_html_in_which_only_our_own_tags_are_tags() {
    let stores = stores().await;
    for store in &stores.all {
        write(
            store,
            &model([
                "evil",
                "a & b < c",
                "<img src=x onerror=alert(1)>",
                "evil\u{1}script\u{2} \"x\"",
            ]),
        )
        .await;
        let words = Search::Words("evil".to_owned());
        let matches = search(store, &words, &Filter::default(), &Page::default())
            .await
            .unwrap();
        let html = matches[0].headline.replace("<b>evil</b>", "");
        assert!(!html.contains(['<', '>', '"', '\u{1}', '\u{2}']), "{html}");
        assert!(html.contains("a &amp; b &lt; c"), "{html}");
    }
}

#[tokio::test]
async fn what_is_changed_is_found_and_what_was_is_not() {
    let stores = stores().await;
    for store in &stores.all {
        let changed = Model {
            subtitle: None,
            name: "Registrar".to_owned(),
            ..model(APPLICATIONS[0])
        };
        write(store, &changed).await;
        assert_eq!(found(store, "stups").await, []);
        assert_eq!(found(store, "registrar").await.len(), 1);
        assert_eq!(found(store, "application").await.len(), 1);
    }
}

#[tokio::test]
async fn applications_of_before_have_their_ranks() {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = DatabaseUrl::sqlite_file(&directory.path().join("kio.db"));
    let postgresql: DatabaseUrl = PostgreSql::shared().await.database().await.parse().unwrap();
    for url in [sqlite, postgresql] {
        let before = crate::migrations::all().into_iter().take(3).collect();
        let store = Store::open(&url, "kio", before).await.unwrap();
        let write = store.write().await.unwrap();
        for fields in APPLICATIONS {
            let application = model(*fields);
            assert!(
                store::insert_application(write.transaction(), &application)
                    .await
                    .unwrap()
            );
            let [id, name, subtitle, description] = *fields;
            let rows = if store.dialect() == Dialect::Sqlite {
                document(id, name, subtitle, description)
            } else {
                super::document::Document::new()
            };
            for (word, positions) in rows {
                let statement = Statement::from_sql_and_values(
                    sea_orm::DbBackend::Sqlite,
                    "INSERT INTO search_terms (term, application_id, positions) VALUES ($1, $2, $3)",
                    [word.into(), id.into(), encode(&positions).into()],
                );
                write.transaction().execute_raw(statement).await.unwrap();
            }
        }
        write.commit_unaudited().await.unwrap();
        store.close().await.unwrap();

        let store = Store::open(&url, "kio", crate::migrations::all()).await.unwrap();
        for (text, id, rank) in [
            ("kio", "kio", 1.4),
            ("orders", "order-engine", 1.7),
            ("registry", "pierone", 0.3),
        ] {
            let first = found(&store, text).await.remove(0);
            assert_eq!(first.0, id);
            assert!(
                (first.1 - rank).abs() < 1e-6,
                "{text} on {:?}: {}",
                store.dialect(),
                first.1
            );
        }
    }
}

#[tokio::test]
async fn filters_apply_to_a_search_too() {
    let stores = stores().await;
    for store in &stores.all {
        let retired = Model {
            active: false,
            incident_contact: Some("sre".to_owned()),
            last_modified_at: 100,
            ..model(APPLICATIONS[0])
        };
        write(store, &retired).await;
        for (filter, expected) in [
            (
                Filter {
                    active: Some(true),
                    ..Filter::default()
                },
                vec!["order-engine"],
            ),
            (
                Filter {
                    active: Some(false),
                    ..Filter::default()
                },
                vec!["kio"],
            ),
            (
                Filter {
                    modified_after: Some(100),
                    ..Filter::default()
                },
                vec!["kio"],
            ),
            (
                Filter {
                    modified_before: Some(99),
                    ..Filter::default()
                },
                vec!["order-engine"],
            ),
            (
                Filter {
                    team_id: Some("stups".to_owned()),
                    ..Filter::default()
                },
                vec!["kio", "order-engine"],
            ),
            (
                Filter {
                    team_id: Some("other".to_owned()),
                    ..Filter::default()
                },
                vec![],
            ),
            (
                Filter {
                    incident_contact: Some(IncidentContact::Is("sre".to_owned())),
                    ..Filter::default()
                },
                vec!["kio"],
            ),
            (
                Filter {
                    incident_contact: Some(IncidentContact::Missing),
                    ..Filter::default()
                },
                vec!["order-engine"],
            ),
        ] {
            for words in [Search::Words("manage".to_owned()), Search::Prefixes("mana".to_owned())] {
                let matches = search(store, &words, &filter, &Page::default()).await.unwrap();
                let ids: Vec<&str> = matches.iter().map(|found| found.application.id.as_str()).collect();
                assert_eq!(ids, expected, "{filter:?} on {:?}", store.dialect());
            }
        }
    }
}

#[tokio::test]
async fn words_are_found_by_their_beginning_where_asked() {
    let stores = stores().await;
    let mut answers = Vec::new();
    for store in &stores.all {
        for (text, expected) in [
            ("ord", &["order-engine"][..]),
            ("my-app", &["my-app2"]),
            ("reg", &["pierone", "kio"]),
            ("reg doc", &["pierone"]),
            ("x", &[]),
            ("the", &[]),
        ] {
            let prefixes = Search::Prefixes(text.to_owned());
            let matches = search(store, &prefixes, &Filter::default(), &Page::default())
                .await
                .unwrap();
            let ids: Vec<&str> = matches.iter().map(|found| found.application.id.as_str()).collect();
            assert_eq!(ids, expected, "{text} on {:?}", store.dialect());
            answers.extend(matches.into_iter().map(|found| (store.dialect(), text, found.headline)));
        }
    }
    let (sqlite, postgresql): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|(dialect, ..)| *dialect == Dialect::Sqlite);
    for (one, other) in sqlite.iter().zip(&postgresql) {
        assert_eq!((one.1, &one.2), (other.1, &other.2));
    }
}

#[tokio::test]
async fn pages_have_everything_once() {
    let stores = stores().await;
    for store in &stores.all {
        for number in 0..7 {
            let id: &'static str = ["aa", "bb", "cc", "dd", "ee", "ff", "gg"][number];
            let description = if number % 2 == 0 { "zebra" } else { "zebra zebra" };
            write(store, &model([id, "N", "", description])).await;
        }
        let words = Search::Words("zebra".to_owned());
        let all: Vec<String> = found(store, "zebra").await.into_iter().map(|(id, _)| id).collect();
        assert_eq!(all, ["bb", "dd", "ff", "aa", "cc", "ee", "gg"]);
        let mut paged = Vec::new();
        let mut after = None;
        loop {
            let page = Page { limit: Some(2), after };
            let matches = search(store, &words, &Filter::default(), &page).await.unwrap();
            let Some(last) = matches.last() else { break };
            after = Some(Place {
                rank: last.rank,
                id: last.application.id.clone(),
            });
            assert!(matches.len() <= 2);
            paged.extend(matches.into_iter().map(|found| found.application.id));
        }
        assert_eq!(paged, all);
    }
}

/// Texts as people write them, and what parsers stumble over.
const TEXTS: &[&str] = &[
    "Manages all *application* base information.",
    "The best-known read-only service's API: v1.2, 3rd-party, 2nd.",
    "See https://pierone.example.org/foo or mail help@example.org!",
    "foo_bar x86_64 i18n A/B and/or C++ node.js 10:30 2015-10-01 99% #123",
    "Runs on 10.0.0.1 and 1.2.3 with 1e5 requests, -5 or +7.",
    "<b>bold</b> &amp; a < b <a href=\"x>y\">link</a>",
    "docker://stups/kio:1.0 /usr/local/bin ~/bin src/main.rs",
    "K\u{e4}se-Brot mit \u{dc}berraschung, \u{65e5}\u{672c}\u{8a9e}",
    "don't can't won't it's running runs ran easily generously skies dying",
    "one--two -foo- _x_ (paren) [link](https://example.org/a/b.html)",
    "e.g. this. That i.e. those. Words.Next",
    "a1-b2 my-app2-x foo-bar-baz x-1 1-x",
    "* item one\n* item two\n\n# Heading\n`code` **strong**",
];

async fn ask(store: &Store, sql: &str, values: &[&str]) -> String {
    let connection = store.connection();
    let values = values.iter().map(|value| (*value).into());
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    connection
        .query_one_raw(statement)
        .await
        .unwrap()
        .unwrap()
        .try_get_by_index(0)
        .unwrap()
}

#[tokio::test]
async fn words_and_positions_are_postgresqls() {
    let stores = stores().await;
    let postgresql = &stores.all[1];
    for text in TEXTS {
        let expected = ask(
            postgresql,
            "SELECT to_tsvector('pg_catalog.english', $1)::text",
            &[text],
        )
        .await;
        let words: Vec<String> = document("", "", "", text)
            .iter()
            .map(|(word, positions)| format!("'{}':{}", word.replace('\'', "''"), encode(positions)))
            .collect();
        let mut expected: Vec<&str> = expected.split(' ').filter(|word| !word.is_empty()).collect();
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        expected.sort_unstable();
        words.sort_unstable();
        assert_eq!(words, expected, "{text}");
    }
}

#[tokio::test]
async fn headlines_are_postgresqls() {
    let stores = stores().await;
    let postgresql = &stores.all[1];
    let long = TEXTS.join(" ");
    let sql = "SELECT ts_headline('pg_catalog.english', $1, plainto_tsquery('pg_catalog.english', $2))";
    for (text, words) in [
        (TEXTS[0], "application"),
        (TEXTS[2], "mail"),
        (TEXTS[7], "brot"),
        (long.as_str(), "application"),
        (long.as_str(), "stups"),
        (long.as_str(), "heading"),
        (long.as_str(), "service api"),
        (long.as_str(), "run"),
        (long.as_str(), "strong"),
    ] {
        let expected = ask(postgresql, sql, &[text, words]).await;
        let bold = expected.replace("<b>", "\u{1}").replace("</b>", "\u{2}");
        assert_eq!(
            headline(text, &query(words)),
            super::headline::mark_up(&bold),
            "{words} in {text}"
        );
    }
}
