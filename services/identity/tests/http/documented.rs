//! The guide names a test for each point of RFC 9700: each of them is there.

use std::path::Path;

use stups_testkit::NamedTests;

#[test]
fn every_point_has_a_test_and_every_test_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    NamedTests::of(&root.join("../../docs/src/identity-security.md")).are_there(&root.join("tests/http"), 41);
}
