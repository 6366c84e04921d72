//! What requests may carry, for [`crate::strict`].

use crate::strict::{Attribute, Kind};

/// The path parameter of a resource type.
pub const RESOURCE_TYPE_ID: Attribute = Attribute::required(
    "resource_type_id",
    Kind::Pattern(
        is_resource_type_id,
        "a resource type id: ^[a-z][a-z0-9-_]*(?:\\.[a-z0-9-_]*)?[a-z0-9]$",
    ),
);

/// The path parameter of a scope.
pub const SCOPE_ID: Attribute = Attribute::required(
    "scope_id",
    Kind::Pattern(is_scope_id, "a scope id: ^[a-z][a-z0-9-_]*[a-z0-9]$"),
);

/// The body of a PUT of a resource type.
pub const RESOURCE_TYPE: &[Attribute] = &resource_type(true);

/// The body of a PATCH of a resource type: nothing is required.
pub const RESOURCE_TYPE_PATCH: &[Attribute] = &resource_type(false);

/// The body of a PUT of a scope.
pub const SCOPE: &[Attribute] = &scope(true);

/// The body of a PATCH of a scope: nothing is required.
pub const SCOPE_PATCH: &[Attribute] = &scope(false);

const fn resource_type(required: bool) -> [Attribute; 8] {
    [
        Attribute {
            name: "name",
            kind: Kind::String,
            required,
        },
        Attribute::optional("description", Kind::String),
        Attribute::optional("resource_owners", Kind::Texts(is_realm, "the name of a realm")),
        CREATED,
        CREATED_BY,
        LAST_MODIFIED,
        LAST_MODIFIED_BY,
        IGNORED_ID,
    ]
}

const fn scope(required: bool) -> [Attribute; 11] {
    [
        Attribute {
            name: "summary",
            kind: Kind::String,
            required,
        },
        Attribute {
            name: "is_resource_owner_scope",
            kind: Kind::Boolean,
            required,
        },
        Attribute::optional("description", Kind::String),
        Attribute::optional("user_information", Kind::String),
        Attribute::optional(
            "user_information_by_language",
            Kind::TextByName(is_language, "a language tag such as de or pt-BR"),
        ),
        Attribute::optional("criticality_level", Kind::Integer(1, 3)),
        CREATED,
        CREATED_BY,
        LAST_MODIFIED,
        LAST_MODIFIED_BY,
        IGNORED_ID,
    ]
}

// Clients send back what they got without its id (contract essentials 5).
const CREATED: Attribute = Attribute::optional("created", Kind::Any);
const CREATED_BY: Attribute = Attribute::optional("created_by", Kind::Any);
const LAST_MODIFIED: Attribute = Attribute::optional("last_modified", Kind::Any);
const LAST_MODIFIED_BY: Attribute = Attribute::optional("last_modified_by", Kind::Any);
const IGNORED_ID: Attribute = Attribute::optional("resource_type_id", Kind::Any);

/// `^[a-z][a-z0-9-_]*(?:\.[a-z0-9-_]*)?[a-z0-9]$`: two characters at least, one dot at most.
pub fn is_resource_type_id(text: &str) -> bool {
    let (before, after) = text.split_once('.').unwrap_or((text, ""));
    begins_and_ends(text) && before.bytes().chain(after.bytes()).all(is_inner)
}

/// `^[a-z][a-z0-9-_]*[a-z0-9]$`: two characters at least, no dot.
pub fn is_scope_id(text: &str) -> bool {
    begins_and_ends(text) && text.bytes().all(is_inner)
}

fn is_inner(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
}

fn begins_and_ends(text: &str) -> bool {
    matches!(text.as_bytes(), [first, .., last]
        if first.is_ascii_lowercase() && (last.is_ascii_lowercase() || last.is_ascii_digit()))
}

fn is_language(text: &str) -> bool {
    (2..=35).contains(&text.len())
        && text
            .split('-')
            .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn is_realm(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| is_inner(byte) || byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_type_ids() {
        for id in [
            "ab",
            "sales_order",
            "user-filtering.module",
            "a-b_c.d-e",
            "a.b",
            "kio2",
            "a.1",
        ] {
            assert!(is_resource_type_id(id), "{id}");
        }
        for id in [
            "",
            "a",
            "a.b.c",
            "a..b",
            "a_",
            "a.",
            ".a",
            "1a",
            "Sales",
            "salesOrder",
            "a b",
            "a.b\n",
            "ä1",
            "a/b",
            "..",
        ] {
            assert!(!is_resource_type_id(id), "{id}");
        }
    }

    #[test]
    fn scope_ids() {
        for id in ["read", "write_all", "a-1"] {
            assert!(is_scope_id(id), "{id}");
        }
        for id in ["", "r", "read.all", "1read", "read_", "Read", "read\n"] {
            assert!(!is_scope_id(id), "{id}");
        }
    }
}
