//! Chapters of the guide that name a test for each thing they promise.

use std::collections::BTreeSet;
use std::path::Path;

/// A chapter whose tables name tests, as `module::test` between backticks.
#[derive(Debug)]
pub struct NamedTests(String);

impl NamedTests {
    /// The chapter in this file.
    ///
    /// Panics when it cannot be read.
    pub fn of(chapter: &Path) -> Self {
        Self(std::fs::read_to_string(chapter).unwrap_or_else(|error| panic!("{}: {error}", chapter.display())))
    }

    /// Panics unless the chapter names `least` tests at least, all of them are in the modules' files in `directory`, and no row is
    /// without one: what it promises would have no test.
    pub fn are_there(&self, directory: &Path, least: usize) {
        let names = self.names();
        assert!(names.len() >= least, "{names:?}");
        let missing = self.missing_in(directory);
        assert!(missing.is_empty(), "{missing:?}");
        let untested = self.rows_without_tests();
        assert!(untested.is_empty(), "{untested:#?}");
    }

    fn rows(&self) -> impl Iterator<Item = &str> {
        self.0.lines().filter(|line| line.starts_with('|'))
    }

    /// Modules and tests.
    fn names(&self) -> BTreeSet<(&str, &str)> {
        self.rows()
            .flat_map(|line| line.split('`').skip(1).step_by(2))
            .filter_map(|name| name.split_once("::"))
            .filter(|(module, test)| [module, test].iter().all(|name| is_a_name(name)))
            .collect()
    }

    fn missing_in(&self, directory: &Path) -> Vec<(&str, &str)> {
        let is_there = |(module, test): &(&str, &str)| {
            let tests = std::fs::read_to_string(directory.join(format!("{module}.rs"))).unwrap_or_default();
            tests.contains(&format!("fn {test}("))
        };
        self.names().into_iter().filter(|named| !is_there(named)).collect()
    }

    /// Rows whose last column is empty.
    fn rows_without_tests(&self) -> Vec<&str> {
        let is_empty = |line: &&str| {
            let last = line.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
            last.trim().is_empty()
        };
        self.rows().filter(is_empty).collect()
    }
}

fn is_a_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
