//! STACK_REF: words on the command line that name stacks.

use std::fs::File;
use std::io::Read;

use fancy_regex::Regex;

use super::split_stack_name;
use crate::Error;

/// No definition is anywhere near this; a reference to something endless must not be read to its end.
const LARGEST_DEFINITION: u64 = 4 << 20;

/// One reference: a regular expression for the name and, unless empty, one for the version.
#[derive(Clone, Debug)]
pub struct StackReference {
    /// regular expression for the stack's name without version, or a name read from a definition file
    pub name: String,
    /// regular expression for the version; none matches all
    pub version: Option<String>,
    /// the word as typed when it ends in `.yaml` or `.yml`, for the error when nothing matches
    pub definition_file: Option<String>,
    name_pattern: Regex,
    version_pattern: Option<Regex>,
}

impl PartialEq for StackReference {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.version, &self.definition_file) == (&other.name, &other.version, &other.definition_file)
    }
}

impl Eq for StackReference {}

impl StackReference {
    /// A reference by two regular expressions, each of which has to match its whole part of a stack's name. An empty
    /// `version` matches all. An expression that cannot be read is a usage error.
    pub fn new(name: &str, version: Option<&str>) -> Result<Self, Error> {
        Self::with_name_pattern(name, whole_match(name)?, version)
    }

    /// A reference to the stacks of exactly this name, whatever characters it has.
    pub fn exactly(name: &str, version: Option<&str>) -> Result<Self, Error> {
        Self::with_name_pattern(name, whole_match(&fancy_regex::escape(name))?, version)
    }

    fn with_name_pattern(name: &str, name_pattern: Regex, version: Option<&str>) -> Result<Self, Error> {
        let version = version.filter(|version| !version.is_empty());
        Ok(Self {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            definition_file: None,
            name_pattern,
            version_pattern: version.map(whole_match).transpose()?,
        })
    }

    /// Whether this reference matches the stack with this full name. The name is split at its last dash. An expression that
    /// backtracks without end matches nothing.
    pub fn matches(&self, stack_name: &str) -> bool {
        let (name, version) = split_stack_name(stack_name);
        self.name_pattern.is_match(name).unwrap_or(false)
            && self
                .version_pattern
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(version).unwrap_or(false))
    }
}

/// An expression that matches whole texts only.
fn whole_match(expression: &str) -> Result<Regex, Error> {
    let invalid = |error: fancy_regex::Error| {
        Error::Usage(format!("\"{expression}\" is not a valid regular expression: {error}"))
    };
    // On its own first: brackets that don't pair must not pair with the ones added here.
    Regex::new(expression).map_err(invalid)?;
    Regex::new(&format!("^(?:{expression})$")).map_err(invalid)
}

/// Reads the words of a command line, left to right. Names of existing files are replaced by the stack name inside.
pub fn parse_references(words: &[String]) -> Result<Vec<StackReference>, Error> {
    let mut references: Vec<StackReference> = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let reference = match references.last() {
            Some(previous) if is_chained_version(word) => StackReference {
                version: Some(word.clone()),
                version_pattern: Some(whole_match(word)?),
                ..previous.clone()
            },
            _ => {
                let version = words.next().map(String::as_str);
                match stack_name_in_file(word)? {
                    Some(name) => StackReference::exactly(&name, version)?,
                    None => StackReference {
                        definition_file: looks_like_definition(word).then(|| word.clone()),
                        ..StackReference::new(word, version)?
                    },
                }
            }
        };
        references.push(reference);
    }
    Ok(references)
}

