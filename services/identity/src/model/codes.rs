//! Authorization codes: hashed, bound to a PKCE challenge, good for one exchange.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

use super::rows;

/// What a code stands for.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authorization_codes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub code_hash: String,
    pub realm: String,
    pub uid: String,
    pub client_id: String,
    /// As in the authorize request: the exchange must name the same.
    pub redirect_uri: String,
    /// A JSON list.
    pub scopes: String,
    /// S256 of the verifier that the exchange must name.
    pub code_challenge: String,
    pub nonce: Option<String>,
    pub resource: Option<String>,
    pub session_hash: String,
    /// When the user logged in.
    pub authenticated_at: i64,
    pub expires_at: i64,
    pub used_at: Option<i64>,
    /// What the exchange gave, so that a second presentation can take it back.
    pub access_token_hash: Option<String>,
    pub family_id: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What happens when a code is presented.
pub enum Redemption {
    /// There is no such code, or it was cleaned away.
    Unknown,
    /// It is presented for the first time, and used up by that.
    First(Model),
    /// It was presented before.
    Again(Model),
}

/// Keeps a new code.
pub async fn insert(connection: &impl ConnectionTrait, code: Model) -> Result<(), stups_store::Error> {
    rows::insert(connection, code).await
}

/// The code of that hash, used or not.
pub async fn find(connection: &impl ConnectionTrait, code_hash: &str) -> Result<Option<Model>, stups_store::Error> {
    Ok(Entity::find_by_id(code_hash.to_owned()).one(connection).await?)
}

/// Uses the code up. Of two presentations at once, one is the first: the row is changed under the database's lock.
pub async fn redeem(
    connection: &impl ConnectionTrait,
    code_hash: &str,
    now: i64,
) -> Result<Redemption, stups_store::Error> {
    let used = Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(now))
        .filter(Column::CodeHash.eq(code_hash))
        .filter(Column::UsedAt.is_null())
        .exec(connection)
        .await?;
    let code = Entity::find_by_id(code_hash.to_owned()).one(connection).await?;
    Ok(match code {
        None => Redemption::Unknown,
        Some(code) if used.rows_affected == 1 => Redemption::First(code),
        Some(code) => Redemption::Again(code),
    })
}

/// Remembers what the exchange gave.
pub async fn remember_tokens(
    connection: &impl ConnectionTrait,
    code_hash: &str,
    access_token_hash: &str,
    family_id: Option<&str>,
) -> Result<(), stups_store::Error> {
    let row = ActiveModel {
        code_hash: Set(code_hash.to_owned()),
        access_token_hash: Set(Some(access_token_hash.to_owned())),
        family_id: Set(family_id.map(ToOwned::to_owned)),
        ..Default::default()
    };
    Entity::update(row).exec(connection).await?;
    Ok(())
}

/// Forgets codes whose tokens have expired too: `before` is in milliseconds since 1970 UTC.
pub async fn expire(connection: &impl ConnectionTrait, before: i64) -> Result<u64, stups_store::Error> {
    rows::expire(connection, Column::ExpiresAt, before).await
}
