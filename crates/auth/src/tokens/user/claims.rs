use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The claims of a JSON Web Token, not verified: what it says, not whether it is true. `None` if it is no such token.
pub fn claims(token: &str) -> Option<Map<String, Value>> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    match serde_json::from_slice(&bytes).ok()? {
        Value::Object(claims) => Some(claims),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn claims_are_read_and_anything_else_is_none() {
        let token = format!("x.{}.y", URL_SAFE_NO_PAD.encode(r#"{"sub": "jdoe"}"#));
        assert_eq!(claims(&token).unwrap()["sub"], "jdoe");
        let list = format!("x.{}.y", URL_SAFE_NO_PAD.encode("[1]"));
        for text in ["", "a.b", "a.b.c", "a.!.c", &format!("{token}.z"), &list] {
            assert!(claims(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = claims(&text);
        }
    }
}
