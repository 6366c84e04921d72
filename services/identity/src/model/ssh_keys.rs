//! The public keys of users (contract identity 2.18).

use jiff::Timestamp;
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder};
use ssh_key::authorized_keys::Entry;
use ssh_key::{Algorithm, EcdsaCurve, HashAlg};
use stups_api::identity::{NewSshKey, SshKey};
use stups_store::Error;
use uuid::Uuid;

use crate::model::entity::{ssh_key as row, user};
use crate::model::write::{Author, Invalid};

/// Shorter RSA keys are refused, in bits.
const MIN_RSA_BITS: usize = 3072;
/// Longer lines are refused: RSA of 16384 bits has less than half of this.
const MAX_LINE: usize = 8192;

/// A key that may be used, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidKey {
    /// `ssh-ed25519`, ...
    pub kind: String,
    /// Type and base64.
    pub public_key: String,
    /// What stands behind it.
    pub comment: String,
    /// `SHA256:...`
    pub fingerprint: String,
}

/// Reads one line of an `authorized_keys` file. Options before the key are dropped: what a key may do is not for its owner to
/// say. Errors: not a key, DSA, certificates, unknown curves, RSA of less than 3072 bits.
pub fn validate(line: &str) -> Result<ValidKey, Invalid> {
    let invalid = |reason: &str| Invalid::new("key", reason);
    let line = line.trim();
    if line.len() > MAX_LINE || line.chars().any(char::is_control) {
        return Err(invalid("is not one line of an authorized_keys file"));
    }
    let entry: Entry = line
        .parse()
        .map_err(|_| invalid("is not a public key as in authorized_keys: type, base64, comment"))?;
    let mut key = entry.public_key().clone();
    match key.algorithm() {
        Algorithm::Ed25519
        | Algorithm::SkEd25519
        | Algorithm::SkEcdsaSha2NistP256
        | Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP256 | EcdsaCurve::NistP384 | EcdsaCurve::NistP521,
        } => {}
        Algorithm::Rsa { .. } => {
            let modulus = key.key_data().rsa().and_then(|rsa| rsa.n.as_positive_bytes());
            let bits = modulus.map_or(0, |bytes| {
                bytes.len() * 8 - bytes.first().map_or(0, |first| first.leading_zeros() as usize)
            });
            if bits < MIN_RSA_BITS {
                return Err(invalid(&format!(
                    "is RSA of {bits} bits; at least {MIN_RSA_BITS} are needed, or ssh-ed25519"
                )));
            }
        }
        other => {
            let types = "ssh-ed25519, ecdsa-sha2-nistp256/384/521, their sk- forms and ssh-rsa are";
            return Err(invalid(&format!(
                "is of the type {}, which is not accepted; {types}",
                other.as_str()
            )));
        }
    }
    let comment = key.comment().to_owned();
    key.set_comment("");
    let public_key = key
        .to_openssh()
        .map_err(|_| invalid("cannot be written as a public key"))?;
    Ok(ValidKey {
        kind: key.algorithm().as_str().to_owned(),
        public_key: public_key.trim_end().to_owned(),
        comment,
        fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
    })
}

/// An RFC 3339 time as milliseconds.
pub fn parse_time(field: &'static str, text: &str) -> Result<i64, Invalid> {
    let time: Timestamp = text
        .parse()
        .map_err(|_| Invalid::new(field, format!("{text:?} is not a time of RFC 3339")))?;
    Ok(time.as_millisecond())
}

/// Milliseconds as an RFC 3339 time.
pub fn format_time(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds)
        .map(|time| format!("{time:.3}"))
        .unwrap_or_default()
}

/// All keys of a user, expired ones included, in the order in which they were added.
pub async fn list(connection: &impl ConnectionTrait, realm: &str, uid: &str) -> Result<Vec<SshKey>, Error> {
    Ok(rows(connection, realm, uid).await?.into_iter().map(wire).collect())
}

/// The lines of the user's `authorized_keys` file. Nothing for an unknown or disabled user, and without a key that is valid.
pub async fn authorized_keys(
    connection: &impl ConnectionTrait,
    realm: &str,
    uid: &str,
    now: i64,
) -> Result<Option<String>, Error> {
    let owner = user::Entity::find_by_id((realm.to_owned(), uid.to_owned()))
        .one(connection)
        .await?;
    if owner.is_none_or(|owner| owner.disabled) {
        return Ok(None);
    }
    let valid = rows(connection, realm, uid).await?.into_iter();
    let lines: String = valid
        .filter(|row| row.expires_at.is_none_or(|expires_at| now < expires_at))
        .map(|row| line(&row) + "\n")
        .collect();
    Ok((!lines.is_empty()).then_some(lines))
}

