//! Texts with several lines, user data above all, compared line by line.

use serde_json::Value as Json;
use similar::{ChangeTag, TextDiff};

/// How many lines around a difference are shown.
const CONTEXT: usize = 1;

/// The lines that differ between two texts, each with `-`, `+` or a blank in front; nothing when these are no texts of several
/// lines. A text that is absent counts as empty.
pub(super) fn differing(before: Option<&Json>, after: Option<&Json>) -> Option<Vec<String>> {
    let text = |side: Option<&Json>| side.map_or_else(|| Some(String::new()), text_of);
    let (old, new) = (text(before)?, text(after)?);
    let is_long = |text: &str| text.trim_end_matches('\n').contains('\n');
    if old == new || !(is_long(&old) || is_long(&new)) {
        return None;
    }
    let difference = TextDiff::from_lines(old.as_str(), new.as_str());
    let mut lines = Vec::new();
    for (index, group) in difference.grouped_ops(CONTEXT).iter().enumerate() {
        if index > 0 {
            lines.push(" ...".to_owned());
        }
        for change in group.iter().flat_map(|operation| difference.iter_changes(operation)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push(format!("{sign}{}", change.value().trim_end_matches(['\r', '\n'])));
        }
    }
    Some(lines)
}

/// The text that a value stands for: itself, what is to be base64, what is joined. A function inside is written as JSON.
fn text_of(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Object(map) if map.len() == 1 => match map.iter().next() {
            Some((function, argument)) if function == "Fn::Base64" => text_of(argument),
            Some((function, Json::Array(arguments))) if function == "Fn::Join" => match arguments.as_slice() {
                [Json::String(separator), Json::Array(parts)] => {
                    let part = |part: &Json| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
                    Some(parts.iter().map(part).collect::<Vec<_>>().join(separator))
                }
                _ => None,
            },
            Some((function, Json::String(text))) if function == "Fn::Sub" => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn user_data_is_compared_by_lines() {
        let before = json!({"Fn::Base64": "#taupage-ami-config\na: 1\nb: 2\nc: 3\nd: 4\n"});
        let after = json!({"Fn::Base64": {"Fn::Join": ["", ["#taupage-ami-config\na: 1\nb: ", {"Ref": "X"}, "\nc: 3\nd: 4\n"]]}});
        assert_eq!(
            differing(Some(&before), Some(&after)).unwrap(),
            [" a: 1", "-b: 2", "+b: {\"Ref\":\"X\"}", " c: 3"]
        );
        assert_eq!(differing(None, Some(&json!("x\ny\n"))).unwrap(), ["+x", "+y"]);
        assert_eq!(differing(Some(&json!("x\ny")), None).unwrap(), ["-x", "-y"]);
    }

    #[test]
    fn anything_else_is_not() {
        assert_eq!(differing(Some(&json!("a")), Some(&json!("b"))), None);
        assert_eq!(differing(Some(&json!("a\nb")), Some(&json!(1))), None);
        assert_eq!(differing(Some(&json!("a\nb")), Some(&json!("a\nb"))), None);
        assert_eq!(differing(None, None), None);
    }
}
