use sea_orm::entity::prelude::*;
use stups_api::Timestamp;
use stups_api::kio::Application;

/// A row of `applications`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "applications")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) team_id: String,
    pub(crate) active: bool,
    pub(crate) name: String,
    pub(crate) incident_contact: Option<String>,
    pub(crate) subtitle: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) service_url: Option<String>,
    pub(crate) scm_url: Option<String>,
    pub(crate) documentation_url: Option<String>,
    pub(crate) specification_url: Option<String>,
    pub(crate) support_url: Option<String>,
    pub(crate) specification_type: Option<String>,
    pub(crate) criticality_level: Option<i16>,
    pub(crate) publicly_accessible: bool,
    pub(crate) created_at: i64,
    pub(crate) created_by: String,
    pub(crate) last_modified_at: i64,
    pub(crate) last_modified_by: String,
    pub(crate) revision: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// How many people have to approve a version of it (contract kio 2.5).
    fn required_approvers(&self) -> i64 {
        if self.criticality_level == Some(1) { 1 } else { 2 }
    }

    /// As a single application is answered.
    pub(crate) fn detail(self) -> Application {
        Application {
            required_approvers: Some(self.required_approvers()),
            ..self.into()
        }
    }
}

impl From<Model> for Application {
    /// As it stands in a list.
    fn from(model: Model) -> Self {
        Self {
            id: model.id,
            team_id: model.team_id,
            active: model.active,
            name: model.name,
            incident_contact: model.incident_contact,
            subtitle: model.subtitle,
            description: model.description,
            service_url: model.service_url,
            scm_url: model.scm_url,
            documentation_url: model.documentation_url,
            specification_url: model.specification_url,
            support_url: model.support_url,
            specification_type: model.specification_type,
            criticality_level: model.criticality_level,
            publicly_accessible: model.publicly_accessible,
            required_approvers: None,
            created: Timestamp(model.created_at),
            created_by: model.created_by,
            last_modified: Timestamp(model.last_modified_at),
            last_modified_by: model.last_modified_by,
            matched_rank: None,
            matched_description: None,
        }
    }
}
