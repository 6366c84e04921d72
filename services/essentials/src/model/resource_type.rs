use sea_orm::entity::prelude::*;
use serde_json::{Map, Value};
use stups_api::Timestamp;
use stups_api::essentials::{ResourceType, ResourceTypeSummary};

/// A row of `resource_types`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "resource_types")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// A JSON array of texts.
    pub(crate) resource_owners: String,
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
    /// One that is not stored yet.
    pub(crate) fn blank(id: &str, uid: &str, now: i64) -> Self {
        Self {
            id: id.to_owned(),
            name: String::new(),
            description: None,
            resource_owners: "[]".to_owned(),
            created_at: now,
            created_by: uid.to_owned(),
            last_modified_at: now,
            last_modified_by: uid.to_owned(),
            revision: 0,
        }
    }

    /// The realms whose users own resources of this type, in the order in which they were sent.
    pub(crate) fn owners(&self) -> Vec<String> {
        serde_json::from_str(&self.resource_owners).unwrap_or_default()
    }

    /// The same with the attributes of a body over it, which have passed the schema. Null clears; a name that is null is refused by
    /// the caller.
    pub(crate) fn with(mut self, attributes: &Map<String, Value>) -> Self {
        for (name, value) in attributes {
            let text = || value.as_str().map(str::to_owned);
            match name.as_str() {
                "name" => self.name = text().unwrap_or_default(),
                "description" => self.description = text(),
                "resource_owners" => self.resource_owners = value.to_string(),
                // What clients send back of what they got.
                _ => {}
            }
        }
        self
    }
}

impl From<&Model> for ResourceType {
    fn from(model: &Model) -> Self {
        Self {
            id: model.id.clone(),
            name: model.name.clone(),
            description: model.description.clone(),
            resource_owners: model.owners(),
            created: Some(Timestamp(model.created_at)),
            created_by: Some(model.created_by.clone()),
            last_modified: Some(Timestamp(model.last_modified_at)),
            last_modified_by: Some(model.last_modified_by.clone()),
        }
    }
}

impl From<Model> for ResourceTypeSummary {
    fn from(model: Model) -> Self {
        Self {
            id: model.id,
            name: model.name,
        }
    }
}
