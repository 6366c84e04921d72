//! The guide names a test for each point of RFC 9700: each of them is there.

use std::path::Path;

use stups_testkit::NamedTests;

#[test]
fn every_point_has_a_test_and_every_test_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chapter = NamedTests::of(&root.join("../../docs/src/identity-security.md"));
    assert!(chapter.names().len() > 40, "{chapter:?}");
    assert!(
        chapter.missing_in(&root.join("tests/http")).is_empty(),
        "{:?}",
        chapter.missing_in(&root.join("tests/http"))
    );
    assert!(
        chapter.rows_without_tests().is_empty(),
        "{:#?}",
        chapter.rows_without_tests()
    );
}
