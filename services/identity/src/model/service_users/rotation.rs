//! New passwords and clients, and their commits: what is answered, and the changes to commit, decided while nobody else has the user.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryTrait};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use stups_api::identity::{NewClient, ServiceUserPassword};
use stups_store::{Change, Error};
use uuid::Uuid;

use super::generations::{expired, superfluous, superseded};
use super::{Generation, REALM, lock, valid};
use crate::hasher::PasswordHasher;
use crate::model::entity::{client, password, service_client, service_user};
use crate::model::passwords::generate;
use crate::model::write::Author;

/// A new password for a service user, valid at once beside the old ones. Nothing for an unknown user.
pub(crate) async fn new_password(
    transaction: &DatabaseTransaction,
    hasher: &PasswordHasher,
    uid: &str,
    author: &Author,
) -> Result<Option<(ServiceUserPassword, Vec<Change>)>, Error> {
    if lock(transaction, uid).await?.is_none() {
        return Ok(None);
    }
    let present = passwords(transaction, uid).await?;
    let mut removed = expired(&present, author.now);
    let left: Vec<Generation> = present.into_iter().filter(|one| !removed.contains(&one.id)).collect();
    removed.extend(superfluous(&left));
    let (secret, hash) = generate(hasher);
    let txid = Uuid::now_v7().to_string();
    let row = password::Model {
        id: Uuid::now_v7().to_string(),
        realm: REALM.to_owned(),
        uid: uid.to_owned(),
        hash,
        source: None,
        created_at: author.now,
        created_by: author.name.clone(),
        txid: Some(txid.clone()),
        committed_at: None,
        expires_at: None,
        last_used_at: None,
    };
    let mut changes = vec![
        password::Entity::insert(password::ActiveModel::from(row))
            .into_query()
            .into(),
    ];
    if !removed.is_empty() {
        let delete = password::Entity::delete_many().filter(password::Column::Id.is_in(removed));
        changes.push(delete.into_query().into());
    }
    let password = secret.expose_secret().to_owned();
    Ok(Some((ServiceUserPassword { txid, password }, changes)))
}

/// Makes the passwords that are older than that of `txid` expire after the grace, in milliseconds. Nothing when there is no
/// such password, or no more. A second time it changes nothing.
pub(crate) async fn commit_password(
    transaction: &DatabaseTransaction,
    uid: &str,
    txid: &str,
    grace: i64,
    author: &Author,
) -> Result<Option<Vec<Change>>, Error> {
    if lock(transaction, uid).await?.is_none() {
        return Ok(None);
    }
    let present = passwords(transaction, uid).await?;
    let Some(committed) = committable(&present, author.now, |one| one.txid.as_deref() == Some(txid)) else {
        return Ok(None);
    };
    let commit = password::Entity::update_many()
        .col_expr(
            password::Column::CommittedAt,
            Expr::value(committed_at(committed, author)),
        )
        .col_expr(password::Column::ExpiresAt, Expr::value(Option::<i64>::None))
        .filter(password::Column::Id.eq(&committed.id));
    let mut changes = vec![commit.into_query().into()];
    let older = superseded(&present, committed);
    if !older.is_empty() {
        let end = author.now + grace;
        let expire = password::Entity::update_many()
            .col_expr(password::Column::ExpiresAt, Expr::value(end))
            .filter(password::Column::Id.is_in(older))
            .filter(is_later(password::Column::ExpiresAt, end));
        changes.push(expire.into_query().into());
    }
    Ok(Some(changes))
}

/// A new client id and secret (or, with a public `key`, none) with the same configuration in every realm, valid at once beside the
/// old one. Nothing for an unknown user.
pub(crate) async fn new_client(
    transaction: &DatabaseTransaction,
    hasher: &PasswordHasher,
    uid: &str,
    key: Option<&Value>,
    author: &Author,
) -> Result<Option<(NewClient, Vec<Change>)>, Error> {
    let Some(user) = lock(transaction, uid).await? else {
        return Ok(None);
    };
    let present = Generation::of_clients(transaction, uid).await?;
    let mut removed = expired(&present, author.now);
    let left: Vec<Generation> = present.into_iter().filter(|one| !removed.contains(&one.id)).collect();
    removed.extend(superfluous(&left));
    let models = client::Entity::find()
        .filter(client::Column::Id.eq(&user.client_id))
        .all(transaction)
        .await?;
    let confidential = models.iter().any(|model| model.confidential);
    let generated = (confidential && key.is_none()).then(|| generate(hasher));
    let jwks = key.map(|key| json!({ "keys": [key] }).to_string());
    let client_id = Uuid::new_v4().to_string();
    let copies = models.into_iter().map(|model| client::Model {
        id: client_id.clone(),
        secret_hash: generated.as_ref().map(|(_, hash)| hash.clone()),
        secret_source: None,
        jwks: jwks.clone(),
        created_at: author.now,
        created_by: author.name.clone(),
        modified_at: author.now,
        modified_by: author.name.clone(),
        version: 1,
        ..model
    });
    let copies: Vec<client::ActiveModel> = copies.map(Into::into).collect();
    let mut changes = Vec::new();
    if !copies.is_empty() {
        changes.push(client::Entity::insert_many(copies).into_query().into());
    }
    let txid = Uuid::now_v7().to_string();
    let row = service_client::Model {
        client_id: client_id.clone(),
        uid: uid.to_owned(),
        txid: txid.clone(),
        created_at: author.now,
        committed_at: None,
        expires_at: None,
        last_used_at: None,
    };
    let insert = service_client::Entity::insert(service_client::ActiveModel::from(row));
    changes.push(insert.into_query().into());
    if !removed.is_empty() {
        changes.extend(removal_of_clients(uid, removed));
    }
    let made = NewClient {
        txid,
        client_id,
        client_secret: generated.map(|(secret, _)| secret.expose_secret().to_owned()),
    };
    Ok(Some((made, changes)))
}

