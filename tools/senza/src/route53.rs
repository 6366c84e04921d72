//! Hosted zones and records.
//!
//! A name belongs to the hosted zone that shares the most labels with it, public zones before private ones of the same
//! name. Records are asked for by name, so that a zone with thousands of records costs no more than a small one.

mod name;
mod zone;

use std::sync::Arc;

use futures::lock::Mutex;
use indexmap::IndexMap;
use stups_aws::Session;
use stups_aws::route53::Client;
use stups_aws::route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType};

pub(crate) use name::canonical;
use tokio::sync::OnceCell;
use zone::list_hosted_zones;
pub(crate) use zone::{HostedZone, matching_zone, zones_of_name};

use crate::Error;

/// Route 53 answers with at most this many records at once.
const PAGE: i32 = 300;
/// Route 53 takes comments of up to this many characters.
const COMMENT_LIMIT: usize = 256;

/// A record set and the zone it is in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// the zone's id
    pub(crate) zone_id: String,
    /// the record set as Route 53 has it
    pub(crate) set: ResourceRecordSet,
}

impl Record {
    /// The set identifier of a weighted record and its weight; nothing for plain records and other routing policies.
    pub(crate) fn weight(&self) -> Option<(&str, i64)> {
        let set = &self.set;
        let other_policy = set.region().is_some()
            || set.failover().is_some()
            || set.geo_location().is_some()
            || set.geo_proximity_location().is_some()
            || set.cidr_routing_config().is_some()
            || set.multi_value_answer().is_some();
        let weight = set.weight().or((!other_policy).then_some(0))?;
        Some((set.set_identifier()?, weight))
    }

    /// The same record with another weight.
    pub(crate) fn with_weight(&self, weight: i64) -> Self {
        let mut changed = self.clone();
        changed.set.weight = Some(weight);
        changed
    }

    /// What the record points to: an alias target, or its values joined by commas.
    pub(crate) fn value(&self) -> String {
        if let Some(alias) = self.set.alias_target() {
            return alias.dns_name().to_owned();
        }
        let values: Vec<&str> = self.set.resource_records().iter().map(ResourceRecord::value).collect();
        values.join(",")
    }
}

/// Whether this type of record says where a name points to.
fn is_address(record_type: &RrType) -> bool {
    matches!(record_type, RrType::A | RrType::Aaaa | RrType::Cname)
}

/// A name's records once they are known; whoever asks for the same name meanwhile waits for the first to have them.
type Cached = Arc<Mutex<Option<Arc<[Record]>>>>;

/// The zones and records of one picture or one change: each zone list and each name is asked for at most once.
#[derive(Clone, Debug)]
pub(crate) struct Dns {
    client: Client,
    zones: Arc<OnceCell<Vec<HostedZone>>>,
    records: Arc<Mutex<IndexMap<String, Cached>>>,
}

impl Dns {
    /// Knows nothing yet.
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            client: session.route53(),
            zones: Arc::default(),
            records: Arc::default(),
        }
    }

    /// The same zones; records are asked for again.
    pub(crate) fn forget_records(&self) -> Self {
        Self {
            records: Arc::default(),
            ..self.clone()
        }
    }

    /// As [`Dns::new`], but these are the zones.
    pub(crate) fn with_zones(session: &Session, zones: Vec<HostedZone>) -> Self {
        Self {
            zones: Arc::new(OnceCell::from(zones)),
            ..Self::new(session)
        }
    }

    /// The hosted zones of the account, if they were asked for.
    pub(crate) fn known_zones(&self) -> Option<&[HostedZone]> {
        self.zones.get().map(Vec::as_slice)
    }

    /// All hosted zones of the account.
    pub(crate) async fn zones(&self) -> Result<&[HostedZone], Error> {
        let zones = self.zones.get_or_try_init(|| list_hosted_zones(&self.client)).await?;
        Ok(zones)
    }

    /// A, AAAA and CNAME records with this name (any spelling), from the best matching zone that has some.
    pub(crate) async fn address_records(&self, name: &str) -> Result<Arc<[Record]>, Error> {
        let name = canonical(name);
        let entry = Arc::clone(self.records.lock().await.entry(name.clone()).or_default());
        let mut cached = entry.lock().await;
        if let Some(records) = &*cached {
            return Ok(Arc::clone(records));
        }
        let zones = self.zones().await?;
        let mut records: Arc<[Record]> = Arc::default();
        for zone in zones_of_name(zones, &name, false) {
            records = self.list(zone, &name).await?.into();
            if !records.is_empty() {
                break;
            }
        }
        *cached = Some(Arc::clone(&records));
        Ok(records)
    }

    async fn list(&self, zone: &HostedZone, name: &str) -> Result<Vec<Record>, Error> {
        let mut found = Vec::new();
        let mut start = (format!("{name}."), None, None);
        loop {
            let page = self
                .client
                .list_resource_record_sets()
                .hosted_zone_id(&zone.id)
                .start_record_name(&start.0)
                .set_start_record_type(start.1.clone())
                .set_start_record_identifier(start.2.clone())
                .max_items(PAGE)
                .send()
                .await?;
            for set in page.resource_record_sets {
                let record = Record {
                    zone_id: zone.id.clone(),
                    set,
                };
                if canonical(record.set.name()) == name && is_address(record.set.r#type()) && !found.contains(&record) {
                    found.push(record);
                }
            }
            let next = match page.next_record_name {
                Some(next) if page.is_truncated && canonical(&next) == name => next,
                _ => return Ok(found),
            };
            let next = (next, page.next_record_type, page.next_record_identifier);
            if next == start {
                // A server that does not get ahead would be asked for ever.
                return Ok(found);
            }
            start = next;
        }
    }

    /// CNAME records with this name (any spelling) from every zone of it, the best matching one first.
    pub(crate) async fn cname_records(&self, name: &str) -> Result<Vec<Record>, Error> {
        let name = canonical(name);
        let mut found = Vec::new();
        for zone in zones_of_name(self.zones().await?, &name, false) {
            let records = self.list(zone, &name).await?;
            found.extend(
                records
                    .into_iter()
                    .filter(|record| *record.set.r#type() == RrType::Cname),
            );
        }
        Ok(found)
    }

    /// Creates or replaces records, all or none per zone. No records: no call.
    pub(crate) async fn upsert(&self, records: &[Record], comment: &str) -> Result<(), Error> {
        self.change(changes(&ChangeAction::Upsert, records), comment).await
    }

    /// Deletes records, all or none per zone. No records: no call.
    pub(crate) async fn delete(&self, records: &[Record], comment: &str) -> Result<(), Error> {
        self.change(changes(&ChangeAction::Delete, records), comment).await
    }

    /// Deletes the `old` records and creates the `new` ones in the same moment, all or none per zone.
    pub(crate) async fn replace(&self, old: &[Record], new: &[Record], comment: &str) -> Result<(), Error> {
        let deletions = changes(&ChangeAction::Delete, old);
        let all = deletions.chain(changes(&ChangeAction::Upsert, new));
        self.change(all, comment).await
    }

    async fn change<'r>(
        &self,
        changes: impl Iterator<Item = (ChangeAction, &'r Record)>,
        comment: &str,
    ) -> Result<(), Error> {
        let mut by_zone: IndexMap<&str, Vec<(ChangeAction, &ResourceRecordSet)>> = IndexMap::new();
        for (action, record) in changes {
            by_zone.entry(&record.zone_id).or_default().push((action, &record.set));
        }
        for (zone_id, changes) in by_zone {
            let mut batch = ChangeBatch::builder().comment(comment.chars().take(COMMENT_LIMIT).collect::<String>());
            for (action, set) in changes {
                let change = Change::builder().action(action).resource_record_set(set.clone());
                batch = batch.changes(change.build().map_err(incomplete)?);
            }
            self.client
                .change_resource_record_sets()
                .hosted_zone_id(zone_id)
                .change_batch(batch.build().map_err(incomplete)?)
                .send()
                .await?;
        }
        Ok(())
    }
}

