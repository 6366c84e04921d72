//! Logins of people: what the session cookie stands for.

use sea_orm::entity::prelude::*;

use super::rows;

/// The user typed a password.
pub const PASSWORD: &str = "pwd";
/// Another provider vouches for the user.
pub const ELSEWHERE: &str = "ext";

/// One login.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub session_hash: String,
    pub realm: String,
    pub uid: String,
    /// How the user proved who they are: [`PASSWORD`] or [`ELSEWHERE`].
    pub method: String,
    pub authenticated_at: i64,
    pub expires_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Keeps a new login.
pub async fn insert(connection: &impl ConnectionTrait, session: Model) -> Result<(), stups_store::Error> {
    rows::insert(connection, session).await
}

/// The login of that cookie, unless it has expired.
pub async fn find(
    connection: &impl ConnectionTrait,
    session_hash: &str,
    now: i64,
) -> Result<Option<Model>, stups_store::Error> {
    Ok(Entity::find_by_id(session_hash.to_owned())
        .filter(Column::ExpiresAt.gt(now))
        .one(connection)
        .await?)
}

/// How the user of the login proved who they are, while it lasts.
pub async fn method(
    connection: &impl ConnectionTrait,
    session_hash: Option<&str>,
) -> Result<Option<String>, stups_store::Error> {
    let Some(hash) = session_hash else { return Ok(None) };
    let session = Entity::find_by_id(hash.to_owned()).one(connection).await?;
    Ok(session.map(|session| session.method))
}

/// Lets the login live until then.
pub async fn extend(
    connection: &impl ConnectionTrait,
    session_hash: &str,
    expires_at: i64,
) -> Result<(), stups_store::Error> {
    Entity::update_many()
        .col_expr(Column::ExpiresAt, Expr::value(expires_at))
        .filter(Column::SessionHash.eq(session_hash))
        .exec(connection)
        .await?;
    Ok(())
}

/// Ends the login.
pub async fn delete(connection: &impl ConnectionTrait, session_hash: &str) -> Result<(), stups_store::Error> {
    Entity::delete_by_id(session_hash.to_owned()).exec(connection).await?;
    Ok(())
}

/// Forgets logins that have expired.
pub async fn expire(connection: &impl ConnectionTrait, before: i64) -> Result<u64, stups_store::Error> {
    rows::expire(connection, Column::ExpiresAt, before).await
}
