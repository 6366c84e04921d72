//! Device codes (RFC 8628): a machine without a browser waits until its user has typed the user code elsewhere.

use sea_orm::entity::prelude::*;

use super::rows;

/// The user has not decided.
pub const PENDING: &str = "pending";
/// The user has agreed; tokens may be fetched, once.
pub const APPROVED: &str = "approved";
/// The user has refused.
pub const DENIED: &str = "denied";
/// Tokens were fetched.
pub const USED: &str = "used";

/// What a device code stands for.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "device_codes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub device_code_hash: String,
    /// Keyed: eight letters alone could be guessed from a plain hash.
    pub user_code_hash: String,
    pub realm: String,
    pub client_id: String,
    /// A JSON list.
    pub scopes: String,
    pub resource: Option<String>,
    /// Where the request came from: shown to the user.
    pub address: Option<String>,
    pub status: String,
    pub uid: Option<String>,
    pub session_hash: Option<String>,
    pub authenticated_at: Option<i64>,
    pub interval_seconds: i32,
    pub polled_at: Option<i64>,
    pub created_at: i64,
    pub expires_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What a polling device is told.
#[derive(Debug)]
pub enum Poll {
    /// There is no such code of this client, or its tokens were fetched.
    Unknown,
    /// Too late.
    Expired,
    /// The user has not decided; ask again after the interval.
    Pending,
    /// Asked too early: the interval is five seconds longer from now on.
    SlowDown,
    /// The user refused.
    Denied,
    /// The user agreed. The code is used up.
    Approved(Box<Model>),
}

/// Keeps a new code.
pub async fn insert(connection: &impl ConnectionTrait, code: Model) -> Result<(), stups_store::Error> {
    rows::insert(connection, code).await
}

/// The code of that hash.
pub async fn find(connection: &impl ConnectionTrait, hash: &str) -> Result<Option<Model>, stups_store::Error> {
    Ok(Entity::find_by_id(hash.to_owned()).one(connection).await?)
}

/// The code that a user typed, when it still waits for a decision.
pub async fn find_pending(
    connection: &impl ConnectionTrait,
    user_code_hash: &str,
    now: i64,
) -> Result<Option<Model>, stups_store::Error> {
    Ok(Entity::find()
        .filter(Column::UserCodeHash.eq(user_code_hash))
        .filter(Column::Status.eq(PENDING))
        .filter(Column::ExpiresAt.gt(now))
        .one(connection)
        .await?)
}

/// Who decided about a device code, and when they logged in.
pub struct Decider<'a> {
    /// The user.
    pub uid: &'a str,
    /// Their login.
    pub session_hash: &'a str,
    /// When they logged in.
    pub authenticated_at: i64,
}

/// Records the user's decision; says whether the code still waited for one.
pub async fn decide(
    connection: &impl ConnectionTrait,
    device_code_hash: &str,
    approved: bool,
    by: &Decider<'_>,
) -> Result<bool, stups_store::Error> {
    let decided = Entity::update_many()
        .col_expr(Column::Status, Expr::value(if approved { APPROVED } else { DENIED }))
        .col_expr(Column::Uid, Expr::value(by.uid))
        .col_expr(Column::SessionHash, Expr::value(by.session_hash))
        .col_expr(Column::AuthenticatedAt, Expr::value(by.authenticated_at))
        .filter(Column::DeviceCodeHash.eq(device_code_hash))
        .filter(Column::Status.eq(PENDING))
        .exec(connection)
        .await?;
    Ok(decided.rows_affected == 1)
}

/// Answers a polling device. Of two polls at once after the approval, one gets the tokens.
pub async fn poll(
    connection: &impl ConnectionTrait,
    device_code_hash: &str,
    client_id: &str,
    now: i64,
) -> Result<Poll, stups_store::Error> {
    let Some(code) = Entity::find_by_id(device_code_hash.to_owned()).one(connection).await? else {
        return Ok(Poll::Unknown);
    };
    if code.client_id != client_id || code.status == USED {
        return Ok(Poll::Unknown);
    }
    if code.expires_at <= now {
        return Ok(Poll::Expired);
    }
    match code.status.as_str() {
        DENIED => Ok(Poll::Denied),
        APPROVED => take(connection, code).await,
        _ => wait(connection, &code, now).await,
    }
}

async fn take(connection: &impl ConnectionTrait, code: Model) -> Result<Poll, stups_store::Error> {
    let taken = Entity::update_many()
        .col_expr(Column::Status, Expr::value(USED))
        .filter(Column::DeviceCodeHash.eq(&code.device_code_hash))
        .filter(Column::Status.eq(APPROVED))
        .exec(connection)
        .await?;
    Ok(if taken.rows_affected == 1 {
        Poll::Approved(Box::new(code))
    } else {
        Poll::Unknown
    })
}

async fn wait(connection: &impl ConnectionTrait, code: &Model, now: i64) -> Result<Poll, stups_store::Error> {
    let early = code
        .polled_at
        .is_some_and(|polled_at| now - polled_at < i64::from(code.interval_seconds) * 1000);
    let interval = if early {
        code.interval_seconds.saturating_add(5)
    } else {
        code.interval_seconds
    };
    Entity::update_many()
        .col_expr(Column::PolledAt, Expr::value(now))
        .col_expr(Column::IntervalSeconds, Expr::value(interval))
        .filter(Column::DeviceCodeHash.eq(&code.device_code_hash))
        .exec(connection)
        .await?;
    Ok(if early { Poll::SlowDown } else { Poll::Pending })
}

/// Forgets codes that have expired.
pub async fn expire(connection: &impl ConnectionTrait, before: i64) -> Result<u64, stups_store::Error> {
    rows::expire(connection, Column::ExpiresAt, before).await
}
