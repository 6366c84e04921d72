//! When the feed is asked, what it says, and which version is later.

use std::fs::File;

use serde_json::json;

use super::*;
use crate::http::test_server::{answer, serve};

#[test]
fn numbers_count_as_numbers() {
    for (later, earlier) in [
        ("0.42", "0.7"),
        ("0.42", "0.29"),
        ("1.0", "0.99.9"),
        ("1.0.1", "1.0"),
        ("1.0", "1.0rc1"),
        ("1.0", "1.0-beta.2"),
        ("1.0rc2", "1.0rc1"),
        ("2.1.143", "2.1.99"),
        ("99999999999999999999", "1"),
    ] {
        assert!(is_newer(later, earlier), "{later} > {earlier}");
        assert!(!is_newer(earlier, later), "{earlier} < {later}");
    }
    for (one, same) in [("1.0", "1.0.0"), ("1.0+abc", "1.0+def"), ("0.7", "0.7")] {
        assert!(!is_newer(one, same) && !is_newer(same, one));
    }
}

#[test]
fn a_feed_may_have_several_forms() {
    for (feed, expected) in [
        (
            json!({"info": {"version": "2.1.143", "name": "x"}, "releases": {}}),
            Some("2.1.143"),
        ),
        (json!({"tag_name": "v0.42.0", "name": "Release"}), Some("0.42.0")),
        (json!({"version": "0.42"}), Some("0.42")),
        (
            json!([
                {"tag_name": "v0.50", "prerelease": true},
                {"tag_name": "v0.51", "draft": true},
                {"tag_name": "v0.7"},
                {"tag_name": "v0.42", "draft": false, "prerelease": false},
                {"tag_name": "v0.29"}
            ]),
            Some("0.42"),
        ),
        (json!({"version": "1.0\u{1b}[31m"}), None),
        (json!({"version": "latest"}), None),
        (json!({"version": 3}), None),
        (json!([]), None),
        (json!("1.0"), None),
    ] {
        assert_eq!(in_feed(&feed).as_deref(), expected, "{feed}");
    }
}

#[test]
fn it_is_asked_where_a_person_looks_and_nobody_said_no() {
    let directory = tempfile::tempdir().unwrap();
    let on = Settings::of(directory.path(), "updates: {feed: 'https://example.org/x'}");
    let off = Settings::of(
        directory.path(),
        "updates: {feed: 'https://example.org/x', check: 'false'}",
    );
    let none = Settings::of(directory.path(), "{}");
    let environment = |set: &'static [&'static str]| move |name: &str| set.contains(&name).then(|| "1".into());
    assert_eq!(feed(true, environment(&[]), &on), Some("https://example.org/x"));
    assert_eq!(feed(false, environment(&[]), &on), None);
    assert_eq!(feed(true, environment(&["CI"]), &on), None);
    assert_eq!(feed(true, environment(&["SENZA_NO_UPDATE_CHECK"]), &on), None);
    assert_eq!(feed(true, environment(&[]), &off), None);
    assert_eq!(feed(true, environment(&[]), &none), None);
}

/// Makes a file a day and a bit older.
fn age(path: &Path) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - LIFETIME - Duration::from_mins(1))
        .unwrap();
}

#[tokio::test]
async fn an_answer_counts_for_a_day() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("senza/newest_version");
    let (address, asked) = serve(|_, _| answer("200 OK", "", r#"{"version": "0.42"}"#));
    let feed = format!("http://{address}/feed");
    for _ in 0..2 {
        assert_eq!(newest(&feed, &cache).await.as_deref(), Some("0.42"));
    }
    assert_eq!(std::fs::read_to_string(&cache).unwrap(), "0.42\n");
    assert_eq!(asked.try_iter().count(), 1);
    age(&cache);
    assert_eq!(newest(&feed, &cache).await.as_deref(), Some("0.42"));
    assert_eq!(asked.try_iter().count(), 1);
}

#[tokio::test]
async fn a_feed_that_fails_is_left_alone_for_a_day() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("newest_version");
    let (address, asked) = serve(|_, _| answer("500 Internal Server Error", "", "no"));
    let feed = format!("http://{address}/feed");
    assert_eq!(newest(&feed, &cache).await, None);
    assert_eq!(newest(&feed, &cache).await.as_deref(), Some(VERSION));
    assert_eq!(asked.try_iter().count(), 1);
    std::fs::write(&cache, "0.99\n").unwrap();
    age(&cache);
    assert_eq!(newest(&feed, &cache).await, None);
    assert_eq!(std::fs::read_to_string(&cache).unwrap(), "0.99\n");
}
