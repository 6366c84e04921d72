//! What users have agreed to: the scopes that a client may have in their name (contract identity 2.3, 2.8).

use sea_orm::IntoActiveModel;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use super::json::{from_json, to_json};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consents")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub realm: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub uid: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: String,
    /// A JSON list.
    pub scopes: String,
    pub granted_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Whose consent, and to whom.
#[derive(Clone, Debug)]
pub struct Between {
    /// The user's realm.
    pub realm: String,
    /// The user.
    pub uid: String,
    /// The client.
    pub client_id: String,
}

impl Between {
    fn key(&self) -> (String, String, String) {
        (self.realm.clone(), self.uid.clone(), self.client_id.clone())
    }
}

/// The scopes agreed to; none when nothing is stored.
pub async fn scopes(connection: &impl ConnectionTrait, between: &Between) -> Result<Vec<String>, stups_store::Error> {
    let stored = Entity::find_by_id(between.key()).one(connection).await?;
    stored.map_or(Ok(Vec::new()), |consent| from_json(&consent.scopes))
}

/// Stores an agreement in place of the earlier one.
pub async fn replace(
    connection: &impl ConnectionTrait,
    between: &Between,
    scopes: &[String],
    now: i64,
) -> Result<(), stups_store::Error> {
    let consent = Model {
        realm: between.realm.clone(),
        uid: between.uid.clone(),
        client_id: between.client_id.clone(),
        scopes: to_json(scopes),
        granted_at: now,
    };
    let replaces = OnConflict::columns([Column::Realm, Column::Uid, Column::ClientId])
        .update_columns([Column::Scopes, Column::GrantedAt])
        .to_owned();
    Entity::insert(consent.into_active_model().reset_all())
        .on_conflict(replaces)
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Withdraws an agreement; says whether there was one.
pub async fn delete(connection: &impl ConnectionTrait, between: &Between) -> Result<bool, stups_store::Error> {
    Ok(Entity::delete_by_id(between.key())
        .exec(connection)
        .await?
        .rows_affected
        == 1)
}

/// Whether there is an agreement, be it to no scope at all.
pub async fn exists(connection: &impl ConnectionTrait, between: &Between) -> Result<bool, stups_store::Error> {
    Ok(Entity::find_by_id(between.key()).one(connection).await?.is_some())
}
