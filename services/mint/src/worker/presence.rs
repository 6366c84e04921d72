//! Which applications Kio knows. A list that lacks one is not believed: only an explicit "inactive", or a 404 that stays a 404 for a
//! day (contract mint-berry 4, row 2).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use stups_api::kio::{Application, ApplicationFilter};

use super::Worker;
use super::failure::Failure;
use crate::model::application::Model;
use crate::model::store;

/// The applications in Kio as they were last listed.
#[derive(Default)]
pub(super) struct Registry(Mutex<Option<Listed>>);

#[derive(Clone)]
struct Listed {
    /// The list's tag, if it has one.
    tag: Option<String>,
    applications: Arc<HashMap<String, Application>>,
}

/// What is known of a configured application.
pub(super) enum Presence {
    Active,
    Inactive,
    /// Kio does not know it, and has not for long enough.
    Gone,
    /// Kio's list lacks it. It is left alone.
    Missing,
}

impl Worker {
    /// The applications in Kio. When nothing has changed since the last cycle, nothing is sent again.
    pub(super) async fn applications_in_kio(&self) -> Result<Arc<HashMap<String, Application>>, Failure> {
        let known = self.registry.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let tag = known.as_ref().and_then(|known| known.tag.as_deref());
        let listed = self
            .services
            .kio
            .applications_unless(&ApplicationFilter::default(), tag)
            .await?;
        let Some((list, tag)) = listed else {
            return known
                .map(|known| known.applications)
                .ok_or_else(|| Failure::Other("Kio says that a list is unchanged that it has never sent".to_owned()));
        };
        let applications: HashMap<String, Application> = list
            .into_iter()
            .map(|application| (application.id.clone(), application))
            .collect();
        let applications = Arc::new(applications);
        *self.registry.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Listed {
            tag,
            applications: applications.clone(),
        });
        Ok(applications)
    }

    /// What is known of each configured application. Of those that the list lacks each is asked for by itself, unless there are so
    /// many of them that the list is not worth asking about.
    pub(super) async fn presences(
        &self,
        rows: &[Model],
        in_kio: &HashMap<String, Application>,
        now: i64,
    ) -> Result<Vec<Presence>, Failure> {
        let lacking = rows.iter().filter(|row| !in_kio.contains_key(&row.id)).count();
        let believable = lacking <= self.settings.bearable(rows.len());
        let mut presences = Vec::with_capacity(rows.len());
        let mut changes = BTreeMap::new();
        for row in rows {
            let presence = match in_kio.get(&row.id) {
                Some(application) if application.active => Presence::Active,
                Some(_) => Presence::Inactive,
                None if believable && self.services.kio.application(&row.id).await?.is_none() => {
                    match row.missing_since.filter(|since| *since <= now) {
                        Some(since) if now - since >= self.settings.missing => Presence::Gone,
                        Some(_) => Presence::Missing,
                        None => {
                            changes.insert(row.id.clone(), Some(now));
                            if self.settings.missing == 0 {
                                Presence::Gone
                            } else {
                                Presence::Missing
                            }
                        }
                    }
                }
                None => Presence::Missing,
            };
            if row.missing_since.is_some() && matches!(presence, Presence::Active | Presence::Inactive) {
                changes.insert(row.id.clone(), None);
            }
            presences.push(presence);
        }
        if !changes.is_empty() {
            let write = self.store.write().await?;
            store::set_missing(write.transaction(), &changes).await?;
            write.commit_unaudited().await?;
        }
        Ok(presences)
    }
}
