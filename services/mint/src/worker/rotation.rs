//! Making a new password or client and putting it where the application reads it (contract mint-berry 2.7, sync-password and
//! sync-client).
//!
//! New and old are valid together until the new one is committed, and that is done only when every bucket has it. Its transaction is
//! noted first: a crash between the two leads to the commit, not to a third secret. A crash before that leaves some buckets with
//! the new secret, some with the old, and both valid.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, QueryTrait as _, UpdateMany};
use secrecy::SecretString;
use serde_json::json;
use stups_api::client::Error as ClientError;
use stups_aws::SecretObject;
use stups_store::audit::Event;

use super::Worker;
use super::failure::Failure;
use super::key::ClientKey;
use crate::audit;
use crate::model::application::{ActiveModel, Column, Entity, Model};
use crate::model::lease::Lease;
use crate::model::store;

impl Worker {
    /// The last step for an application gives it back, too.
    pub(super) async fn rotate_password(&self, lease: &Lease<'_>, row: &Model, is_last: bool) -> Result<(), Failure> {
        if let Some(txid) = &row.pending_password
            && self.commit_password(lease, row, txid, is_last).await?
        {
            return Ok(());
        }
        self.still_mine(lease).await?;
        let made = self.services.service_users.new_password(&row.username).await;
        let made = self.unless_unknown(row, made).await?;
        let file = json!({"application_username": row.username, "application_password": made.password});
        self.put_everywhere(row, SecretObject::User, &SecretString::from(file.to_string()))
            .await?;
        let pending = ActiveModel {
            pending_password: Set(Some(made.txid.clone())),
            ..ActiveModel::default()
        };
        self.note_pending(row, pending).await?;
        if self.commit_password(lease, row, &made.txid, is_last).await? {
            Ok(())
        } else {
            Err(unknown_transaction(&made.txid))
        }
    }

    /// Says no when the transaction is not known any more: then the password has to be made anew.
    async fn commit_password(
        &self,
        lease: &Lease<'_>,
        row: &Model,
        txid: &str,
        is_last: bool,
    ) -> Result<bool, Failure> {
        self.still_mine(lease).await?;
        let committed = known(self.services.service_users.commit_password(&row.username, txid).await)?;
        let done = ActiveModel {
            pending_password: Set(None),
            ..ActiveModel::default()
        };
        if !committed {
            self.note_unaudited(row, done).await?;
            return Ok(false);
        }
        let rotated = store::own(&row.id, &self.name).set(done).col_expr(
            Column::LastPasswordRotation,
            self.now_unless_modified(row, Column::LastPasswordRotation),
        );
        let details = json!({"username": row.username, "txid": txid});
        let event = audit::by_worker("password.rotated", &row.id, details);
        self.note_rotation(lease, rotated, is_last, event).await?;
        Ok(true)
    }

    /// The last step for an application gives it back, too.
    pub(super) async fn rotate_client(&self, lease: &Lease<'_>, row: &Model, is_last: bool) -> Result<(), Failure> {
        if let (Some(txid), Some(client_id)) = (&row.pending_client, &row.pending_client_id)
            && self.commit_client(lease, row, (txid, client_id), is_last).await?
        {
            return Ok(());
        }
        let key = match row.is_client_key.then(ClientKey::generate) {
            Some(None) => return Err(Failure::Other("the system has no randomness".to_owned())),
            key => key.flatten(),
        };
        self.still_mine(lease).await?;
        let public = key.as_ref().map(|key| key.public.clone());
        let users = &self.services.service_users;
        let made = users.new_client(&row.username, row.client_id.as_deref(), public).await;
        let made = self.unless_unknown(row, made).await?;
        let mut file = json!({"client_id": made.client_id, "client_secret": made.client_secret});
        if let Some(key) = &key {
            if made.client_secret.is_some() {
                let reason =
                    "The service user API made a secret instead of taking the key: it does not know is_client_key";
                return Err(Failure::Other(reason.to_owned()));
            }
            file["private_key"] = json!(secrecy::ExposeSecret::expose_secret(&key.private));
            file["key_id"] = json!(key.id);
        }
        self.put_everywhere(row, SecretObject::Client, &SecretString::from(file.to_string()))
            .await?;
        let pending = ActiveModel {
            pending_client: Set(Some(made.txid.clone())),
            pending_client_id: Set(Some(made.client_id.clone())),
            ..ActiveModel::default()
        };
        self.note_pending(row, pending).await?;
        if self
            .commit_client(lease, row, (&made.txid, &made.client_id), is_last)
            .await?
        {
            Ok(())
        } else {
            Err(unknown_transaction(&made.txid))
        }
    }

