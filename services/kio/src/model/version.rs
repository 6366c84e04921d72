use sea_orm::entity::prelude::*;
use stups_api::Timestamp;
use stups_api::kio::{Version, VersionSummary};

/// A row of `versions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "versions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) application_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) artifact: String,
    pub(crate) notes: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) created_by: String,
    pub(crate) last_modified_at: i64,
    pub(crate) last_modified_by: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Model> for Version {
    fn from(model: Model) -> Self {
        Self {
            id: model.id,
            application_id: model.application_id,
            artifact: model.artifact,
            notes: model.notes,
            created: Timestamp(model.created_at),
            created_by: model.created_by,
            last_modified: Timestamp(model.last_modified_at),
            last_modified_by: model.last_modified_by,
        }
    }
}

impl From<Model> for VersionSummary {
    fn from(model: Model) -> Self {
        Self {
            id: model.id,
            application_id: model.application_id,
            artifact: model.artifact,
            last_modified: Timestamp(model.last_modified_at),
        }
    }
}
