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

    fn rows(&self) -> impl Iterator<Item = &str> {
        self.0.lines().filter(|line| line.starts_with('|'))
    }

    /// Modules and tests.
    pub fn names(&self) -> BTreeSet<(&str, &str)> {
        self.rows()
            .flat_map(|line| line.split('`').skip(1).step_by(2))
            .filter_map(|name| name.split_once("::"))
            .filter(|(module, test)| [module, test].iter().all(|name| is_a_name(name)))
            .collect()
    }

    /// Those that are not in the modules' files in `directory`.
    pub fn missing_in(&self, directory: &Path) -> Vec<(&str, &str)> {
        let is_there = |(module, test): &(&str, &str)| {
            let tests = std::fs::read_to_string(directory.join(format!("{module}.rs"))).unwrap_or_default();
            tests.contains(&format!("fn {test}("))
        };
        self.names().into_iter().filter(|named| !is_there(named)).collect()
    }

    /// Rows whose last column is empty: what they promise has no test.
    pub fn rows_without_tests(&self) -> Vec<&str> {
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
