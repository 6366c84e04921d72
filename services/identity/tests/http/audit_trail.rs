//! What identity writes down reaches where auditors look for it.

use serde_json::Value;

use crate::support::*;

on_both_databases!(every_record_is_shipped_once);

async fn every_record_is_shipped_once(server: Server) {
    let directory = tempfile::tempdir().unwrap();
    let trail = directory.path().join("audit.jsonl");
    let server = server
        .again_with(|config| config.audit_file = Some(trail.clone()))
        .await;
    server.kio().await;
    server.kio_token().await;
    let wrong = server.password_grant("stups_kio", "stups_secret_wrong", "uid").await;
    assert_eq!(wrong.status, 400);

    for _ in 0..2 {
        assert!(server.jobs.run_once("ship-audit-file").await);
    }
    let lines = std::fs::read_to_string(&trail).unwrap();
    let shipped: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone())
        .collect();
    assert_eq!(shipped, server.audit().await);
    assert!(shipped.iter().any(|event| event["action"] == "token.issued"));
    assert!(shipped.iter().any(|event| event["outcome"] == "denied"));
    assert!(!lines.contains(SECRET) && !lines.contains("stups_secret_wrong"));
}
