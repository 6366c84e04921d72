//! How users are made and changed.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use sha2::{Digest, Sha256};
use stups_api::identity::{Change, UserPatch};
use uuid::Uuid;

use crate::model::entity::{password, user};
use crate::model::json::to_json;
use crate::model::passwords::check_imported;
use crate::model::write::{Author, Fields, Invalid, WriteError, check_name, check_scopes, check_text, save};

/// Which passwords a list of hashes replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// All of the user.
    All,
    /// Those that came as hashes: what the user set since stays.
    Imported,
}

/// A user without anything.
pub(crate) fn blank(realm: &str, uid: &str, author: &Author) -> user::Model {
    user::Model {
        realm: realm.to_owned(),
        uid: uid.to_owned(),
        name: None,
        email: None,
        disabled: false,
        scopes: "{}".to_owned(),
        created_at: author.now,
        created_by: author.name.clone(),
        modified_at: author.now,
        modified_by: author.name.clone(),
        version: 0,
    }
}

/// Makes or changes a user; what the patch does not name stays. `current` are the user's row and passwords.
pub(crate) async fn put(
    transaction: &DatabaseTransaction,
    current: Option<(&user::Model, &[&password::Model])>,
    (realm, uid): (&str, &str),
    patch: UserPatch,
    replace: Replace,
    author: &Author,
) -> Result<Option<Change>, WriteError> {
    check_name("id", uid)?;
    let existed = current.is_some();
    let mut row = current.map_or_else(|| blank(realm, uid, author), |(row, _)| row.clone());
    let mut fields = Fields::default();
    if let Some(name) = patch.name {
        check_text("name", name.as_deref())?;
        fields.set("name", &mut row.name, name);
    }
    if let Some(email) = patch.email {
        check_text("email", email.as_deref())?;
        fields.set("email", &mut row.email, email);
    }
    fields.set_given("disabled", &mut row.disabled, patch.disabled);
    if let Some(scopes) = patch.scopes {
        let scopes: BTreeMap<String, String> = scopes.map(stups_api::identity::Scopes::into_map).unwrap_or_default();
        check_scopes("scopes", scopes.keys().cloned().collect())?;
        fields.set("scopes", &mut row.scopes, to_json(&scopes));
    }
    let passwords = patch.password_hashes.map(Option::unwrap_or_default);
    let passwords = passwords.map(|hashes| password_changes(current.map_or(&[], |(_, rows)| rows), hashes, replace));
    let passwords = passwords
        .transpose()?
        .filter(|(added, removed)| !added.is_empty() || !removed.is_empty());
    if passwords.is_some() {
        fields.note("password_hashes");
    }
    let Some(change) = fields.into_change(existed, "user", format!("{realm}/{uid}")) else {
        return Ok(None);
    };
    row.version += 1;
    row.modified_at = author.now;
    row.modified_by.clone_from(&author.name);
    save::<user::Entity, _>(transaction, row, existed).await?;
    if let Some((added, removed)) = passwords {
        remove_passwords(transaction, &removed).await?;
        let rows = added
            .into_iter()
            .map(|hash| new_password(realm, uid, Some(fingerprint(&hash)), hash, author));
        insert_passwords(transaction, rows.collect()).await?;
    }
    Ok(Some(change))
}

/// The hashes to add, and the ids of the passwords to remove.
fn password_changes(
    current: &[&password::Model],
    hashes: Vec<String>,
    replace: Replace,
) -> Result<(Vec<String>, Vec<String>), Invalid> {
    for hash in &hashes {
        check_imported(hash).map_err(|error| Invalid::new("password_hashes", error.to_string()))?;
    }
    let hashes: BTreeSet<String> = hashes.into_iter().collect();
    let wanted: BTreeSet<String> = hashes.iter().map(|hash| fingerprint(hash)).collect();
    let present: BTreeSet<&String> = current.iter().filter_map(|row| row.source.as_ref()).collect();
    let removed = current.iter().filter(|row| match &row.source {
        Some(source) => !wanted.contains(source),
        None => replace == Replace::All,
    });
    let removed = removed.map(|row| row.id.clone()).collect();
    let added = hashes
        .into_iter()
        .filter(|hash| !present.contains(&fingerprint(hash)))
        .collect();
    Ok((added, removed))
}

/// By which a hash that somebody brought along is known again after it was upgraded.
pub(crate) fn fingerprint(hash: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(hash))
}

/// A password that is valid until it is removed.
pub(crate) fn new_password(
    realm: &str,
    uid: &str,
    source: Option<String>,
    hash: String,
    author: &Author,
) -> password::Model {
    password::Model {
        id: Uuid::now_v7().to_string(),
        realm: realm.to_owned(),
        uid: uid.to_owned(),
        hash,
        source,
        created_at: author.now,
        created_by: author.name.clone(),
        txid: None,
        committed_at: None,
        expires_at: None,
        last_used_at: None,
    }
}

/// Adds passwords.
pub(crate) async fn insert_passwords(
    transaction: &DatabaseTransaction,
    rows: Vec<password::Model>,
) -> Result<(), WriteError> {
    if !rows.is_empty() {
        let rows = rows.into_iter().map(password::ActiveModel::from);
        password::Entity::insert_many(rows)
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

/// Removes passwords by their ids.
pub(crate) async fn remove_passwords(transaction: &DatabaseTransaction, ids: &[String]) -> Result<(), WriteError> {
    if !ids.is_empty() {
        password::Entity::delete_many()
            .filter(password::Column::Id.is_in(ids.iter().cloned()))
            .exec(transaction)
            .await?;
    }
    Ok(())
}
