//! The guide names a test for each point of RFC 9700: each of them is there.

use std::collections::BTreeSet;
use std::path::Path;

/// `module::test` wherever the guide has it between backticks.
fn named(guide: &str) -> BTreeSet<(&str, &str)> {
    guide
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter_map(|name| name.split_once("::"))
        .filter(|(module, test)| [module, test].iter().all(|name| is_a_name(name)))
        .collect()
}

fn is_a_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[test]
fn every_test_that_the_guide_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = std::fs::read_to_string(root.join("../../docs/src/identity-security.md")).unwrap();
    let named = named(&guide);
    assert!(named.len() > 40, "{named:?}");
    let missing: Vec<_> = named
        .iter()
        .filter(|(module, test)| {
            let file = root.join(format!("tests/http/{module}.rs"));
            let tests = std::fs::read_to_string(file).unwrap_or_default();
            !tests.contains(&format!("fn {test}("))
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// A point without a test is one that says so.
#[test]
fn every_point_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = std::fs::read_to_string(root.join("../../docs/src/identity-security.md")).unwrap();
    let untested: Vec<&str> = guide
        .lines()
        .filter(|line| line.starts_with('|'))
        .filter(|line| {
            line.trim_end_matches('|')
                .rsplit('|')
                .next()
                .unwrap_or_default()
                .trim()
                .is_empty()
        })
        .collect();
    assert!(untested.is_empty(), "{untested:#?}");
}
