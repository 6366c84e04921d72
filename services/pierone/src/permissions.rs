//! Who may pull, push and administer (contract pierone 2.3, 5.5).

use std::sync::Arc;

use stups_auth::{AdminList, Caller, Policy};
use stups_server::Error;

use crate::names::{Repository, matches};
use crate::principal::{Identity, Principal};

/// What machines need to push for their team.
const WRITE: &str = "application.write";
/// Whoever has one of these pushes everywhere.
const WRITE_ALL: [&str; 2] = ["application.write_all", TRUSTED];
/// Whose word about an image's source is taken.
pub(crate) const TRUSTED: &str = "application.write_all_trusted";
/// Who withdraws and purges what belongs to others, and runs the garbage collection.
const ADMIN: &str = "application.registry_admin";
/// Who reads what was withdrawn.
const AUDIT: &str = "application.registry_audit";

/// Everything that decisions are made with.
pub(crate) struct Permissions {
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) admins: AdminList,
    pub(crate) public_read: Vec<String>,
    /// The person who started the service typed that everybody may do everything.
    pub(crate) insecure_no_auth: bool,
}

impl Permissions {
    /// Whether the repository may be read: by employees, services and instances, and by everybody where that is the policy.
    pub(crate) fn may_pull(&self, who: &Principal, repository: &Repository) -> bool {
        match &who.identity {
            Identity::Caller(caller) => in_realms(caller) || self.is_public(repository),
            Identity::Registry(claims) => claims.allows(repository.as_str(), "pull"),
            Identity::Instance => true,
            Identity::Nobody => self.is_public(repository),
        }
    }

    /// Whether everybody may pull it.
    pub(crate) fn is_public(&self, repository: &Repository) -> bool {
        self.public_read
            .iter()
            .any(|pattern| matches(pattern, repository.as_str()))
    }

    /// Refuses who may not pull: with 401 who has not said who he is, else with 403.
    pub(crate) fn pull(&self, who: &Principal, repository: &Repository) -> Result<(), Error> {
        if self.may_pull(who, repository) {
            return Ok(());
        }
        match &who.identity {
            // Whoever has a token of ours is to come back with one for this repository.
            Identity::Nobody | Identity::Registry(_) => Err(crate::principal::unauthorized()),
            _ => Err(crate::errors::denied("user not in realms 'employees, services'")),
        }
    }

    /// Refuses who may not read the registry's own tables: lists, statistics. `open` is for what nobody needs a name for where
    /// some repository is public.
    pub(crate) fn read(&self, who: &Principal, open: bool) -> Result<(), Error> {
        match &who.identity {
            Identity::Caller(caller) if in_realms(caller) => Ok(()),
            Identity::Instance => Ok(()),
            Identity::Registry(claims) if !claims.uid.is_empty() => Ok(()),
            Identity::Caller(_) => Err(Error::forbidden("user not in realms 'employees, services'")),
            Identity::Nobody | Identity::Registry(_) if open && !self.public_read.is_empty() => Ok(()),
            Identity::Nobody | Identity::Registry(_) => Err(crate::principal::unauthorized()),
        }
    }

    /// Why the caller may not push to a repository; nothing when he may. An unreachable team service is an error, never a yes.
    pub(crate) async fn push(&self, who: &Principal, repository: &Repository) -> Result<Option<String>, Error> {
        match &who.identity {
            Identity::Caller(caller) => self.write_for(caller, repository.team()).await,
            Identity::Registry(claims) if claims.allows(repository.as_str(), "push") => Ok(None),
            Identity::Nobody | Identity::Registry(_) => Err(crate::principal::unauthorized()),
            Identity::Instance => Ok(Some("instances may only pull".to_owned())),
        }
    }

    /// Why the caller may not write for a team; nothing when he may.
    pub(crate) async fn write_for(&self, caller: &Caller, team: &str) -> Result<Option<String>, Error> {
        if self.insecure_no_auth || WRITE_ALL.iter().any(|scope| caller.has_scope(scope)) {
            return Ok(None);
        }
        if !in_realms(caller) {
            return Ok(Some("user not in realms 'employees, services'".to_owned()));
        }
        if caller.is_service() && !caller.has_scope(WRITE) {
            return Ok(Some(format!("the token does not have the scope {WRITE}")));
        }
        if self.policy.may_act_for(caller, team).await? {
            return Ok(None);
        }
        Ok(Some(format!("ACCESS DENIED: {} is not in the team {team}", caller.uid)))
    }

    /// Why the caller may not speak for a team as a person of it; nothing when he may.
    pub(crate) async fn employee_of(&self, caller: &Caller, team: &str) -> Result<Option<String>, Error> {
        if self.insecure_no_auth {
            return Ok(None);
        }
        if !caller.is_employee() {
            return Ok(Some("user not in realms 'employees'".to_owned()));
        }
        if self.policy.may_act_for(caller, team).await? {
            return Ok(None);
        }
        Ok(Some(format!("ACCESS DENIED: {} is not in the team {team}", caller.uid)))
    }

    /// Whether the caller administers the registry.
    pub(crate) fn is_admin(&self, caller: &Caller) -> bool {
        self.insecure_no_auth || caller.has_scope(ADMIN) || self.admins.contains(caller)
    }

    /// Whether the caller may read what was withdrawn.
    pub(crate) fn may_read_withdrawn(&self, who: &Principal) -> bool {
        who.has_scope(AUDIT) || who.access_token().is_some_and(|caller| self.is_admin(caller))
    }
}

fn in_realms(caller: &Caller) -> bool {
    !caller.uid.is_empty() && (caller.is_employee() || caller.is_service())
}