fn changes<'r>(action: &ChangeAction, records: &'r [Record]) -> impl Iterator<Item = (ChangeAction, &'r Record)> {
    records.iter().map(|record| (action.clone(), record))
}

fn incomplete(error: impl std::fmt::Display) -> Error {
    Error::Fatal(format!("Route 53 change is not complete: {error}"))
}

/// The weight that the weighted record `record_name` with this set identifier has right now; nothing when there is no such
/// record.
pub(crate) async fn live_weight(dns: &Dns, record_name: &str, set_identifier: &str) -> Result<Option<i64>, Error> {
    let records = dns.address_records(record_name).await?;
    Ok(records
        .iter()
        .filter_map(Record::weight)
        .find(|(identifier, _)| *identifier == set_identifier)
        .map(|(_, weight)| weight))
}

#[cfg(test)]
mod tests {
    use stups_testkit::{Account, AwsApi};

    use super::*;

    fn record(set: stups_aws::route53::types::builders::ResourceRecordSetBuilder) -> Record {
        Record {
            zone_id: "Z1".to_owned(),
            set: set.name("app.example.org.").r#type(RrType::A).build().unwrap(),
        }
    }

    #[test]
    fn only_weighted_records_have_a_weight() {
        let set = ResourceRecordSet::builder;
        assert_eq!(
            record(set().set_identifier("app-1").weight(7)).weight(),
            Some(("app-1", 7))
        );
        assert_eq!(record(set().set_identifier("app-1")).weight(), Some(("app-1", 0)));
        assert_eq!(record(set()).weight(), None);
        assert_eq!(
            record(set().set_identifier("app-1").region("eu-west-1".into())).weight(),
            None
        );
    }

    #[tokio::test]
    async fn records_are_written_in_one_change_and_nothing_is_no_change() {
        let account = Account::standard(AwsApi::shared().await).await;
        let dns = Dns::new(&account.session());
        let zone_id = dns.zones().await.unwrap()[0].id.clone();
        let records: Vec<Record> = (0..3)
            .map(|number| Record {
                zone_id: zone_id.clone(),
                set: ResourceRecordSet::builder()
                    .name("app.stups.example.org.")
                    .r#type(RrType::A)
                    .set_identifier(format!("app-{number:03}"))
                    .weight(1)
                    .ttl(20)
                    .resource_records(ResourceRecord::builder().value("192.0.2.1").build().unwrap())
                    .build()
                    .unwrap(),
            })
            .collect();
        let before = account.requests().len();
        dns.upsert(&[], "nothing").await.unwrap();
        assert_eq!(account.requests().len(), before, "no records, no call");
        dns.upsert(&records, &"a long comment ".repeat(50)).await.unwrap();
        let found = dns.address_records("app.stups.example.org").await.unwrap();
        assert_eq!(found.len(), records.len());
        let changes = account.requests()[before..]
            .iter()
            .filter(|request| request.starts_with("route53:POST"))
            .count();
        assert_eq!(changes, 1);
    }
}
