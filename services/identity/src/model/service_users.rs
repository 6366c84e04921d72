//! Service users: the machine account of one application, with passwords and clients that are rotated without a pause
//! (contract identity 2.14).
//!
//! Every operation takes the user's row for itself first, so that two workers act one after the other. Each is one transaction:
//! a crash leaves the state before or after it.

pub mod generations;
mod rotation;
mod write;

use sea_orm::{ConnectionTrait, DatabaseTransaction, EntityTrait, QueryOrder, QuerySelect};
use stups_api::identity::{ServiceUser, ServiceUserId, UserConfig};
use stups_store::Error;

pub(crate) use generations::{Generation, USE_RESOLUTION_MS, valid};
pub(crate) use rotation::{Which, commit_client, commit_password, new_client, new_password};
pub(crate) use write::{delete, put};

use crate::model::entity::service_user;
use crate::model::users;

/// The realm of all service users.
pub const REALM: &str = "/services";

/// The names of all service users.
pub async fn list(connection: &impl ConnectionTrait) -> Result<Vec<ServiceUserId>, Error> {
    let ids: Vec<String> = service_user::Entity::find()
        .select_only()
        .column(service_user::Column::Uid)
        .order_by_asc(service_user::Column::Uid)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(ids.into_iter().map(|id| ServiceUserId { id }).collect())
}

/// One service user.
pub async fn find(connection: &impl ConnectionTrait, uid: &str) -> Result<Option<ServiceUser>, Error> {
    let Some(row) = service_user::Entity::find_by_id(uid.to_owned()).one(connection).await? else {
        return Ok(None);
    };
    let user = users::find(connection, REALM, uid).await?;
    Ok(Some(ServiceUser {
        name: row.name.unwrap_or_else(|| row.uid.clone()),
        id: row.uid,
        owner: Some(row.owner),
        subtitle: row.subtitle,
        client_id: Some(row.client_id),
        client_config: Some(write::client_config(&row.client_config)?),
        user_config: user.map(|user| UserConfig {
            scopes: user.scopes.into_keys().collect(),
        }),
    }))
}

/// The row, which no other transaction changes until this one ends.
async fn lock(transaction: &DatabaseTransaction, uid: &str) -> Result<Option<service_user::Model>, Error> {
    Ok(service_user::Entity::find_by_id(uid.to_owned())
        .lock_exclusive()
        .one(transaction)
        .await?)
}
