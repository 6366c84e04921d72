//! Making, configuring and removing service users. Passwords and secrets are never touched here.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use stups_api::identity::{Change, ClientConfig, RealmScopes, Scopes, ServiceUserWrite, UserPatch};
use stups_store::Error;
use uuid::Uuid;

use super::{Generation, REALM, lock};
use crate::model::clients::Grants;
use crate::model::clients::change::blank as blank_client;
use crate::model::entity::{client, service_client, service_user, user};
use crate::model::json::{from_json, to_json};
use crate::model::users::change::{self as user_change, Replace};
use crate::model::write::{
    Author, Fields, Invalid, WriteError, check_name, check_redirect, check_scopes, check_text, save,
};
use crate::realms::Realms;

/// The scope that every service user has: its name.
const UID: &str = "uid";

/// Makes a service user, or changes its configuration. Answers the current client id and what changed. A second time it
/// changes nothing.
pub(crate) async fn put(
    transaction: &DatabaseTransaction,
    realms: &Realms,
    wanted: &ServiceUserWrite,
    author: &Author,
) -> Result<(String, Option<Change>), WriteError> {
    check(wanted)?;
    let scopes = client_scopes(realms, wanted)?;
    let current = lock(transaction, &wanted.id).await?;
    let existed = current.is_some();
    let mut row = current.unwrap_or_else(|| blank(&wanted.id, author));
    let mut fields = Fields::default();
    fields.set("name", &mut row.name, wanted.name.clone());
    fields.set("subtitle", &mut row.subtitle, wanted.subtitle.clone());
    fields.set("owner", &mut row.owner, wanted.owner.clone());
    let config = to_json(&StoredConfig(
        scopes.clone(),
        wanted.client_config.redirect_urls.clone(),
        wanted.client_config.confidential,
    ));
    fields.set("client_config", &mut row.client_config, config);
    if put_user(transaction, wanted, author).await? {
        fields.note("user_config");
    }
    let client_id = row.client_id.clone();
    let Some(change) = fields.into_change(existed, "service_user", &wanted.id) else {
        return Ok((client_id, None));
    };
    row.version += 1;
    row.modified_at = author.now;
    row.modified_by.clone_from(&author.name);
    save::<service_user::Entity, _>(transaction, row, existed).await?;
    if !existed {
        first_generation(transaction, &wanted.id, &client_id, author).await?;
    }
    put_clients(transaction, wanted, &scopes, author).await?;
    Ok((client_id, Some(change)))
}

/// The client's configuration as its column has it: scopes by realm, redirect URLs, whether it keeps a secret.
#[derive(Serialize, Deserialize)]
struct StoredConfig(BTreeMap<String, Vec<String>>, Vec<String>, bool);

/// The client's configuration of a column that [`put`] wrote.
pub(super) fn client_config(column: &str) -> Result<ClientConfig, Error> {
    let StoredConfig(scopes, redirect_urls, confidential) = from_json(column)?;
    let scopes = scopes.into_iter().map(|(realm, scopes)| RealmScopes { realm, scopes });
    Ok(ClientConfig {
        redirect_urls,
        scopes: scopes.collect(),
        confidential,
    })
}

fn check(wanted: &ServiceUserWrite) -> Result<(), Invalid> {
    check_name("id", &wanted.id)?;
    check_name("owner", &wanted.owner)?;
    check_text("name", wanted.name.as_deref())?;
    check_text("subtitle", wanted.subtitle.as_deref())?;
    let urls = &wanted.client_config.redirect_urls;
    if urls.len() > 1 {
        return Err(Invalid::new(
            "client_config.redirect_urls",
            format!("has {} URLs; none or one is allowed", urls.len()),
        ));
    }
    urls.iter()
        .try_for_each(|url| check_redirect("client_config.redirect_urls", url))
}

/// The scopes of the client by realm, with the leading slash; a realm that is listed twice has all of them.
fn client_scopes(realms: &Realms, wanted: &ServiceUserWrite) -> Result<BTreeMap<String, Vec<String>>, Invalid> {
    let mut scopes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in &wanted.client_config.scopes {
        let Some((realm, _)) = realms.get(&entry.realm) else {
            let reason = format!("there is no realm {:?}", entry.realm);
            return Err(Invalid::new("client_config.scopes.realm", reason));
        };
        scopes
            .entry(realm.to_owned())
            .or_default()
            .extend(entry.scopes.iter().cloned());
    }
    for list in scopes.values_mut() {
        *list = check_scopes("client_config.scopes", std::mem::take(list))?;
    }
    Ok(scopes)
}

fn blank(uid: &str, author: &Author) -> service_user::Model {
    service_user::Model {
        uid: uid.to_owned(),
        name: None,
        subtitle: None,
        owner: String::new(),
        client_id: Uuid::new_v4().to_string(),
        client_config: String::new(),
        created_at: author.now,
        created_by: author.name.clone(),
        modified_at: author.now,
        modified_by: author.name.clone(),
        version: 0,
    }
}

