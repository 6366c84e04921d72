//! Users who log in at another provider: made and brought up to date when they do.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use serde_json::Value;
use stups_api::identity::{Change, Scopes, TeamPatch, UserPatch};
use stups_store::Error;

use crate::model::entity::{password, upstream_user, user};
use crate::model::json::from_json;
use crate::model::teams;
use crate::model::users::{self, User, change};
use crate::model::write::{Author, WriteError};

/// Somebody who has logged in at the other provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Visitor {
    /// The provider.
    pub(crate) issuer: String,
    /// Its name for the person: never another's.
    pub(crate) subject: String,
    /// The user name that a new user gets.
    pub(crate) uid: String,
    /// The full name, if the provider says.
    pub(crate) name: Option<String>,
    /// The mail address, if the provider says.
    pub(crate) email: Option<String>,
    /// The scopes that the user has at least.
    pub(crate) scopes: Vec<String>,
    /// Teams that the provider decides about, and whether the person is in them.
    pub(crate) teams: BTreeMap<String, bool>,
}

/// Why somebody stays out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The user of that name has a password of its own here, or is another person there.
    NameTaken,
    /// The user is disabled.
    Disabled,
}

/// The user that the visitor is, made or brought up to date, and what changed.
///
/// A user that is here already is theirs when nobody else can be it: it has no password and was never used by another person
/// of the provider. The provider's name for a person is what counts: another user name there changes nothing here, and somebody
/// who gets the user name of a person that left is not that person.
pub(crate) async fn admit(
    transaction: &DatabaseTransaction,
    realm: &str,
    visitor: &Visitor,
    author: &Author,
) -> Result<Result<(User, Vec<Change>), Refusal>, WriteError> {
    let key = (visitor.issuer.clone(), visitor.subject.clone());
    let known = upstream_user::Entity::find_by_id(key).one(transaction).await?;
    let is_new = known.is_none();
    let uid = known.map_or_else(|| visitor.uid.clone(), |known| known.uid);
    let row = user::Entity::find_by_id((realm.to_owned(), uid.clone()))
        .one(transaction)
        .await?;
    if is_new && row.is_some() && belongs_to_somebody(transaction, realm, &uid).await? {
        return Ok(Err(Refusal::NameTaken));
    }
    if row.as_ref().is_some_and(|row| row.disabled) {
        return Ok(Err(Refusal::Disabled));
    }

    let mut changes = Vec::new();
    let current = row.as_ref().map(|row| (row, &[][..]));
    let patch = patch(visitor, row.as_ref())?;
    let replace = change::Replace::Imported;
    changes.extend(change::put(transaction, current, (realm, &uid), patch, replace, author).await?);
    if is_new {
        let link = upstream_user::Model {
            issuer: visitor.issuer.clone(),
            subject: visitor.subject.clone(),
            realm: realm.to_owned(),
            uid: uid.clone(),
            created_at: author.now,
        };
        upstream_user::Entity::insert(upstream_user::ActiveModel::from(link))
            .exec_without_returning(transaction)
            .await?;
    }
    for (team, member) in &visitor.teams {
        changes.extend(put_member(transaction, team, (realm, &uid), *member, author).await?);
    }
    let user = users::find(transaction, realm, &uid).await?;
    let user = user.ok_or_else(|| Error::from(sea_orm::DbErr::RecordNotFound(uid)))?;
    Ok(Ok((user, changes)))
}

async fn belongs_to_somebody(connection: &impl ConnectionTrait, realm: &str, uid: &str) -> Result<bool, Error> {
    let password = password::Entity::find()
        .filter(password::Column::Realm.eq(realm))
        .filter(password::Column::Uid.eq(uid))
        .one(connection)
        .await?;
    let other = upstream_user::Entity::find()
        .filter(upstream_user::Column::Realm.eq(realm))
        .filter(upstream_user::Column::Uid.eq(uid))
        .one(connection)
        .await?;
    Ok(password.is_some() || other.is_some())
}

/// What the provider says of the user. What it does not say stays, and so do scopes that somebody gave the user here.
fn patch(visitor: &Visitor, row: Option<&user::Model>) -> Result<UserPatch, Error> {
    let mut scopes: BTreeMap<String, String> = match row {
        Some(row) => from_json(&row.scopes)?,
        None => BTreeMap::new(),
    };
    for scope in &visitor.scopes {
        scopes.entry(scope.clone()).or_insert_with(|| "true".to_owned());
    }
    let scopes = scopes.into_iter().map(|(name, value)| (name, Value::String(value)));
    Ok(UserPatch {
        name: visitor.name.clone().map(Some),
        email: visitor.email.clone().map(Some),
        scopes: Some(Some(Scopes::Map(scopes.collect()))),
        ..UserPatch::default()
    })
}

/// Puts the user into the team, which is made if need be, or takes it out.
async fn put_member(
    transaction: &DatabaseTransaction,
    team: &str,
    (realm, uid): (&str, &str),
    member: bool,
    author: &Author,
) -> Result<Option<Change>, WriteError> {
    let current = teams::current(transaction, Some(team)).await?.remove(team);
    let before = current.as_ref().map(|team| team.members.clone()).unwrap_or_default();
    let user = (realm.to_owned(), uid.to_owned());
    if before.contains(&user) == member {
        return Ok(None);
    }
    let mut after: BTreeSet<(String, String)> = before;
    if member {
        after.insert(user);
    } else {
        after.remove(&user);
    }
    let patch = TeamPatch {
        members: Some(Some(
            after.iter().map(|(realm, uid)| format!("{realm}/{uid}")).collect(),
        )),
        ..TeamPatch::default()
    };
    teams::put(transaction, current.as_ref(), team, patch, author).await
}