/// `v1`, `v2-rc1`: a further version of the name before it.
fn is_chained_version(word: &str) -> bool {
    let mut characters = word.chars();
    characters.next() == Some('v')
        && characters.next().is_some_and(|c| c.is_ascii_digit())
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn looks_like_definition(word: &str) -> bool {
    // Case matters, as it always did: these are names as people typed them.
    [".yaml", ".yml"].iter().any(|ending| word.ends_with(ending))
}

/// `SenzaInfo.StackName` of the definition at `path`, as it is written there; nothing when no such file can be read.
fn stack_name_in_file(path: &str) -> Result<Option<String>, Error> {
    let invalid = |reason: String| Error::InvalidDefinition {
        path: path.to_owned(),
        reason,
    };
    let mut content = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST_DEFINITION + 1).read_to_end(&mut content));
    match read {
        Err(_) => return Ok(None),
        Ok(length) if length as u64 > LARGEST_DEFINITION => {
            return Err(invalid(format!("it is larger than {} MB", LARGEST_DEFINITION >> 20)));
        }
        Ok(_) => {}
    }
    let text = String::from_utf8(content).map_err(|error| invalid(error.to_string()))?;
    let definition = stups_yaml::load(&text).map_err(|error| invalid(error.to_string()))?;
    let info = definition
        .get("SenzaInfo")
        .ok_or_else(|| invalid("SenzaInfo is missing or invalid".to_owned()))?;
    match info.get("StackName") {
        Some(stups_yaml::Value::String(name)) => Ok(Some(name.clone())),
        Some(other) => Err(invalid(format!("SenzaInfo/StackName is {}, not text", other.kind()))),
        None => Err(invalid("SenzaInfo/StackName is missing".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn parsed(line: &str) -> Vec<(String, Option<String>)> {
        pairs(&parse_references(&words(line)).unwrap())
    }

    fn pairs(references: &[StackReference]) -> Vec<(String, Option<String>)> {
        references.iter().map(|r| (r.name.clone(), r.version.clone())).collect()
    }

    fn pair(name: &str, version: &str) -> (String, Option<String>) {
        (name.to_owned(), Some(version.to_owned()).filter(|v| !v.is_empty()))
    }

    #[test]
    fn words_become_references_left_to_right() {
        let table = [
            ("", vec![]),
            ("a", vec![pair("a", "")]),
            ("a 1", vec![pair("a", "1")]),
            ("a 1 b", vec![pair("a", "1"), pair("b", "")]),
            ("a 1 2", vec![pair("a", "1"), pair("2", "")]),
            (
                "a v1 v2 v99 b",
                vec![pair("a", "v1"), pair("a", "v2"), pair("a", "v99"), pair("b", "")],
            ),
            ("v1 v2", vec![pair("v1", "v2")]),
            ("a v1 v2-rc1", vec![pair("a", "v1"), pair("a", "v2-rc1")]),
            ("a v1 v2_3", vec![pair("a", "v1"), pair("v2_3", "")]),
            ("a v1 version", vec![pair("a", "v1"), pair("version", "")]),
            ("a b c d", vec![pair("a", "b"), pair("c", "d")]),
        ];
        for (line, expected) in table {
            assert_eq!(parsed(line), expected, "{line}");
        }
    }

    #[test]
    fn an_empty_version_matches_all() {
        let references = parse_references(&["a".to_owned(), String::new()]).unwrap();
        assert_eq!(references[0].version, None);
        assert!(references[0].matches("a-7"));
    }

    #[test]
    fn both_parts_match_as_a_whole() {
        let table = [
            ("foob.r", None, "foobar-1", true),
            ("foobar", Some(r"\d"), "foobar-1", true),
            ("foobar", Some(r"\d"), "foobar-12", false),
            ("foo", None, "foobar-1", false),
            ("bar", None, "foobar-1", false),
            ("foo", None, "foo", true),
            ("foo", Some("1"), "foo", false),
            ("foo-bar", Some("1"), "foo-bar-1", true),
            ("foo", None, "foo-bar-1", false),
            ("a|b", None, "b-1", true),
            ("a|b", None, "ab-1", false),
            ("(?i)A", None, "a-1", true),
            ("(?!a).*", None, "b-1", true),
            ("(?!a).*", None, "a-1", false),
            (".*", None, "", true),
            ("a", None, "", false),
        ];
        for (name, version, stack, expected) in table {
            let reference = StackReference::new(name, version).unwrap();
            assert_eq!(reference.matches(stack), expected, "{name} {version:?} on {stack}");
        }
    }

    #[test]
    fn a_broken_expression_is_a_usage_error() {
        for line in ["foo(", "a [", "a)(b", "a v1) v2"] {
            let error = parse_references(&words(line)).unwrap_err();
            assert!(
                matches!(&error, Error::Usage(text) if text.contains("not a valid regular expression")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_file_stands_for_the_stack_name_inside() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("app.yaml");
        std::fs::write(&file, "SenzaInfo:\n  StackName: hello-world\n").unwrap();
        let path = file.to_str().unwrap().to_owned();
        let references = parse_references(&[path, "v1".to_owned(), "v2".to_owned()]).unwrap();
        assert_eq!(
            pairs(&references),
            vec![pair("hello-world", "v1"), pair("hello-world", "v2")]
        );
        assert!(references[1].matches("hello-world-v2"));
        assert_eq!(references[0].definition_file, None);
    }

    #[test]
    fn a_name_in_a_file_is_taken_as_it_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("app.yaml");
        std::fs::write(&file, "SenzaInfo: {StackName: 'a{{Arguments.Stage}}.b'}\n").unwrap();
        let references = parse_references(&[file.to_str().unwrap().to_owned()]).unwrap();
        assert_eq!(references[0].name, "a{{Arguments.Stage}}.b");
        assert!(!references[0].matches("atest.b-1"));
    }

    #[test]
    fn a_file_that_is_no_definition_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        for (content, reason) in [
            ("{", "line"),
            ("", "SenzaInfo is missing or invalid"),
            ("Foo: 1", "SenzaInfo is missing or invalid"),
            ("SenzaInfo: nothing", "SenzaInfo/StackName is missing"),
            (
                "SenzaInfo: {StackName: 7}",
                "SenzaInfo/StackName is an integer, not text",
            ),
        ] {
            let file = directory.path().join("broken");
            std::fs::write(&file, content).unwrap();
            let error = parse_references(&[file.to_str().unwrap().to_owned()]).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains(reason) && text.contains("is not a valid senza definition"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_missing_file_and_a_directory_stay_words() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("gone.yml").to_str().unwrap().to_owned();
        let references = parse_references(&[missing.clone(), "1".to_owned()]).unwrap();
        assert_eq!(references[0].definition_file, Some(missing));
        let plain = directory.path().to_str().unwrap().to_owned();
        assert_eq!(parse_references(&[plain]).unwrap()[0].definition_file, None);
    }

    proptest::proptest! {
        #[test]
        fn any_words_are_read_or_refused(words in proptest::collection::vec(".{0,12}", 0..6), stack in "[a-z-]{0,12}") {
            if let Ok(references) = parse_references(&words) {
                proptest::prop_assert!(references.len() <= words.len());
                for reference in references {
                    reference.matches(&stack);
                }
            }
        }
    }
}
