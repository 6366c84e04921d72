//! Logins at another provider that are under way: from the moment a browser is sent there until it comes back.

use sea_orm::entity::prelude::*;

use super::rows;

/// One login.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upstream_logins")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub state_hash: String,
    /// Which browser was sent: another one must not bring the answer.
    pub browser_hash: String,
    /// Which page of ours goes on.
    pub return_to: String,
    pub expires_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Keeps a new login.
pub async fn insert(connection: &impl ConnectionTrait, login: Model) -> Result<(), stups_store::Error> {
    rows::insert(connection, login).await
}

/// Takes out the login of that state and browser: once, also when two ask at the same time.
pub async fn take(
    connection: &impl ConnectionTrait,
    state_hash: &str,
    browser_hash: &str,
    now: i64,
) -> Result<Option<Model>, stups_store::Error> {
    let found = Entity::find_by_id(state_hash.to_owned())
        .filter(Column::BrowserHash.eq(browser_hash))
        .filter(Column::ExpiresAt.gt(now))
        .one(connection)
        .await?;
    let deleted = Entity::delete_many()
        .filter(Column::StateHash.eq(state_hash))
        .filter(Column::BrowserHash.eq(browser_hash))
        .exec(connection)
        .await?;
    Ok(found.filter(|_| deleted.rows_affected == 1))
}

/// Forgets logins that nobody came back from.
pub async fn expire(connection: &impl ConnectionTrait, before: i64) -> Result<u64, stups_store::Error> {
    rows::expire(connection, Column::ExpiresAt, before).await
}
