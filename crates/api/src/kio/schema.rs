//! What requests may carry, for [`crate::strict`].

use crate::strict::{Attribute, Kind};

/// The path parameter of an application.
pub const APPLICATION_ID: Attribute = Attribute::required(
    "application_id",
    Kind::Pattern(is_application_id, "an application id: ^[a-z][a-z0-9-]*[a-z0-9]$"),
);

/// The path parameter of a version.
pub const VERSION_ID: Attribute = Attribute::required(
    "version_id",
    Kind::Pattern(is_version_id, "a version id: ^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$"),
);

/// The body of a PUT of an application.
pub const APPLICATION: &[Attribute] = &application(true);

/// The body of a PATCH of an application: nothing is required.
pub const APPLICATION_PATCH: &[Attribute] = &application(false);

const fn application(required: bool) -> [Attribute; 15] {
    [
        Attribute {
            name: "team_id",
            kind: Kind::String,
            required,
        },
        Attribute {
            name: "active",
            kind: Kind::Boolean,
            required,
        },
        Attribute {
            name: "name",
            kind: Kind::String,
            required,
        },
        Attribute::optional("incident_contact", Kind::String),
        Attribute::optional("subtitle", Kind::String),
        Attribute::optional("description", Kind::String),
        Attribute::optional("service_url", Kind::String),
        Attribute::optional("scm_url", Kind::String),
        Attribute::optional("documentation_url", Kind::String),
        Attribute::optional("specification_url", Kind::String),
        Attribute::optional("support_url", Kind::String),
        Attribute::optional("specification_type", Kind::String),
        Attribute::optional("criticality_level", Kind::Integer(1, 4)),
        Attribute::optional("publicly_accessible", Kind::Boolean),
        // Computed, but clients send the whole detail back.
        Attribute::optional("required_approvers", Kind::Integer(1, i64::MAX)),
    ]
}

/// The body of a PUT of a version.
pub const VERSION: &[Attribute] = &[
    Attribute::required("artifact", Kind::String),
    Attribute::optional("notes", Kind::String),
];

/// The body of a POST of an approval.
pub const APPROVAL: &[Attribute] = &[
    Attribute::required("approval_type", Kind::String),
    Attribute::optional("notes", Kind::String),
];

/// `^[a-z][a-z0-9-]*[a-z0-9]$`: two characters at least.
pub fn is_application_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    match text.as_bytes() {
        [first, middle @ .., last] => {
            first.is_ascii_lowercase() && middle.iter().all(|byte| plain(*byte) || *byte == b'-') && plain(*last)
        }
        _ => false,
    }
}

/// `^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$`: no separator at either end, and never two in a row.
pub fn is_version_id(text: &str) -> bool {
    text.split(['.', '_', '-'])
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn application_ids() {
        for id in ["kio", "a1", "my-app2", "a--b"] {
            assert!(is_application_id(id), "{id}");
        }
        for id in [
            "", "a", "1a", "-a", "a-", "My-app", "my_app", "my.app", "käse", "a\n", "kio ",
        ] {
            assert!(!is_application_id(id), "{id}");
        }
    }

    #[test]
    fn version_ids() {
        for id in ["1", "1.0", "1.0-master", "A_b", "2015-10-01T1"] {
            assert!(is_version_id(id), "{id}");
        }
        for id in ["", ".", "1..-..1", "1.", "-1", "1 0", "1/0", "1.0\n", "ü"] {
            assert!(!is_version_id(id), "{id}");
        }
    }
}
