//! Buckets that could not be written to, and when they are tried again: all workers and applications wait for the same.

use std::collections::HashSet;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{DatabaseTransaction, IntoActiveModel as _, QuerySelect as _};
use stups_store::Error;

/// A row of `buckets`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "buckets")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) bucket: String,
    /// How many times in a row.
    pub(crate) errors: i32,
    pub(crate) next_attempt: i64,
    pub(crate) message: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Those of the buckets that failed last.
pub(crate) async fn failing(connection: &impl ConnectionTrait, buckets: &[String]) -> Result<Vec<Model>, Error> {
    let query = Entity::find().filter(Column::Bucket.is_in(buckets.iter().map(String::as_str)));
    Ok(query.all(connection).await?)
}

/// The names of all that failed last.
pub(crate) async fn all_failing(connection: &impl ConnectionTrait) -> Result<HashSet<String>, Error> {
    let query = Entity::find().select_only().column(Column::Bucket);
    let names: Vec<String> = query.into_tuple().all(connection).await?;
    Ok(names.into_iter().collect())
}

/// Notes a failure.
pub(crate) async fn failed(transaction: &DatabaseTransaction, failure: Model) -> Result<(), Error> {
    let replace = OnConflict::column(Column::Bucket)
        .update_columns([Column::Errors, Column::NextAttempt, Column::Message])
        .to_owned();
    Entity::insert(failure.into_active_model())
        .on_conflict(replace)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// Forgets the failures: they were written to, or somebody wants them to be tried at once.
pub(crate) async fn forget(transaction: &DatabaseTransaction, buckets: &[String]) -> Result<(), Error> {
    let query = Entity::delete_many().filter(Column::Bucket.is_in(buckets.iter().map(String::as_str)));
    query.exec(transaction).await?;
    Ok(())
}
