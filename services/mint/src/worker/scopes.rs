//! What scopes mean for a service user: those that its application has by itself, and those that owners grant in their realms.

use std::collections::{BTreeMap, HashMap};

use stups_api::identity::RealmScopes;
use stups_api::mint::ScopeName;
use tokio::sync::Mutex;

use super::Worker;
use super::failure::Failure;

/// Who grants a scope: nobody (the application has it), or the owners in these realms.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Grantor {
    Nobody,
    Owners(Vec<String>),
}

/// What essentials said in this cycle.
#[derive(Default)]
pub(super) struct KnownScopes(Mutex<HashMap<ScopeName, Grantor>>);

/// The scopes of an application's service user.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct UserScopes {
    /// What the user itself may do.
    pub(super) of_user: Vec<String>,
    /// What its client may ask for, by realm.
    pub(super) of_client: Vec<RealmScopes>,
}

impl Worker {
    /// Asks essentials about each scope (contract mint-berry 2.7, sync-user).
    pub(super) async fn user_scopes(&self, known: &KnownScopes, scopes: &[ScopeName]) -> Result<UserScopes, Failure> {
        let (mut of_user, mut of_owners) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
        for scope in scopes {
            match self.grantor(known, scope).await? {
                Grantor::Nobody => of_user.push(scope.to_string()),
                Grantor::Owners(owners) => {
                    for owner in owners {
                        of_owners.entry(owner).or_default().push(scope.to_string());
                    }
                }
            }
        }
        let uid = || vec!["uid".to_owned()];
        let mut of_client = vec![
            RealmScopes {
                realm: self.settings.people_realm.clone(),
                scopes: uid(),
            },
            RealmScopes {
                realm: self.settings.service_realm.clone(),
                scopes: uid().into_iter().chain(of_user.iter().cloned()).collect(),
            },
        ];
        of_client.extend(
            of_owners
                .into_iter()
                .map(|(realm, scopes)| RealmScopes { realm, scopes }),
        );
        Ok(UserScopes { of_user, of_client })
    }

    async fn grantor(&self, known: &KnownScopes, scope: &ScopeName) -> Result<Grantor, Failure> {
        if let Some(grantor) = known.0.lock().await.get(scope) {
            return Ok(grantor.clone());
        }
        let essentials = &self.services.essentials;
        let found = essentials.scope(&scope.resource_type_id, &scope.scope_id).await?;
        let found =
            found.ok_or_else(|| Failure::Other(format!("Scope {scope} does not exist in essentials any more")))?;
        let grantor = if found.is_resource_owner_scope {
            let resource_type = essentials.resource_type(&scope.resource_type_id).await?;
            Grantor::Owners(resource_type.map(|found| found.resource_owners).unwrap_or_default())
        } else {
            Grantor::Nobody
        };
        known.0.lock().await.insert(scope.clone(), grantor.clone());
        Ok(grantor)
    }
}
