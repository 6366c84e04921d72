//! Client assertions (RFC 7523) that were used: each is good for one request.

use sea_orm::ActiveValue::Set;
use sea_orm::TryInsertResult;
use sea_orm::entity::prelude::*;

use super::rows;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "client_assertions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub assertion_hash: String,
    pub expires_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Remembers the assertion until it expires; says whether it is used for the first time.
pub async fn first_use(
    connection: &impl ConnectionTrait,
    assertion_hash: &str,
    expires_at: i64,
) -> Result<bool, stups_store::Error> {
    let row = ActiveModel {
        assertion_hash: Set(assertion_hash.to_owned()),
        expires_at: Set(expires_at),
    };
    let inserted = Entity::insert(row)
        .on_conflict_do_nothing()
        .exec_without_returning(connection)
        .await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(1..)))
}

/// Forgets assertions that have expired.
pub async fn expire(connection: &impl ConnectionTrait, now: i64) -> Result<u64, stups_store::Error> {
    rows::expire(connection, Column::ExpiresAt, now).await
}
