//! Service users whose application is not configured any more: they are to be removed.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{DatabaseTransaction, IntoActiveModel as _};
use stups_store::Error;

/// A row of `departed`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "departed")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) username: String,
    pub(crate) since: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Notes one.
pub(crate) async fn add(transaction: &DatabaseTransaction, username: &str, since: i64) -> Result<(), Error> {
    let row = Model {
        username: username.to_owned(),
        since,
    };
    Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::column(Column::Username).do_nothing().to_owned())
        .try_insert()
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// All names.
pub(crate) async fn all(connection: &impl ConnectionTrait) -> Result<Vec<String>, Error> {
    let found = Entity::find().all(connection).await?;
    Ok(found.into_iter().map(|row| row.username).collect())
}

/// Forgets one: it is removed, or wanted again.
pub(crate) async fn forget(transaction: &DatabaseTransaction, username: &str) -> Result<(), Error> {
    Entity::delete_by_id(username.to_owned()).exec(transaction).await?;
    Ok(())
}
