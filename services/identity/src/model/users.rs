//! Users: people and machines, each in a realm.

use std::collections::BTreeMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use secrecy::SecretString;
use stups_store::Error;

use crate::State;
use crate::model::entity::{password, user};
use crate::model::json::from_json;
use crate::model::passwords;
use crate::model::service_users::{self, Generation};
use crate::upgrades::{Owner, Upgrade};

/// A user as tokens are issued to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// With a leading slash: `/employees`.
    pub realm: String,
    /// The user name within the realm.
    pub uid: String,
    /// The scopes that the user may have; the values are kept for originals that knew what to do with them.
    pub scopes: BTreeMap<String, String>,
    /// The full name.
    pub name: Option<String>,
    /// The mail address.
    pub email: Option<String>,
    /// Whether the user can log in no more.
    pub disabled: bool,
}

impl TryFrom<user::Model> for User {
    type Error = Error;

    fn try_from(row: user::Model) -> Result<Self, Error> {
        Ok(Self {
            scopes: from_json(&row.scopes)?,
            realm: row.realm,
            uid: row.uid,
            name: row.name,
            email: row.email,
            disabled: row.disabled,
        })
    }
}

/// The user of that name in that realm, disabled or not.
pub async fn find(connection: &impl ConnectionTrait, realm: &str, uid: &str) -> Result<Option<User>, Error> {
    let row = user::Entity::find_by_id((realm.to_owned(), uid.to_owned()))
        .one(connection)
        .await?;
    row.map(User::try_from).transpose()
}

/// The user, if the password is one of the user's and the user is not disabled.
///
/// It takes as long for an unknown user. A bcrypt hash that matched is replaced by argon2id. Errors: 503 when the database is
/// away, or when too many log in at the same time.
pub async fn authenticate(
    state: &State,
    realm: &str,
    uid: &str,
    password: &SecretString,
) -> Result<Option<User>, stups_server::Error> {
    let connection = state.store.connection();
    let user = find(connection, realm, uid).await?;
    let rows = password::Entity::find()
        .filter(password::Column::Realm.eq(realm))
        .filter(password::Column::Uid.eq(uid))
        .all(connection)
        .await
        .map_err(Error::from)?;
    let rows = usable(rows, state.clock.milliseconds());
    let hashes: Vec<String> = rows.iter().map(|row| row.hash.clone()).collect();
    let interactive = state.realms.get(realm).is_none_or(|(_, realm)| realm.interactive);
    let verdict = if interactive {
        passwords::verify(&state.hasher, password, &hashes).await?
    } else {
        passwords::verify_of_machine(&state.hasher, password, &hashes).await?
    };
    let Some(matched) = verdict.matched else {
        return Ok(None);
    };
    let row = &rows[matched];
    note_use(state, row).await;
    if verdict.is_weak {
        state.upgrades.request(Upgrade {
            of: Owner::Password(row.id.clone()),
            hash: row.hash.clone(),
            password: password.clone(),
            of_machine: !interactive,
        });
    }
    Ok(user.filter(|user| !user.disabled))
}

/// The passwords that are valid now.
fn usable(rows: Vec<password::Model>, now: i64) -> Vec<password::Model> {
    let generations: Vec<Generation> = rows.iter().map(Generation::from).collect();
    let valid = service_users::valid(&generations, now);
    rows.into_iter()
        .zip(valid)
        .filter(|(_, valid)| *valid)
        .map(|(row, _)| row)
        .collect()
}

/// Puts another hash of the same password in the place of `old`, if that is still there.
pub(crate) async fn replace_hash(
    transaction: &impl ConnectionTrait,
    id: &str,
    old: &str,
    new: String,
) -> Result<(), Error> {
    password::Entity::update_many()
        .col_expr(password::Column::Hash, Expr::value(new))
        .filter(password::Column::Id.eq(id))
        .filter(password::Column::Hash.eq(old))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Remembers that a password was used. A login does not fail because of it.
async fn note_use(state: &State, row: &password::Model) {
    let now = state.clock.milliseconds();
    let recent = row
        .last_used_at
        .is_some_and(|last| now - last < service_users::USE_RESOLUTION_MS);
    if recent {
        return;
    }
    let update = password::Entity::update_many()
        .col_expr(password::Column::LastUsedAt, Expr::value(now))
        .filter(password::Column::Id.eq(&row.id))
        .filter(password::Column::Hash.eq(&row.hash));
    let written = async {
        let write = state.store.write().await?;
        update.exec(write.transaction()).await?;
        write.commit_unaudited().await
    };
    if let Err(error) = written.await {
        tracing::warn!(realm = row.realm, uid = row.uid, %error, "the use of a password was not noted");
    }
}

pub mod change;
