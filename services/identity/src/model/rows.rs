//! What tables whose rows come once and end by themselves share.

use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter};
use stups_store::Error;

/// Adds a row.
pub(crate) async fn insert<M>(connection: &impl ConnectionTrait, row: M) -> Result<(), Error>
where
    M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
{
    M::Entity::insert(row.into_active_model().reset_all())
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Removes the rows whose time in that column has come, and says how many: `before` is in the unit of the column.
pub(crate) async fn expire<C>(connection: &impl ConnectionTrait, column: C, before: i64) -> Result<u64, Error>
where
    C: ColumnTrait,
    C::EntityName: EntityTrait,
{
    Ok(C::EntityName::delete_many()
        .filter(column.lt(before))
        .exec(connection)
        .await?
        .rows_affected)
}
