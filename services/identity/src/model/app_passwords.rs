//! Passwords of people's devices and programs: generated, each with scopes of its own, good at the Token Service alone
//! (contract identity 2.15).

use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use secrecy::{ExposeSecret, SecretString};
use stups_api::identity::{AppPassword, MadeAppPassword, NewAppPassword};
use stups_store::Error;
use uuid::Uuid;

use super::json::{from_json, to_json};
use super::passwords;
use super::rows;
use super::service_users::USE_RESOLUTION_MS;
use super::ssh_keys::{format_time, parse_time};
use super::users::{self, User};
use super::write::{Author, Invalid, WriteError, check_scopes, check_text};
use crate::State;
use crate::hasher::PasswordHasher;

/// One password.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "app_passwords")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub realm: String,
    pub uid: String,
    pub name: String,
    pub hash: String,
    /// A JSON list.
    pub scopes: String,
    pub created_at: i64,
    pub created_by: String,
    pub expires_at: Option<i64>,
    pub last_used_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// How many passwords a person may have: each login looks at all of them.
const MOST: usize = 50;

/// Makes a password for the user, who exists.
pub(crate) async fn add(
    connection: &impl ConnectionTrait,
    hasher: &PasswordHasher,
    (realm, uid): (&str, &str),
    wanted: &NewAppPassword,
    author: &Author,
) -> Result<MadeAppPassword, WriteError> {
    if wanted.name.trim().is_empty() {
        return Err(Invalid::new("name", "is empty: say which device or program it is for").into());
    }
    check_text("name", Some(&wanted.name))?;
    let scopes = check_scopes("scopes", wanted.scopes.clone())?;
    if scopes.is_empty() {
        return Err(Invalid::new("scopes", "is empty: say what it may do").into());
    }
    let expires_at = wanted
        .expires_at
        .as_deref()
        .map(|text| parse_time("expires_at", text))
        .transpose()?;
    if of_user(connection, realm, uid).await?.len() >= MOST {
        return Err(Invalid::new("name", format!("cannot be added: {MOST} passwords are allowed")).into());
    }
    let (secret, hash) = passwords::generate(hasher);
    let id = Uuid::now_v7().to_string();
    let row = Model {
        id: id.clone(),
        realm: realm.to_owned(),
        uid: uid.to_owned(),
        name: wanted.name.clone(),
        hash,
        scopes: to_json(&scopes),
        created_at: author.now,
        created_by: author.name.clone(),
        expires_at,
        last_used_at: None,
    };
    rows::insert(connection, row).await?;
    let password = secret.expose_secret().to_owned();
    Ok(MadeAppPassword { id, password })
}

/// The passwords of a user, expired ones included, in the order in which they were made.
pub(crate) async fn list(connection: &impl ConnectionTrait, realm: &str, uid: &str) -> Result<Vec<AppPassword>, Error> {
    let rows = of_user(connection, realm, uid).await?.into_iter();
    rows.map(|row| {
        Ok(AppPassword {
            scopes: from_json(&row.scopes)?,
            id: row.id,
            name: row.name,
            expires_at: row.expires_at.map(format_time),
            last_used_at: row.last_used_at.map(format_time),
            created_at: format_time(row.created_at),
            created_by: row.created_by,
        })
    })
    .collect()
}

/// Removes a password. Says whether it was there.
pub(crate) async fn delete(
    connection: &impl ConnectionTrait,
    (realm, uid): (&str, &str),
    id: &str,
) -> Result<bool, Error> {
    let deleted = Entity::delete_many()
        .filter(Column::Id.eq(id))
        .filter(Column::Realm.eq(realm))
        .filter(Column::Uid.eq(uid))
        .exec(connection)
        .await?;
    Ok(deleted.rows_affected > 0)
}

async fn of_user(connection: &impl ConnectionTrait, realm: &str, uid: &str) -> Result<Vec<Model>, Error> {
    Ok(Entity::find()
        .filter(Column::Realm.eq(realm))
        .filter(Column::Uid.eq(uid))
        .order_by_asc(Column::Id)
        .all(connection)
        .await?)
}

/// The user and the scopes of the password, if it is one of the user's, has not expired, and the user is not disabled. It takes
/// as long for an unknown user. Errors: 503 when the database is away, or when too many log in at the same time.
pub(crate) async fn authenticate(
    state: &State,
    realm: &str,
    uid: &str,
    password: &SecretString,
) -> Result<Option<(User, Vec<String>)>, stups_server::Error> {
    let connection = state.store.connection();
    let now = state.clock.milliseconds();
    let user = users::find(connection, realm, uid).await?;
    let mut rows = of_user(connection, realm, uid).await?;
    rows.retain(|row| row.expires_at.is_none_or(|expires_at| expires_at > now));
    let hashes: Vec<String> = rows.iter().map(|row| row.hash.clone()).collect();
    let verdict = passwords::verify(&state.hasher, password, &hashes).await?;
    let (Some(matched), Some(user)) = (verdict.matched, user.filter(|user| !user.disabled)) else {
        return Ok(None);
    };
    note_use(state, &rows[matched], now).await;
    Ok(Some((user, from_json(&rows[matched].scopes)?)))
}

/// Remembers that a password was used. A login does not fail because of it.
async fn note_use(state: &State, row: &Model, now: i64) {
    if row.last_used_at.is_some_and(|last| now - last < USE_RESOLUTION_MS) {
        return;
    }
    let written = async {
        let write = state.store.write().await?;
        Entity::update_many()
            .col_expr(Column::LastUsedAt, Expr::value(now))
            .filter(Column::Id.eq(&row.id))
            .exec(write.transaction())
            .await?;
        write.commit_unaudited().await
    };
    if let Err(error) = written.await {
        tracing::warn!(realm = row.realm, uid = row.uid, %error, "the use of a password was not noted");
    }
}
