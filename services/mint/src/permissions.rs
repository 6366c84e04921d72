//! Who may read and who may write (contract mint-berry 2.3; 4, rows 5 and 6).

use std::sync::Arc;

use serde_json::{Value, json};
use stups_api::kio::KioClient;
use stups_auth::{AdminList, Caller, Policy};
use stups_server::Error;

/// With it a service may write what belongs to its team.
const WRITE: &str = "application.write_sensitive";
/// With it a trusted service may write everything.
const WRITE_ALL: &str = "application.write_all_sensitive";

/// Whether a caller may write something.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Decision {
    Allowed,
    /// The caller is told why, and so are auditors.
    Refused(String, Value),
}

/// Everything that decisions are made with.
pub(crate) struct Permissions {
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) kio: Option<KioClient>,
    pub(crate) everything_is_allowed: bool,
    pub(crate) trusted_services: AdminList,
    pub(crate) admins: AdminList,
}

impl Permissions {
    /// Employees and services may read.
    pub(crate) fn read(caller: &Caller) -> Result<(), Error> {
        if caller.uid.is_empty() {
            return Err(Error::forbidden("Forbidden: the token does not name a user."));
        }
        if !caller.is_employee() && !caller.is_service() {
            return Err(Error::forbidden("user not in realms 'employees, services'"));
        }
        Ok(())
    }

    /// The team of an application in Kio; nothing when there is no such application.
    pub(crate) async fn team_of(&self, caller: &Caller, application: &str) -> Result<Option<String>, Error> {
        let kio = self
            .kio
            .as_ref()
            .ok_or_else(|| Error::unavailable("kio_url is not set."))?;
        let found = kio.on_behalf_of(&caller.token).application(application).await;
        let found = found.map_err(|error| {
            tracing::warn!(%error, "Kio was asked for an application in vain");
            Error::unavailable("Kio does not answer as it should.")
        })?;
        Ok(found.map(|application| application.team_id))
    }

    /// Writing what belongs to a team (nothing: to none that is known): its members, its services with the scope, and services that
    /// are trusted with everything.
    pub(crate) async fn write(&self, caller: &Caller, team: Option<&str>) -> Result<Decision, Error> {
        if self.everything_is_allowed || self.is_trusted(caller) {
            return Ok(Decision::Allowed);
        }
        if let Err(error) = Self::read(caller) {
            return Ok(Decision::Refused(error.message, Value::Null));
        }
        if caller.is_service() && !caller.has_scope(WRITE) {
            let reason = format!("Service user {} is missing required scope.", caller.uid);
            return Ok(Decision::Refused(reason, json!({"scope": WRITE})));
        }
        let team = team.unwrap_or_default();
        let allowed = !team.trim().is_empty() && self.policy.may_act_for(caller, team).await?;
        let details = json!({"payload": {"team": team}, "user": caller.uid});
        Ok(if allowed {
            Decision::Allowed
        } else {
            Decision::Refused("ACCESS DENIED".to_owned(), details)
        })
    }

    /// Saying how secrets are: workers.
    pub(crate) fn write_status(&self, caller: &Caller) -> Decision {
        if self.everything_is_allowed || self.is_trusted(caller) {
            return Decision::Allowed;
        }
        let reason = format!(
            "Forbidden: {} is no trusted service with the scope {WRITE_ALL}.",
            caller.name()
        );
        Decision::Refused(reason, Value::Null)
    }

    /// Letting a mass deletion through: administrators.
    pub(crate) fn release_brake(&self, caller: &Caller) -> Decision {
        if self.everything_is_allowed || self.admins.contains(caller) {
            return Decision::Allowed;
        }
        let reason = "Forbidden: only those in admin_users may release the brake.";
        Decision::Refused(reason.to_owned(), Value::Null)
    }

    fn is_trusted(&self, caller: &Caller) -> bool {
        caller.is_service() && caller.has_scope(WRITE_ALL) && self.trusted_services.contains(caller)
    }
}
