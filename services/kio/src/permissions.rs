//! Who may read and who may write (contract kio 2.9).

use std::sync::Arc;

use stups_auth::{AdminList, Caller, Policy, PolicyUnavailable};
use stups_server::Error;

/// What machines need to write.
const WRITE_SCOPE: &str = "application.write";

/// Whether a caller may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Allowed,
    /// The caller is told why, and so are auditors.
    Refused(String),
}

impl Decision {
    fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }
}

/// Everything that decisions are made with.
#[derive(Clone)]
pub(crate) struct Permissions {
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) admins: AdminList,
}

impl Permissions {
    /// Employees and services may read.
    pub(crate) fn read(caller: &Caller) -> Result<(), Error> {
        match in_realms(caller) {
            Decision::Allowed => Ok(()),
            Decision::Refused(reason) => Err(Error::forbidden(reason)),
        }
    }

    /// Writing what belongs to a team: its members and administrators, and services that also have the scope.
    pub(crate) async fn write(&self, caller: &Caller, team: &str) -> Result<Decision, PolicyUnavailable> {
        let realm = in_realms(caller);
        if realm != Decision::Allowed || self.admins.contains(caller) {
            return Ok(realm);
        }
        let team = self.act_for(caller, team).await?;
        if team == Decision::Allowed && caller.is_service() && !caller.has_scope(WRITE_SCOPE) {
            return Ok(Decision::refused(format!(
                "Forbidden: the token does not have the scope {WRITE_SCOPE}."
            )));
        }
        Ok(team)
    }

    /// Approving what belongs to a team: people who are members of it, never machines.
    pub(crate) async fn approve(&self, caller: &Caller, team: &str) -> Result<Decision, PolicyUnavailable> {
        if caller.uid.is_empty() || !caller.is_employee() {
            return Ok(Decision::refused("user not in realms 'employees'"));
        }
        self.act_for(caller, team).await
    }

    /// Reading which approvals are in use: services, and people who are members of a team.
    pub(crate) async fn read_approval_types(&self, caller: &Caller) -> Result<(), Error> {
        Self::read(caller)?;
        if caller.is_employee() && self.policy.teams_of(caller).await?.is_empty() {
            return Err(Error::forbidden("Forbidden: you are in no team."));
        }
        Ok(())
    }

    /// Whether a team exists. A blank one never does.
    pub(crate) async fn team_exists(&self, caller: &Caller, team: &str) -> Result<bool, Error> {
        Ok(!team.trim().is_empty() && self.policy.team_exists(caller, team).await?)
    }

    async fn act_for(&self, caller: &Caller, team: &str) -> Result<Decision, PolicyUnavailable> {
        let allowed = !team.trim().is_empty() && self.policy.may_act_for(caller, team).await?;
        Ok(if allowed {
            Decision::Allowed
        } else {
            Decision::refused("Unauthorized")
        })
    }
}

fn in_realms(caller: &Caller) -> Decision {
    if caller.uid.is_empty() {
        return Decision::refused("Forbidden: the token does not name a user.");
    }
    if !caller.is_employee() && !caller.is_service() {
        return Decision::refused("user not in realms 'employees, services'");
    }
    Decision::Allowed
}