    /// Says no when the transaction is not known any more: then the client has to be made anew.
    async fn commit_client(
        &self,
        lease: &Lease<'_>,
        row: &Model,
        (txid, client_id): (&str, &str),
        is_last: bool,
    ) -> Result<bool, Failure> {
        self.still_mine(lease).await?;
        let committed = known(self.services.service_users.commit_client(&row.username, txid).await)?;
        let done = ActiveModel {
            pending_client: Set(None),
            pending_client_id: Set(None),
            ..ActiveModel::default()
        };
        if !committed {
            self.note_unaudited(row, done).await?;
            return Ok(false);
        }
        let done = ActiveModel {
            client_id: Set(Some(client_id.to_owned())),
            ..done
        };
        let rotated = store::own(&row.id, &self.name).set(done).col_expr(
            Column::LastClientRotation,
            self.now_unless_modified(row, Column::LastClientRotation),
        );
        let details = json!({"username": row.username, "txid": txid, "client_id": client_id});
        let event = audit::by_worker("client.rotated", &row.id, details);
        self.note_rotation(lease, rotated, is_last, event).await?;
        Ok(true)
    }

    /// The time of a rotation that ends now; whoever has asked for a renewal meanwhile wants another one.
    fn now_unless_modified(&self, row: &Model, rotated: Column) -> Expr {
        let unmodified = Column::LastModified.eq(row.last_modified);
        let now = Expr::value(self.clock.milliseconds());
        Expr::case(unmodified, now).finally(Expr::col(rotated)).into()
    }

    /// Notes a rotation and tells the auditors, if the application is still this worker's.
    async fn note_rotation(
        &self,
        lease: &Lease<'_>,
        rotated: UpdateMany<Entity>,
        is_last: bool,
        event: Event,
    ) -> Result<(), Failure> {
        let rotated = if is_last {
            Lease::given_back_by(rotated)
        } else {
            rotated
        };
        let noted = self.store.change(rotated.into_query(), event).await?;
        noted.ok_or(Failure::LostLease)?;
        if is_last {
            lease.was_given_back();
        }
        Ok(())
    }

    /// Notes what no auditor asks about, if the application is still this worker's.
    async fn note_unaudited(&self, row: &Model, values: ActiveModel) -> Result<(), Failure> {
        let noted = store::update_own(self.store.unaudited(), &row.id, &self.name, values).await?;
        if noted { Ok(()) } else { Err(Failure::LostLease) }
    }

    /// Notes what is in the buckets now. When another worker has the application meanwhile, its secret may have been overwritten by
    /// this one: then all is made anew, while both are still valid.
    async fn note_pending(&self, row: &Model, pending: ActiveModel) -> Result<(), Failure> {
        if store::update_own(self.store.unaudited(), &row.id, &self.name, pending).await? {
            return Ok(());
        }
        let write = self.store.write().await?;
        if let Some(stored) = store::locked(self.store.dialect(), write.transaction(), &row.id).await? {
            let renewed = Model {
                last_modified: stored.last_modified + 1,
                last_password_rotation: None,
                last_client_rotation: None,
                pending_password: None,
                pending_client: None,
                pending_client_id: None,
                ..stored
            };
            store::update(write.transaction(), &renewed).await?;
            write.commit_unaudited().await?;
        }
        Err(Failure::LostLease)
    }

    /// The answer; if nobody knows the service user, it is made in the next cycle.
    async fn unless_unknown<T>(&self, row: &Model, answer: Result<T, ClientError>) -> Result<T, Failure> {
        if answer.as_ref().err().is_some_and(is_unknown) {
            let unsynced = ActiveModel {
                last_synced: Set(None),
                ..ActiveModel::default()
            };
            self.note_unaudited(row, unsynced).await?;
        }
        Ok(answer?)
    }
}

fn unknown_transaction(txid: &str) -> Failure {
    Failure::Other(format!("The service user API does not know the transaction {txid}"))
}

/// Whether what was committed is known.
fn known(answer: Result<(), ClientError>) -> Result<bool, Failure> {
    match answer {
        Ok(()) => Ok(true),
        Err(error) if is_unknown(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn is_unknown(error: &ClientError) -> bool {
    error.status().is_some_and(|status| status.as_u16() == 404)
}
