use sea_orm::entity::prelude::*;
use stups_api::Timestamp;
use stups_api::kio::Approval;

/// A row of `approvals`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "approvals")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) application_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) version_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) user_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) approval_type: String,
    pub(crate) approved_at: i64,
    pub(crate) notes: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Model> for Approval {
    fn from(model: Model) -> Self {
        Self {
            application_id: model.application_id,
            version_id: model.version_id,
            approval_type: model.approval_type,
            user_id: model.user_id,
            approved_at: Timestamp(model.approved_at),
            notes: model.notes,
        }
    }
}