/// How a caller names the client to commit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which<'a> {
    Transaction(&'a str),
    ClientId(&'a str),
}

/// Makes the clients that are older than the one named expire after the grace, in milliseconds. Answers the id of the current
/// client, or nothing when there is no such client, or no more. A second time it changes nothing.
pub(crate) async fn commit_client(
    transaction: &DatabaseTransaction,
    uid: &str,
    which: Which<'_>,
    grace: i64,
    author: &Author,
) -> Result<Option<(String, Vec<Change>)>, Error> {
    if lock(transaction, uid).await?.is_none() {
        return Ok(None);
    }
    let present = Generation::of_clients(transaction, uid).await?;
    let named = |one: &Generation| match which {
        Which::Transaction(txid) => one.txid.as_deref() == Some(txid),
        Which::ClientId(id) => one.id == id,
    };
    let Some(committed) = committable(&present, author.now, named) else {
        return Ok(None);
    };
    let commit = service_client::Entity::update_many()
        .col_expr(
            service_client::Column::CommittedAt,
            Expr::value(committed_at(committed, author)),
        )
        .col_expr(service_client::Column::ExpiresAt, Expr::value(Option::<i64>::None))
        .filter(service_client::Column::ClientId.eq(&committed.id));
    let mut changes = vec![commit.into_query().into()];
    let older = superseded(&present, committed);
    if !older.is_empty() {
        let end = author.now + grace;
        let expire = service_client::Entity::update_many()
            .col_expr(service_client::Column::ExpiresAt, Expr::value(end))
            .filter(service_client::Column::ClientId.is_in(older))
            .filter(is_later(service_client::Column::ExpiresAt, end));
        changes.push(expire.into_query().into());
    }
    // A commit that comes late does not take the place of a younger one.
    let younger = present
        .iter()
        .filter(|one| one.committed_at.is_some() && one.expires_at.is_none());
    let current = younger
        .chain([committed])
        .max_by_key(|one| (one.created_at, one.id.clone()))
        .unwrap_or(committed);
    let point_to = service_user::Entity::update_many()
        .col_expr(service_user::Column::ClientId, Expr::value(current.id.clone()))
        .filter(service_user::Column::Uid.eq(uid));
    changes.push(point_to.into_query().into());
    Ok(Some((current.id.clone(), changes)))
}

/// When it was committed first.
fn committed_at(committed: &Generation, author: &Author) -> i64 {
    committed.committed_at.unwrap_or(author.now)
}

/// Whether the column has none, or one after `end`.
fn is_later(expires_at: impl ColumnTrait, end: i64) -> Condition {
    Condition::any().add(expires_at.is_null()).add(expires_at.gt(end))
}

fn committable(present: &[Generation], now: i64, named: impl Fn(&Generation) -> bool) -> Option<&Generation> {
    present
        .iter()
        .zip(valid(present, now))
        .find(|(one, valid)| *valid && named(one))
        .map(|(one, _)| one)
}

async fn passwords(transaction: &DatabaseTransaction, uid: &str) -> Result<Vec<Generation>, Error> {
    let rows = password::Entity::find()
        .filter(password::Column::Realm.eq(REALM))
        .filter(password::Column::Uid.eq(uid))
        .all(transaction)
        .await?;
    Ok(rows.iter().map(Generation::from).collect())
}

/// Takes these generations away, in all realms.
fn removal_of_clients(uid: &str, ids: Vec<String>) -> [Change; 2] {
    let clients = client::Entity::delete_many()
        .filter(client::Column::Owner.eq(uid))
        .filter(client::Column::Id.is_in(ids.clone()));
    let generations = service_client::Entity::delete_many().filter(service_client::Column::ClientId.is_in(ids));
    [clients.into_query().into(), generations.into_query().into()]
}
