use sea_orm::entity::prelude::*;
use stups_api::Timestamp;
use stups_api::mint::{Application, ApplicationSummary, ScopeName};

/// A row of `applications`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "applications")]
#[expect(clippy::struct_excessive_bools, reason = "the columns are independent of each other")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) client_id: Option<String>,
    pub(crate) redirect_url: Option<String>,
    pub(crate) is_client_confidential: bool,
    pub(crate) is_client_key: bool,
    /// A JSON array of texts, sorted.
    pub(crate) s3_buckets: String,
    /// A JSON array of texts, sorted.
    pub(crate) kubernetes_clusters: String,
    pub(crate) last_modified: i64,
    pub(crate) last_synced: Option<i64>,
    pub(crate) last_password_rotation: Option<i64>,
    pub(crate) last_client_rotation: Option<i64>,
    pub(crate) has_problems: bool,
    pub(crate) message: String,
    pub(crate) s3_errors: i32,
    pub(crate) next_attempt: Option<i64>,
    /// The transaction of a password that is in every bucket and has not been committed yet.
    pub(crate) pending_password: Option<String>,
    /// The transaction of a client that is in every bucket and has not been committed yet.
    pub(crate) pending_client: Option<String>,
    /// The id of that client.
    pub(crate) pending_client_id: Option<String>,
    pub(crate) missing_since: Option<i64>,
    /// Whether somebody has let its removal through the brake.
    pub(crate) removal_released: bool,
    pub(crate) lease_owner: Option<String>,
    pub(crate) lease_until: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Where its secrets are put.
    pub(crate) fn buckets(&self) -> Vec<String> {
        serde_json::from_str(&self.s3_buckets).unwrap_or_default()
    }

    /// As a single application is answered.
    pub(crate) fn detail(self, scopes: Vec<ScopeName>) -> Application {
        Application {
            username: self.username.clone(),
            client_id: self.client_id.clone(),
            redirect_url: self.redirect_url.clone(),
            is_client_confidential: self.is_client_confidential,
            s3_buckets: self.buckets(),
            kubernetes_clusters: serde_json::from_str(&self.kubernetes_clusters).unwrap_or_default(),
            scopes,
            is_client_key: Some(self.is_client_key),
            next_attempt: self.next_attempt.map(Timestamp),
            summary: self.into(),
        }
    }
}

impl From<Model> for ApplicationSummary {
    fn from(model: Model) -> Self {
        Self {
            id: model.id,
            last_password_rotation: model.last_password_rotation.map(Timestamp),
            last_client_rotation: model.last_client_rotation.map(Timestamp),
            last_modified: Timestamp(model.last_modified),
            last_synced: model.last_synced.map(Timestamp),
            has_problems: model.has_problems,
            message: model.message,
            s3_errors: model.s3_errors,
        }
    }
}
