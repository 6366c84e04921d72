//! Refresh tokens: each is used once and has one successor; all that follow from one login are a family, which ends as a whole.

use sea_orm::QuerySelect;
use sea_orm::entity::prelude::*;

use super::rows;

/// One refresh token.
pub mod token {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "refresh_tokens")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub token_hash: String,
        pub family_id: String,
        /// The access token that was answered beside it last.
        pub access_token_hash: Option<String>,
        pub created_at: i64,
        pub expires_at: i64,
        pub used_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// All refresh tokens of one login.
pub mod family {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "refresh_families")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub realm: String,
        pub uid: String,
        pub client_id: String,
        /// A JSON list: what was granted at the login; a refresh may ask for less, never for more.
        pub scopes: String,
        pub resource: Option<String>,
        pub session_hash: Option<String>,
        pub authenticated_at: i64,
        pub created_at: i64,
        pub expires_at: i64,
        pub revoked_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use family::Model as Family;
pub use token::Model as Token;

/// What happens when a refresh token is presented.
#[derive(Debug)]
pub enum Presentation {
    /// There is no such token.
    Unknown,
    /// It, or its family, has expired or was revoked.
    Ended,
    /// It is presented for the first time, and used up by that.
    First(Family),
    /// It was used a moment ago: the same successor is to be answered.
    InGrace(Family),
    /// It was used longer ago: it may be stolen.
    Reused(Family),
}

/// Starts a family with its first token.
pub async fn start(connection: &impl ConnectionTrait, family: Family, first: Token) -> Result<(), stups_store::Error> {
    rows::insert(connection, family).await?;
    insert(connection, first).await
}

/// Adds the successor of a token.
pub async fn insert(connection: &impl ConnectionTrait, token: Token) -> Result<(), stups_store::Error> {
    rows::insert(connection, token).await
}

/// Uses the token up. Of many presentations at once one is the first, the others are in its grace.
pub async fn present(
    connection: &impl ConnectionTrait,
    token_hash: &str,
    now: i64,
    grace: i64,
) -> Result<Presentation, stups_store::Error> {
    let used = token::Entity::update_many()
        .col_expr(token::Column::UsedAt, Expr::value(now))
        .filter(token::Column::TokenHash.eq(token_hash))
        .filter(token::Column::UsedAt.is_null())
        .exec(connection)
        .await?;
    let Some(token) = find(connection, token_hash).await? else {
        return Ok(Presentation::Unknown);
    };
    let Some(family) = family::Entity::find_by_id(token.family_id.clone())
        .one(connection)
        .await?
    else {
        return Ok(Presentation::Unknown);
    };
    if family.revoked_at.is_some() || family.expires_at <= now {
        return Ok(Presentation::Ended);
    }
    if used.rows_affected == 1 {
        return Ok(if token.expires_at <= now {
            Presentation::Ended
        } else {
            Presentation::First(family)
        });
    }
    let in_grace = token.used_at.is_some_and(|used_at| now - used_at <= grace);
    Ok(if in_grace {
        Presentation::InGrace(family)
    } else {
        Presentation::Reused(family)
    })
}

/// The token of that hash.
pub async fn find(connection: &impl ConnectionTrait, token_hash: &str) -> Result<Option<Token>, stups_store::Error> {
    Ok(token::Entity::find_by_id(token_hash.to_owned()).one(connection).await?)
}

/// The family of a token.
pub async fn find_family(connection: &impl ConnectionTrait, id: &str) -> Result<Option<Family>, stups_store::Error> {
    Ok(family::Entity::find_by_id(id.to_owned()).one(connection).await?)
}

/// Remembers which access token was answered beside the refresh token.
pub async fn remember_access_token(
    connection: &impl ConnectionTrait,
    token_hash: &str,
    access_token_hash: &str,
) -> Result<(), stups_store::Error> {
    token::Entity::update_many()
        .col_expr(token::Column::AccessTokenHash, Expr::value(access_token_hash))
        .filter(token::Column::TokenHash.eq(token_hash))
        .exec(connection)
        .await?;
    Ok(())
}

/// Ends a family; answers the hashes of access tokens that were answered with it since `since`.
pub async fn revoke_family(
    connection: &impl ConnectionTrait,
    id: &str,
    now: i64,
    since: i64,
) -> Result<Vec<String>, stups_store::Error> {
    family::Entity::update_many()
        .col_expr(family::Column::RevokedAt, Expr::value(now))
        .filter(family::Column::Id.eq(id))
        .filter(family::Column::RevokedAt.is_null())
        .exec(connection)
        .await?;
    Ok(token::Entity::find()
        .select_only()
        .column(token::Column::AccessTokenHash)
        .filter(token::Column::FamilyId.eq(id))
        .filter(token::Column::CreatedAt.gte(since))
        .filter(token::Column::AccessTokenHash.is_not_null())
        .into_tuple()
        .all(connection)
        .await?)
}

/// The families of a login session: they end with it.
pub async fn of_session(
    connection: &impl ConnectionTrait,
    session_hash: &str,
) -> Result<Vec<String>, stups_store::Error> {
    Ok(family::Entity::find()
        .select_only()
        .column(family::Column::Id)
        .filter(family::Column::SessionHash.eq(session_hash))
        .filter(family::Column::RevokedAt.is_null())
        .into_tuple()
        .all(connection)
        .await?)
}

/// The families that a user gave to a client.
pub async fn of_user_and_client(
    connection: &impl ConnectionTrait,
    realm: &str,
    uid: &str,
    client_id: &str,
) -> Result<Vec<String>, stups_store::Error> {
    Ok(family::Entity::find()
        .select_only()
        .column(family::Column::Id)
        .filter(family::Column::Realm.eq(realm))
        .filter(family::Column::Uid.eq(uid))
        .filter(family::Column::ClientId.eq(client_id))
        .filter(family::Column::RevokedAt.is_null())
        .into_tuple()
        .all(connection)
        .await?)
}

/// Forgets families that have expired, with their tokens.
pub async fn expire(connection: &impl ConnectionTrait, before: i64) -> Result<u64, stups_store::Error> {
    rows::expire(connection, family::Column::ExpiresAt, before).await
}

/// A refresh token as it is kept.
pub fn new_token(token_hash: String, family_id: &str, now: i64, expires_at: i64) -> Token {
    Token {
        token_hash,
        family_id: family_id.to_owned(),
        access_token_hash: None,
        created_at: now,
        expires_at,
        used_at: None,
    }
}
