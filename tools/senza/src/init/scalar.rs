//! Answers as YAML scalars.

/// `text` as a YAML scalar that is read back as the same text: plain where that is possible, else in single quotes. For text
/// without line breaks and control characters, such as every answer that was checked.
pub(super) fn scalar(text: &str) -> String {
    if stups_yaml::dumps_plain(text) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_quoted_where_they_would_be_something_else() {
        for (text, expected) in [
            ("hello-world", "hello-world"),
            ("/", "/"),
            ("on", "'on'"),
            ("123", "'123'"),
            ("it's: here", "'it''s: here'"),
            ("", "''"),
        ] {
            assert_eq!(scalar(text), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn scalars_are_read_back(text in "[ -~]{0,40}") {
            let read = stups_yaml::load(&format!("key: {}\n", scalar(&text))).unwrap();
            proptest::prop_assert_eq!(read.get("key").and_then(|value| value.as_str()), Some(text.as_str()));
        }
    }
}
