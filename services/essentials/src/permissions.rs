//! Who may read and who may write (contract essentials 2.5).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use stups_api::kio::{KioClient, is_application_id};
use stups_auth::{AdminList, Caller, Policy};
use stups_server::Error;

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
    pub(crate) admins: AdminList,
    pub(crate) realms: BTreeSet<String>,
    pub(crate) prefix_lookup: bool,
}

impl Permissions {
    /// Users of some realms may read.
    pub(crate) fn read(&self, caller: &Caller) -> Result<(), Error> {
        if caller.uid.is_empty() {
            return Err(Error::forbidden("Forbidden: the token does not name a user."));
        }
        if !self.realms.contains(caller.realm.trim_matches('/')) {
            let realms: Vec<&str> = self.realms.iter().map(String::as_str).collect();
            return Err(Error::forbidden(format!("user not in realms '{}'", realms.join(", "))));
        }
        Ok(())
    }

    /// The team of the application that a resource type belongs to may write it; a type that belongs to none, administrators.
    /// Administrators may not write what belongs to an application.
    pub(crate) async fn write(&self, caller: &Caller, resource_type: &str) -> Result<Decision, Error> {
        if self.everything_is_allowed {
            return Ok(Decision::Allowed);
        }
        if caller.uid.is_empty() {
            return Ok(refused("Forbidden: the token does not name a user.", Value::Null));
        }
        if let Some(team) = self.team_of(caller, resource_type).await? {
            let allowed = !team.trim().is_empty() && self.policy.may_act_for(caller, &team).await?;
            let details = json!({"payload": {"team": team}, "user": caller.uid});
            return Ok(if allowed {
                Decision::Allowed
            } else {
                refused("ACCESS DENIED", details)
            });
        }
        Ok(if self.admins.contains(caller) {
            Decision::Allowed
        } else {
            refused("Unauthorized", Value::Null)
        })
    }

    /// The team that owns the application to which the resource type belongs, if there is such an application.
    async fn team_of(&self, caller: &Caller, resource_type: &str) -> Result<Option<String>, Error> {
        let kio = self
            .kio
            .as_ref()
            .ok_or_else(|| Error::unavailable("kio_url is not set."))?;
        let kio = kio.on_behalf_of(&caller.token);
        let prefix = self.prefix_lookup.then(|| prefix(resource_type)).flatten();
        for application in owning_application(resource_type).into_iter().chain(prefix) {
            if let Some(found) = kio
                .application(application)
                .await
                .map_err(|error| kio_is_away(&error))?
            {
                return Ok(Some(found.team_id));
            }
        }
        Ok(None)
    }
}

fn refused(reason: &str, details: Value) -> Decision {
    Decision::Refused(reason.to_owned(), details)
}

/// Whatever Kio says but what it was asked: nobody may write now (contract essentials 2.5, step 2).
fn kio_is_away(error: &stups_api::client::Error) -> Error {
    tracing::warn!(%error, "Kio was asked for an application's team in vain");
    Error::unavailable("Kio does not answer as it should.")
}

/// What is before the dot, or all of it: if an application can have that id.
fn owning_application(resource_type: &str) -> Option<&str> {
    let id = resource_type.split('.').next().unwrap_or(resource_type);
    is_application_id(id).then_some(id)
}

/// The original's rule, `[a-z][a-z-]+[a-z]` from the beginning: the longest such text.
fn prefix(resource_type: &str) -> Option<&str> {
    let letters = resource_type
        .find(|character: char| !character.is_ascii_lowercase() && character != '-')
        .unwrap_or(resource_type.len());
    let prefix = resource_type[..letters].trim_end_matches('-');
    (prefix.len() >= 3 && !prefix.starts_with('-')).then_some(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_resource_type_belongs_to() {
        for (resource_type, application) in [
            ("user-filtering.module", Some("user-filtering")),
            ("user-procurement", Some("user-procurement")),
            ("sales_order", None),
            ("sales_order.x", None),
            ("kio1", Some("kio1")),
            ("kio-2", Some("kio-2")),
            ("kio2.x", Some("kio2")),
            ("s3-bucket", Some("s3-bucket")),
            ("ab", Some("ab")),
            ("a.b", None),
            ("ab-.c", None),
        ] {
            assert_eq!(owning_application(resource_type), application, "{resource_type}");
        }
    }

    #[test]
    fn the_originals_rule() {
        for (resource_type, application) in [
            ("user-filtering.module", Some("user-filtering")),
            ("user-procurement", Some("user-procurement")),
            ("application.write_all", Some("application")),
            ("sales_order", Some("sales")),
            ("sales_order.x", Some("sales")),
            ("kio1", Some("kio")),
            ("kio-2", Some("kio")),
            ("kio2.x", Some("kio")),
            ("s3-bucket", None),
            ("ab", None),
            ("a.b", None),
            ("", None),
        ] {
            assert_eq!(prefix(resource_type), application, "{resource_type}");
        }
    }
}
