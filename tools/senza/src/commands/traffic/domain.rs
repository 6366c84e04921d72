//! A name that versions share traffic on: its records, their weights, and what a change makes of them.

use std::sync::Arc;

use futures::future::try_join;
use futures::{StreamExt, TryStreamExt, stream};
use indexmap::IndexMap;
use stups_aws::Session;

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
}

/// A name and what happens to its weights.
#[derive(Clone, Debug)]
pub(super) struct Shift {
    /// before
    pub(super) domain: Domain,
    /// after
    pub(super) plan: WeightPlan,
}

impl Domain {
    fn new(name: String, records: Arc<[Record]>, versions: &[Version], target: &Version) -> Self {
        let version_of = |identifier: &str| -> String {
            let version = versions.iter().find(|version| version.identifier == identifier);
            version.map(|version| version.version.clone()).unwrap_or_default()
        };
        let mut weights: IndexMap<String, (String, i64)> = IndexMap::new();
        for (identifier, weight) in records.iter().filter_map(Record::weight) {
            weights.insert(identifier.to_owned(), (version_of(identifier), weight));
        }
        for version in std::iter::once(target).chain(versions) {
            let missing = || (version.version.clone(), 0);
            weights.entry(version.identifier.clone()).or_insert_with(missing);
        }
        Self { name, records, weights }
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

    /// What giving `target` this share does.
    pub(super) fn shift(self, target: &str, percentage: f64) -> Shift {
        Shift {
            plan: weights::plan(&self.weights, target, percentage),
            domain: self,
        }
    }
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
    // Every name is looked up in a zone: both are asked for at the same time.
    let (names, _) = try_join(target.domains(session), dns.zones()).await?;
    if names.is_empty() {
        return Err(Error::Usage(format!(
            "Stack {} version {} has no domain",
            target.name, target.version
        )));
    }
    stream::iter(names.into_iter().map(|name| async move {
        let records = dns.address_records(&name).await?;
        Ok(Domain::new(name, records, versions, target))
    }))
    .buffered(AT_THE_SAME_TIME)
    .try_collect()
    .await
}
