//! An OAuth client in a realm.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clients")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub realm: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub image_uri: Option<String>,
    pub homepage_url: Option<String>,
    pub confidential: bool,
    pub secret_hash: Option<String>,
    pub secret_source: Option<String>,
    pub scopes: String,
    pub default_scopes: String,
    pub redirect_uris: String,
    pub owner: Option<String>,
    pub grants: String,
    pub token_profile: String,
    pub extra_claims: String,
    pub audience: Option<String>,
    pub jwks: Option<String>,
    pub created_at: i64,
    pub created_by: String,
    pub modified_at: i64,
    pub modified_by: String,
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
