//! A name that versions share traffic on: its records, their weights, and what a change makes of them.

use std::sync::Arc;

use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream, try_join};
use indexmap::IndexMap;
use jiff::Timestamp;
use stups_aws::Session;

use super::current::WeightsByName;
use super::memory::{Memory, Weights};
use super::shared::SharedRule;
use super::version::Version;
use crate::Error;
use crate::route53::{Dns, Record};
use crate::weights::{self, WeightPlan};

/// How many names are asked about at the same time.
const AT_THE_SAME_TIME: usize = 8;

/// A name and the weighted records it has.
#[derive(Clone, Debug)]
pub(super) struct Domain {
    /// canonical
    pub(super) name: String,
    /// all address records of the name
    pub(super) records: Arc<[Record]>,
    /// by identifier: version (empty when no stack is known) and weight; versions without a record have weight 0
    pub(super) weights: IndexMap<String, (String, i64)>,
    /// the rule that forwards its requests, when versions share a listener and not a name's records
    pub(super) rule: Option<SharedRule>,
}

/// A name and what happens to its weights.
#[derive(Clone, Debug)]
pub(crate) struct Shift {
    /// before
    pub(super) domain: Domain,
    /// after
    pub(super) plan: WeightPlan,
    /// what is kept with the change
    pub(super) memory: Memory,
}

impl Shift {
    /// The same as a step of a version's deployment: what it goes back to is what was there before the deployment.
    pub(crate) fn into_step_of(mut self, deployment: &str, before: &WeightsByName) -> Self {
        if let Some(before) = before.get(&self.domain.name) {
            self.memory.before.clone_from(before);
        }
        self.memory.deployment = Some(deployment.to_owned());
        self
    }
}

impl Domain {
    fn new(name: String, records: Arc<[Record]>, versions: &[Version], target: &Version) -> Self {
        let live: Vec<(String, i64)> = records
            .iter()
            .filter_map(Record::weight)
            .map(|(identifier, weight)| (identifier.to_owned(), weight))
            .collect();
        Self {
            weights: with_all_versions(live, versions, target),
            name,
            records,
            rule: None,
        }
    }

    fn of_rule(rule: SharedRule, versions: &[Version], target: &Version) -> Self {
        Self {
            name: rule.domain.clone(),
            records: Arc::default(),
            weights: with_all_versions(rule.weights(), versions, target),
            rule: Some(rule),
        }
    }

    /// Whether there are weighted records and none of them has a weight.
    pub(super) fn is_all_zero(&self) -> bool {
        let mut live = self.records.iter().filter_map(Record::weight).peekable();
        live.peek().is_some() && live.all(|(_, weight)| weight == 0)
    }

    /// The weighted records of one version (one per record type).
    pub(super) fn records_of(&self, identifier: &str) -> Vec<&Record> {
        let has_identifier = |record: &&Record| record.weight().is_some_and(|(own, _)| own == identifier);
        self.records.iter().filter(has_identifier).collect()
    }

    /// Weights above zero.
    pub(super) fn live(&self) -> Weights {
        let weights = self.weights.iter();
        above_zero(weights.map(|(identifier, (_, weight))| (identifier.as_str(), *weight)))
    }

    /// What giving `target` this share does.
    pub(super) fn shift(self, target: &str, percentage: f64) -> Shift {
        let plan = weights::plan(&self.weights, target, percentage);
        self.planned(plan)
    }

    /// What giving every version exactly this weight does.
    pub(super) fn set(self, wanted: &Weights) -> Shift {
        let plan = weights::plan_exact(&self.weights, wanted);
        self.planned(plan)
    }

    /// What giving `target` this share does in a deployment that found these weights before it.
    pub(super) fn step(self, before: &Weights, target: &str, percentage: f64) -> Shift {
        let plan = weights::plan_step(&self.weights, before, target, percentage);
        self.planned(plan)
    }

    fn planned(self, plan: WeightPlan) -> Shift {
        let after = plan.changes.iter();
        let memory = Memory {
            changed: Timestamp::now(),
            before: self.live(),
            after: above_zero(after.map(|(identifier, change)| (identifier.as_str(), change.new))),
            ..Memory::default()
        };
        Shift {
            domain: self,
            plan,
            memory,
        }
    }
}

/// The weights there are, and those of versions that have none yet, with each one's version.
fn with_all_versions(
    live: Vec<(String, i64)>,
    versions: &[Version],
    target: &Version,
) -> IndexMap<String, (String, i64)> {
    let version_of = |identifier: &str| -> String {
        let version = versions.iter().find(|version| version.identifier == identifier);
        version.map(|version| version.version.clone()).unwrap_or_default()
    };
    let mut weights: IndexMap<String, (String, i64)> = IndexMap::new();
    for (identifier, weight) in live {
        let version = version_of(&identifier);
        weights.insert(identifier, (version, weight));
    }
    for version in std::iter::once(target).chain(versions) {
        let missing = || (version.version.clone(), 0);
        weights.entry(version.identifier.clone()).or_insert_with(missing);
    }
    weights
}

fn above_zero<'w>(weights: impl Iterator<Item = (&'w str, i64)>) -> Weights {
    weights
        .filter(|(_, weight)| *weight > 0)
        .map(|(identifier, weight)| (identifier.to_owned(), weight))
        .collect()
}

/// The weights of each record, in the order of identifiers: what two reads are compared by.
pub(super) fn live_weights(records: &[Record]) -> Vec<(String, String, i64)> {
    let mut weights: Vec<(String, String, i64)> = records
        .iter()
        .filter_map(|record| {
            let (identifier, weight) = record.weight()?;
            Some((identifier.to_owned(), record.set.r#type().as_str().to_owned(), weight))
        })
        .collect();
    weights.sort();
    weights
}

/// Reads the names that `target` shares with the other versions. A version without any is wrong usage.
pub(super) async fn read(
    session: &Session,
    dns: &Dns,
    versions: &[Version],
    target: &Version,
) -> Result<Vec<Domain>, Error> {
    let shared = try_join_all(
        target
            .shared
            .iter()
            .map(|shared| SharedRule::read(session, versions, shared)),
    );
    // Every name is looked up in a zone: both are asked for at the same time.
    let (names, _, shared) = try_join!(target.domains(session), dns.zones(), shared)?;
    if names.is_empty() && shared.is_empty() {
        return Err(Error::Usage(format!(
            "Stack {} version {} has no domain",
            target.name, target.version
        )));
    }
    let mut domains: Vec<Domain> = stream::iter(names.into_iter().map(|name| async move {
        let records = dns.address_records(&name).await?;
        Ok::<_, Error>(Domain::new(name, records, versions, target))
    }))
    .buffered(AT_THE_SAME_TIME)
    .try_collect()
    .await?;
    domains.extend(shared.into_iter().map(|rule| Domain::of_rule(rule, versions, target)));
    Ok(domains)
}
