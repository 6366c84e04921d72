use sea_orm::entity::prelude::*;
use serde_json::{Map, Value};
use stups_api::Timestamp;
use stups_api::essentials::Scope;

/// The level of a scope that says none.
const DEFAULT_LEVEL: i16 = 2;

/// A row of `scopes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "scopes")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) resource_type_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) summary: String,
    pub(crate) description: Option<String>,
    pub(crate) user_information: Option<String>,
    /// A JSON object of texts.
    pub(crate) user_information_by_language: String,
    pub(crate) is_resource_owner_scope: bool,
    pub(crate) criticality_level: i16,
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
    pub(crate) fn blank(resource_type: &str, id: &str, uid: &str, now: i64) -> Self {
        Self {
            resource_type_id: resource_type.to_owned(),
            id: id.to_owned(),
            summary: String::new(),
            description: None,
            user_information: None,
            user_information_by_language: "{}".to_owned(),
            is_resource_owner_scope: false,
            criticality_level: DEFAULT_LEVEL,
            created_at: now,
            created_by: uid.to_owned(),
            last_modified_at: now,
            last_modified_by: uid.to_owned(),
            revision: 0,
        }
    }

    /// As tokens carry it.
    pub(crate) fn full_name(&self) -> String {
        format!("{}.{}", self.resource_type_id, self.id)
    }

    /// The same with the attributes of a body over it, which have passed the schema. Null clears; a summary that is null is refused
    /// by the caller.
    pub(crate) fn with(mut self, attributes: &Map<String, Value>) -> Self {
        for (name, value) in attributes {
            let text = || value.as_str().map(str::to_owned);
            match name.as_str() {
                "summary" => self.summary = text().unwrap_or_default(),
                "description" => self.description = text(),
                "user_information" => self.user_information = text(),
                "user_information_by_language" if value.is_null() => {
                    "{}".clone_into(&mut self.user_information_by_language);
                }
                "user_information_by_language" => self.user_information_by_language = value.to_string(),
                "is_resource_owner_scope" => self.is_resource_owner_scope = value.as_bool().unwrap_or(false),
                "criticality_level" => {
                    let level = value.as_i64().and_then(|level| i16::try_from(level).ok());
                    self.criticality_level = level.unwrap_or(DEFAULT_LEVEL);
                }
                // What clients send back of what they got.
                _ => {}
            }
        }
        self
    }
}

impl From<&Model> for Scope {
    fn from(model: &Model) -> Self {
        Self {
            id: model.id.clone(),
            summary: model.summary.clone(),
            description: model.description.clone(),
            user_information: model.user_information.clone(),
            user_information_by_language: serde_json::from_str(&model.user_information_by_language).unwrap_or_default(),
            is_resource_owner_scope: model.is_resource_owner_scope,
            criticality_level: model.criticality_level,
            created: Some(Timestamp(model.created_at)),
            created_by: Some(model.created_by.clone()),
            last_modified: Some(Timestamp(model.last_modified_at)),
            last_modified_by: Some(model.last_modified_by.clone()),
        }
    }
}
