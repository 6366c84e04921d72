//! Which worker has which application for itself: a row, an owner, and an end that each sign of life moves.
//!
//! Every statement is one conditional update, so that of two workers one wins on either database.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _};
use stups_store::{Error, Store};

use super::application::{Column, Entity};

/// Takes the application, if nobody has it at `now` (milliseconds since 1970 UTC). An end that is farther away than `length` is of a
/// clock that went wrong, and counts as past.
pub(crate) async fn take(store: &Store, id: &str, owner: &str, now: i64, length: i64) -> Result<bool, Error> {
    let is_free = Condition::any()
        .add(Column::LeaseOwner.is_null())
        .add(Column::LeaseOwner.eq(owner))
        .add(Column::LeaseUntil.is_null())
        .add(Column::LeaseUntil.lte(now))
        .add(Column::LeaseUntil.gt(now + 2 * length));
    let write = store.write().await?;
    let taken = Entity::update_many()
        .col_expr(Column::LeaseOwner, Expr::value(owner))
        .col_expr(Column::LeaseUntil, Expr::value(now + length))
        .filter(Column::Id.eq(id))
        .filter(is_free)
        .exec(write.transaction())
        .await?;
    write.commit_unaudited().await?;
    Ok(taken.rows_affected == 1)
}

/// Moves the end; says no when somebody else has the application now, or it is gone.
pub(crate) async fn renew(store: &Store, id: &str, owner: &str, now: i64, length: i64) -> Result<bool, Error> {
    let write = store.write().await?;
    let renewed = Entity::update_many()
        .col_expr(Column::LeaseUntil, Expr::value(now + length))
        .filter(Column::Id.eq(id))
        .filter(Column::LeaseOwner.eq(owner))
        .exec(write.transaction())
        .await?;
    write.commit_unaudited().await?;
    Ok(renewed.rows_affected == 1)
}

/// Gives the application back.
pub(crate) async fn release(store: &Store, id: &str, owner: &str) -> Result<(), Error> {
    let write = store.write().await?;
    Entity::update_many()
        .col_expr(Column::LeaseOwner, Expr::value(Option::<String>::None))
        .col_expr(Column::LeaseUntil, Expr::value(Option::<i64>::None))
        .filter(Column::Id.eq(id))
        .filter(Column::LeaseOwner.eq(owner))
        .exec(write.transaction())
        .await?;
    write.commit_unaudited().await
}
