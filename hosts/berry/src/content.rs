//! What a secret's text must be: one JSON object of a bounded size.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

/// The longest text that is taken, in bytes. Real ones have less than 200.
pub(crate) const CONTENT_LIMIT: usize = 64 * 1024;

/// The object that `text` is. Errors say what is wrong, and nothing of what it says.
pub(crate) fn object(text: &SecretString) -> Result<Map<String, Value>, String> {
    let text = text.expose_secret();
    if text.len() > CONTENT_LIMIT {
        return Err(too_long());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("it is JSON, but not an object".to_owned()),
        Err(error) => Err(format!(
            "it is not JSON (line {}, column {})",
            error.line(),
            error.column()
        )),
    }
}

/// Text of bytes from a store.
pub(crate) fn text(bytes: Vec<u8>) -> Result<SecretString, String> {
    String::from_utf8(bytes)
        .map(SecretString::from)
        .map_err(|_| "it is not UTF-8".to_owned())
}

pub(crate) fn too_long() -> String {
    format!("it is longer than {CONTENT_LIMIT} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Map<String, Value>, String> {
        object(&SecretString::from(text))
    }

    #[test]
    fn only_an_object_is_content() {
        assert_eq!(read("{}"), Ok(Map::new()));
        assert_eq!(read(" {\"client_secret\": null}\n").unwrap().len(), 1);
        for (text, expected) in [
            ("[]", "not an object"),
            ("\"hunter2\"", "not an object"),
            ("", "not JSON (line 1, column 0)"),
            ("hunter2", "not JSON (line 1, column 1)"),
            ("{\"a\": \"hunter2\"", "not JSON"),
            ("{} {}", "not JSON"),
        ] {
            let reason = read(text).unwrap_err();
            assert!(reason.contains(expected), "{text}: {reason}");
            assert!(!reason.contains("hunter2"), "{reason}");
        }
        let long = format!("{{\"a\": \"{}\"}}", "x".repeat(CONTENT_LIMIT));
        assert_eq!(read(&long).unwrap_err(), "it is longer than 65536 bytes");
        assert!(text(vec![0xff]).unwrap_err().contains("UTF-8"));
    }
}
