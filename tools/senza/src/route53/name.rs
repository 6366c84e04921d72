//! Domain names as Route 53, CloudFormation and people write them.

/// A name in the one form that names are compared in: lower case, escapes such as `\052` resolved, no trailing dot.
///
/// Route 53 answers with characters other than letters, digits, `-`, `_` and `.` as three octal digits
/// (<https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html>).
pub(crate) fn canonical(name: &str) -> String {
    let mut bytes = name.bytes().peekable();
    let mut plain = Vec::with_capacity(name.len());
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        let digits: Vec<u8> = bytes
            .clone()
            .take(3)
            .take_while(|digit| (b'0'..=b'7').contains(digit))
            .collect();
        let code = digits
            .iter()
            .fold(0_u16, |code, digit| code * 8 + u16::from(digit - b'0'));
        match (digits.len(), u8::try_from(code)) {
            (3, Ok(character)) => {
                plain.push(character);
                bytes.nth(2);
            }
            _ => plain.push(byte),
        }
    }
    let mut plain = String::from_utf8_lossy(&plain).to_lowercase();
    if plain.ends_with('.') {
        plain.pop();
    }
    plain
}

/// How many labels `zone` shares with `name` when `name` is in it (or is its apex); both canonical.
pub(crate) fn labels_in_zone(name: &str, zone: &str) -> Option<usize> {
    let inside = name == zone
        || name
            .strip_suffix(zone)
            .is_some_and(|labels| !zone.is_empty() && labels.ends_with('.'));
    inside.then(|| zone.split('.').count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_compared_in_one_form() {
        for (name, expected) in [
            ("Hello.Example.ORG.", "hello.example.org"),
            ("hello.example.org", "hello.example.org"),
            ("\\052.example.org.", "*.example.org"),
            ("*.example.org", "*.example.org"),
            ("a\\9b.example.org", "a\\9b.example.org"),
            ("a\\777.example.org", "a\\777.example.org"),
            ("a\\05", "a\\05"),
            ("", ""),
            (".", ""),
        ] {
            assert_eq!(canonical(name), expected, "{name}");
        }
    }

    #[test]
    fn zones_are_matched_by_whole_labels() {
        assert_eq!(labels_in_zone("www.shop.example.net", "shop.example.net"), Some(3));
        assert_eq!(labels_in_zone("shop.example.net", "shop.example.net"), Some(3));
        assert_eq!(labels_in_zone("shop.example.net", "example.net"), Some(2));
        assert_eq!(labels_in_zone("wwwshop.example.net", "shop.example.net"), None);
        assert_eq!(labels_in_zone("example.net", "shop.example.net"), None);
        assert_eq!(labels_in_zone("example.net", ""), None);
    }

    proptest! {
        #[test]
        fn any_name_has_a_stable_form(name in "\\PC{0,30}") {
            let once = canonical(&name);
            prop_assert!(!once.ends_with('.') || once.ends_with("..") || name.ends_with("..") || name.contains('\\'));
        }

        #[test]
        fn escapes_are_resolved(byte in 33_u8..127) {
            prop_assume!(byte != b'.');
            let escaped = format!("\\{byte:03o}.example.org.");
            let expected = format!("{}.example.org", char::from(byte).to_lowercase());
            prop_assert_eq!(canonical(&escaped), expected);
        }
    }
}
