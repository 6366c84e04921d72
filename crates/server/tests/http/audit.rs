//! `GET /audit`: the trail, for auditors only.

use super::*;
use stups_store::audit::{Actor, Event, Outcome};

async fn with_records(count: usize) -> Running {
    let service = friboo().await;
    for number in 0..count {
        let event = Event {
            action: "application.modified".to_owned(),
            subject: format!("app-{}", number % 2),
            actor: Actor {
                realm: "/employees".to_owned(),
                uid: "jdoe".to_owned(),
                client_id: None,
                address: None,
                request_id: None,
            },
            outcome: Outcome::Success,
            details: json!({"number": number}),
        };
        service.store.record(event).await.unwrap();
    }
    service
}

async fn ask(service: &Running, path: &str) -> Answer {
    service
        .ask(Method::GET, path, &[("authorization", "Bearer auditor")], None)
        .await
}

#[tokio::test]
async fn only_auditors_read_it() {
    let service = with_records(1).await;
    assert_eq!(service.get_open("/audit").await.status, 401);
    assert_eq!(service.get("/audit").await.status, 403);
    assert_eq!(ask(&service, "/audit").await.status, 200);
}

#[tokio::test]
async fn pages_are_linked_to_the_end() {
    let service = with_records(5).await;
    let mut path = "/audit?limit=2".to_owned();
    let mut sequences = Vec::new();
    loop {
        let page = ask(&service, &path).await;
        let records = page.json();
        sequences.extend(
            records
                .as_array()
                .unwrap()
                .iter()
                .map(|record| record["sequence"].as_i64().unwrap()),
        );
        match page.header("link") {
            Some(link) => {
                let (target, relation) = link.split_once(';').unwrap();
                assert_eq!(relation.trim(), "rel=\"next\"");
                path = target.trim_matches(['<', '>']).to_owned();
            }
            None => break,
        }
    }
    assert_eq!(sequences, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn filters_stay_in_the_link() {
    let service = with_records(6).await;
    let page = ask(&service, "/audit?limit=1&subject=app-1&actor=%2Femployees%2Fjdoe").await;
    assert_eq!(page.json()[0]["event"]["subject"], "app-1");
    let link = page.header("link").unwrap();
    assert!(
        link.contains("subject=app-1") && link.contains("actor=%2Femployees%2Fjdoe"),
        "{link}"
    );
}

#[tokio::test]
async fn one_record_a_line_for_who_wants_that() {
    let service = with_records(3).await;
    let headers = [("authorization", "Bearer auditor"), ("accept", "application/x-ndjson")];
    let answer = service.ask(Method::GET, "/audit", &headers, None).await;
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let records: Vec<Value> = answer
        .body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), 3);
    assert_eq!(records[1]["previous"], records[0]["hash"]);
}

#[tokio::test]
async fn what_cannot_be_a_page_is_refused() {
    let service = with_records(1).await;
    for query in ["limit=0", "limit=1001", "limit=x", "after=-1", "after=x"] {
        assert_eq!(ask(&service, &format!("/audit?{query}")).await.status, 400, "{query}");
    }
}
