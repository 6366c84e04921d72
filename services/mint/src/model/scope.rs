use sea_orm::entity::prelude::*;
use stups_api::mint::ScopeName;

/// A row of `scopes`: an application has a scope.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "scopes")]
#[expect(clippy::struct_field_names, reason = "the columns are named as the API has them")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) application_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) resource_type_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) scope_id: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Model> for ScopeName {
    fn from(model: Model) -> Self {
        Self {
            resource_type_id: model.resource_type_id,
            scope_id: model.scope_id,
        }
    }
}
