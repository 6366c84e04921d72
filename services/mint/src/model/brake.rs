//! What stops a mass deletion, one row for all workers.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, DatabaseTransaction, QuerySelect as _};
use stups_api::Timestamp;
use stups_api::mint::Brake;
use stups_store::{Dialect, Error};

/// The only row of `brake`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "brake")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i32,
    pub(crate) engaged_since: Option<i64>,
    /// A JSON array of the ids of the applications whose removal is held back.
    pub(crate) applications: String,
    pub(crate) total: i64,
    pub(crate) released: bool,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The ids of the applications whose removal is held back.
    pub(crate) fn held(&self) -> Vec<String> {
        serde_json::from_str(&self.applications).unwrap_or_default()
    }
}

impl From<Model> for Brake {
    fn from(model: Model) -> Self {
        Self {
            engaged: model.engaged_since.is_some(),
            since: model.engaged_since.map(Timestamp),
            applications: model.held(),
            of: u64::try_from(model.total).unwrap_or_default(),
            released: model.released,
        }
    }
}

/// The row.
pub(crate) async fn read(connection: &impl ConnectionTrait) -> Result<Model, Error> {
    found(Entity::find_by_id(1).one(connection).await?)
}

/// The row, which nobody else changes until the transaction ends.
pub(crate) async fn locked(dialect: Dialect, transaction: &DatabaseTransaction) -> Result<Model, Error> {
    let mut query = Entity::find_by_id(1);
    if dialect == Dialect::PostgreSql {
        query = query.lock_exclusive();
    }
    found(query.one(transaction).await?)
}

fn found(row: Option<Model>) -> Result<Model, Error> {
    row.ok_or_else(|| DbErr::RecordNotFound("brake".to_owned()).into())
}

/// Overwrites the row.
pub(crate) async fn write(transaction: &DatabaseTransaction, model: &Model) -> Result<(), Error> {
    let row = ActiveModel {
        id: ActiveValue::Unchanged(1),
        engaged_since: ActiveValue::Set(model.engaged_since),
        applications: ActiveValue::Set(model.applications.clone()),
        total: ActiveValue::Set(model.total),
        released: ActiveValue::Set(model.released),
    };
    Entity::update(row).exec(transaction).await?;
    Ok(())
}
