//! The table of jobs.

#![allow(unreachable_pub)] // what the derive makes is public

use sea_orm::entity::prelude::*;
use serde_json::Value;

use crate::Error;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub queue: String,
    pub key: Option<String>,
    /// JSON
    pub payload: String,
    pub created_at: i64,
    pub due_at: i64,
    pub attempt: i32,
    pub attempts: i32,
    pub lease: Option<String>,
    /// 0 when nobody has it
    pub leased_until: i64,
    pub error: Option<String>,
    pub died_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    pub(super) fn payload(&self) -> Result<Value, Error> {
        serde_json::from_str(&self.payload).map_err(|error| Error::Database(DbErr::Json(error.to_string())))
    }
}
