//! The guide names a test for each endpoint of the protocol: each of them is there.

use std::path::Path;

use stups_testkit::NamedTests;

#[test]
fn every_endpoint_has_a_test_and_every_test_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chapter = NamedTests::of(&root.join("../../docs/src/pierone-protocol.md"));
    assert!(chapter.names().len() > 25, "{chapter:?}");
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
