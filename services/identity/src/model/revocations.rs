//! The list of revoked tokens and claims (contract identity 2.12). Here times are in whole seconds, as the list has them.

use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use super::rows;

/// One revocation.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revocations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// `TOKEN`, `CLAIM` or `GLOBAL`.
    pub kind: String,
    /// The `data` of the list, as JSON.
    pub data: String,
    /// Tokens issued before are revoked: seconds since 1970 UTC.
    pub issued_before: i64,
    /// Seconds since 1970 UTC.
    pub revoked_at: i64,
    /// `/realm/uid`.
    pub revoked_by: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Requests that pollers read the list again.
pub mod refresh {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "revocation_refreshes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        /// From where: seconds since 1970 UTC.
        pub refresh_from: i64,
        /// When it was asked for: seconds since 1970 UTC.
        pub requested_at: i64,
        /// `/realm/uid`.
        pub requested_by: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Adds a revocation.
pub async fn insert(connection: &impl ConnectionTrait, revocation: Model) -> Result<(), stups_store::Error> {
    rows::insert(connection, revocation).await
}

/// Revocations made after `from`, oldest first.
pub async fn since(connection: &impl ConnectionTrait, from: i64) -> Result<Vec<Model>, stups_store::Error> {
    Ok(Entity::find()
        .filter(Column::RevokedAt.gt(from))
        .order_by_asc(Column::RevokedAt)
        .order_by_asc(Column::Id)
        .all(connection)
        .await?)
}

/// Adds a request to read the list again.
pub async fn insert_refresh(
    connection: &impl ConnectionTrait,
    refresh: refresh::Model,
) -> Result<(), stups_store::Error> {
    rows::insert(connection, refresh).await
}

/// The last request to read the list again that was made after `since`.
pub async fn last_refresh(
    connection: &impl ConnectionTrait,
    since: i64,
) -> Result<Option<refresh::Model>, stups_store::Error> {
    Ok(refresh::Entity::find()
        .filter(refresh::Column::RequestedAt.gt(since))
        .order_by_desc(refresh::Column::RequestedAt)
        .order_by_desc(refresh::Column::Id)
        .one(connection)
        .await?)
}

/// Forgets what no living token can need any more.
pub async fn expire(connection: &impl ConnectionTrait, before: i64) -> Result<u64, stups_store::Error> {
    rows::expire(connection, refresh::Column::RequestedAt, before).await?;
    rows::expire(connection, Column::RevokedAt, before).await
}