/// The user in `/services` with its scopes. Says whether something changed.
async fn put_user(
    transaction: &DatabaseTransaction,
    wanted: &ServiceUserWrite,
    author: &Author,
) -> Result<bool, WriteError> {
    let mut scopes: BTreeSet<String> = wanted.user_config.scopes.iter().cloned().collect();
    scopes.insert(UID.to_owned());
    let current = user::Entity::find_by_id((REALM.to_owned(), wanted.id.clone()))
        .one(transaction)
        .await?;
    let patch = UserPatch {
        name: wanted.name.clone().map(Some),
        scopes: Some(Some(Scopes::List(scopes.into_iter().collect()))),
        ..UserPatch::default()
    };
    let current = current.as_ref().map(|row| (row, &[][..]));
    let change = user_change::put(
        transaction,
        current,
        (REALM, &wanted.id),
        patch,
        Replace::Imported,
        author,
    )
    .await?;
    Ok(change.is_some())
}

/// The first client counts as committed: there is none that it could replace.
async fn first_generation(
    transaction: &DatabaseTransaction,
    uid: &str,
    client_id: &str,
    author: &Author,
) -> Result<(), Error> {
    let row = service_client::Model {
        client_id: client_id.to_owned(),
        uid: uid.to_owned(),
        txid: Uuid::now_v7().to_string(),
        created_at: author.now,
        committed_at: Some(author.now),
        expires_at: None,
        last_used_at: None,
    };
    service_client::Entity::insert(service_client::ActiveModel::from(row))
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// Every generation of the client exists exactly in the listed realms, with the wanted configuration.
async fn put_clients(
    transaction: &DatabaseTransaction,
    wanted: &ServiceUserWrite,
    scopes: &BTreeMap<String, Vec<String>>,
    author: &Author,
) -> Result<(), Error> {
    let generations = service_client::Entity::find()
        .filter(service_client::Column::Uid.eq(&wanted.id))
        .all(transaction)
        .await?;
    let ids: Vec<String> = generations.into_iter().map(|generation| generation.client_id).collect();
    let rows = client::Entity::find()
        .filter(client::Column::Id.is_in(&ids))
        .all(transaction)
        .await?;
    let secrets: BTreeMap<String, client::Model> = rows.iter().map(|row| (row.id.clone(), row.clone())).collect();
    let mut present: BTreeMap<(String, String), client::Model> = rows
        .into_iter()
        .map(|row| ((row.realm.clone(), row.id.clone()), row))
        .collect();
    for id in &ids {
        for (realm, scopes) in scopes {
            let current = present.remove(&(realm.clone(), id.clone()));
            let existed = current.is_some();
            let mut row = current.clone().unwrap_or_else(|| blank_client(realm, id, author));
            if !existed && let Some(other) = secrets.get(id) {
                row.secret_hash.clone_from(&other.secret_hash);
                row.secret_source.clone_from(&other.secret_source);
                row.jwks.clone_from(&other.jwks);
            }
            configure(&mut row, wanted, scopes);
            if current.as_ref() != Some(&row) {
                row.version += 1;
                row.modified_at = author.now;
                row.modified_by.clone_from(&author.name);
                save::<client::Entity, _>(transaction, row, existed).await?;
            }
        }
    }
    for (realm, id) in present.into_keys() {
        client::Entity::delete_by_id((realm, id)).exec(transaction).await?;
    }
    Ok(())
}

fn configure(row: &mut client::Model, wanted: &ServiceUserWrite, scopes: &[String]) {
    let config = &wanted.client_config;
    let machines = row.realm == REALM;
    row.name.clone_from(&wanted.name);
    row.description.clone_from(&wanted.subtitle);
    row.owner = Some(wanted.id.clone());
    row.confidential = config.confidential;
    row.scopes = to_json(scopes);
    row.redirect_uris = to_json(&config.redirect_urls);
    row.grants = to_json(&Grants {
        password: machines && config.confidential,
        client_credentials: machines && config.confidential,
        refresh: !machines,
        // The browser applications of old know nothing else.
        legacy_implicit: !machines && !config.confidential && !config.redirect_urls.is_empty(),
        device: false,
    });
}

/// Removes the user with its passwords and its clients in all realms. Says whether it was there.
pub(crate) async fn delete(transaction: &DatabaseTransaction, uid: &str) -> Result<bool, Error> {
    if lock(transaction, uid).await?.is_none() {
        return Ok(false);
    }
    client::Entity::delete_many()
        .filter(client::Column::Owner.eq(uid))
        .exec(transaction)
        .await?;
    service_user::Entity::delete_by_id(uid.to_owned())
        .exec(transaction)
        .await?;
    user::Entity::delete_by_id((REALM.to_owned(), uid.to_owned()))
        .exec(transaction)
        .await?;
    Ok(true)
}

impl Generation {
    /// The generations of a user's client.
    pub(crate) async fn of_clients(transaction: &DatabaseTransaction, uid: &str) -> Result<Vec<Self>, Error> {
        let rows = service_client::Entity::find()
            .filter(service_client::Column::Uid.eq(uid))
            .all(transaction)
            .await?;
        Ok(rows.iter().map(Self::from).collect())
    }
}
