//! Signing keys: private halves sealed with the master key.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};

use crate::config::Algorithm;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub kid: String,
    pub algorithm: String,
    /// From 1, per algorithm; unique, so that two instances cannot both make the next key.
    pub generation: i32,
    pub sealed_private_key: String,
    pub created_at: i64,
    pub active_from: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The name of the algorithm in the table, as in `alg`.
pub fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Es256 => "ES256",
        Algorithm::Rs256 => "RS256",
        Algorithm::EdDsa => "EdDSA",
    }
}

/// The algorithm of a row; nothing for one that this version does not know.
pub fn algorithm(name: &str) -> Option<Algorithm> {
    [Algorithm::Es256, Algorithm::Rs256, Algorithm::EdDsa]
        .into_iter()
        .find(|known| self::name(*known) == name)
}

/// All keys, oldest first.
pub async fn all(connection: &impl ConnectionTrait) -> Result<Vec<Model>, stups_store::Error> {
    Ok(Entity::find()
        .order_by_asc(Column::ActiveFrom)
        .order_by_asc(Column::Kid)
        .all(connection)
        .await?)
}

/// The ids of all keys: what tells whether the loaded set is the current one.
pub async fn ids(connection: &impl ConnectionTrait) -> Result<Vec<String>, stups_store::Error> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Kid)
        .into_tuple()
        .all(connection)
        .await?)
}

/// Adds a key.
pub async fn insert(connection: &impl ConnectionTrait, key: Model) -> Result<(), stups_store::Error> {
    let row = ActiveModel {
        kid: Set(key.kid),
        algorithm: Set(key.algorithm),
        generation: Set(key.generation),
        sealed_private_key: Set(key.sealed_private_key),
        created_at: Set(key.created_at),
        active_from: Set(key.active_from),
    };
    Entity::insert(row).exec_without_returning(connection).await?;
    Ok(())
}

/// Removes a key: tokens that it signed are not valid any more.
pub async fn delete(connection: &impl ConnectionTrait, kid: &str) -> Result<(), stups_store::Error> {
    Entity::delete_by_id(kid.to_owned()).exec(connection).await?;
    Ok(())
}