async fn rows(connection: &impl ConnectionTrait, realm: &str, uid: &str) -> Result<Vec<row::Model>, Error> {
    let rows = row::Entity::find()
        .filter(row::Column::Realm.eq(realm))
        .filter(row::Column::Uid.eq(uid))
        .order_by_asc(row::Column::CreatedAt)
        .order_by_asc(row::Column::Id)
        .all(connection)
        .await?;
    Ok(rows)
}

fn line(row: &row::Model) -> String {
    format!("{} {}", row.public_key, row.comment).trim_end().to_owned()
}

fn wire(row: row::Model) -> SshKey {
    SshKey {
        key: line(&row),
        id: row.id,
        kind: row.key_type,
        fingerprint: row.fingerprint,
        expires_at: row.expires_at.map(format_time),
        created_at: format_time(row.created_at),
        created_by: row.created_by,
    }
}

/// Checks a key; gives its row.
pub(crate) fn new_row(realm: &str, uid: &str, key: &NewSshKey, author: &Author) -> Result<row::Model, Invalid> {
    let valid = validate(&key.key)?;
    let expires_at = key
        .expires_at
        .as_deref()
        .map(|text| parse_time("expires_at", text))
        .transpose()?;
    Ok(row::Model {
        id: Uuid::now_v7().to_string(),
        realm: realm.to_owned(),
        uid: uid.to_owned(),
        key_type: valid.kind,
        public_key: valid.public_key,
        comment: valid.comment,
        fingerprint: valid.fingerprint,
        expires_at,
        created_at: author.now,
        created_by: author.name.clone(),
    })
}

/// Adds a key; the user is there. Errors: it is there already.
pub(crate) async fn add(transaction: &DatabaseTransaction, row: row::Model) -> Result<SshKey, Error> {
    row::Entity::insert(row::ActiveModel::from(row.clone()))
        .exec_without_returning(transaction)
        .await?;
    Ok(wire(row))
}

/// Removes a key. Says whether it was there.
pub(crate) async fn delete(transaction: &DatabaseTransaction, realm: &str, uid: &str, id: &str) -> Result<bool, Error> {
    let deleted = row::Entity::delete_many()
        .filter(row::Column::Id.eq(id))
        .filter(row::Column::Realm.eq(realm))
        .filter(row::Column::Uid.eq(uid))
        .exec(transaction)
        .await?;
    Ok(deleted.rows_affected > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    #[test]
    fn options_are_dropped_and_the_comment_stays() {
        for (line, comment) in [
            (format!("ssh-ed25519 {ED25519} jdoe@laptop"), "jdoe@laptop"),
            (format!("  ssh-ed25519 {ED25519}\n"), ""),
            (format!("command=\"/bin/sh\",no-pty ssh-ed25519 {ED25519} a b"), "a b"),
        ] {
            let key = validate(&line).unwrap();
            assert_eq!(key.public_key, format!("ssh-ed25519 {ED25519}"));
            assert_eq!(key.comment, comment);
            assert_eq!(key.kind, "ssh-ed25519");
            assert!(key.fingerprint.starts_with("SHA256:"));
        }
    }

    #[test]
    fn weak_and_broken_keys_are_refused() {
        let short_rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQC8A7Wd6hdRqAFUJ2mv9rxVzVbHGQg5kF4tLnTjH0RSSrVmj8N4SyNoYKWoS2gN9Xc0+0bPZTTxQQmU1gQbv0C1 x";
        for (line, reason) in [
            (short_rsa, "RSA of 512 bits"),
            ("ssh-ed25519 AAAA", "not a public key"),
            ("", "not a public key"),
            ("hello", "not a public key"),
            (
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti a\nssh-ed25519 AAAA",
                "not one line",
            ),
            (&"x".repeat(9000), "not one line"),
        ] {
            let error = validate(line).unwrap_err();
            assert!(error.reason.contains(reason), "{line}: {error}");
        }
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(
            parse_time("expires_at", "2026-01-02T03:04:05.678Z"),
            Ok(1_767_323_045_678)
        );
        assert_eq!(format_time(1_767_323_045_678), "2026-01-02T03:04:05.678Z");
        assert!(parse_time("expires_at", "tomorrow").is_err());
    }
}
