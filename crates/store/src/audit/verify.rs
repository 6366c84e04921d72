//! Checking a chain without the service that wrote it.

use super::{Record, canonical};

/// Why a record cannot be part of the chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Records are missing, doubled or in another order.
    #[error("the sequence goes on with {found} where {expected} is due")]
    Sequence {
        /// The number that follows the record before.
        expected: i64,
        /// The number that is there.
        found: i64,
    },
    /// It belongs to the chain of another service.
    #[error("it belongs to {found:?}, not to {expected:?}")]
    Service {
        /// Whose chain this is.
        expected: String,
        /// Whose record it is.
        found: String,
    },
    /// The record before it is not the one that it was appended to.
    #[error("it names {found} as the record before, which is {expected}")]
    Previous {
        /// The hash of the record before.
        expected: String,
        /// What this record says.
        found: String,
    },
    /// Its content is not what was hashed.
    #[error("its content has the hash {expected}, not {found}")]
    Hash {
        /// What the content hashes to.
        expected: String,
        /// What the record says.
        found: String,
    },
    /// The chain ends before or behind the record that it has to end with.
    #[error("the chain ends with {found}, not with {expected}")]
    Head {
        /// The hash that the last record has to have.
        expected: String,
        /// The hash that it has.
        found: String,
    },
}

/// The first record that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {sequence} is broken: {flaw}")]
pub struct Broken {
    /// The number that the record has in what was checked.
    pub sequence: i64,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// A chain up to the last record that was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    service: Option<String>,
    sequence: i64,
    hash: Option<String>,
}

impl Chain {
    /// A chain without records. Whose it is the first record says.
    pub fn new() -> Self {
        Self::default()
    }

    /// A chain that can only be this service's.
    pub fn of(service: &str) -> Self {
        Self {
            service: Some(service.to_owned()),
            ..Self::default()
        }
    }

    /// How many records it has.
    pub fn length(&self) -> i64 {
        self.sequence
    }

    /// Whose chain it is, when that is known.
    pub fn service(&self) -> Option<&str> {
        self.service.as_deref()
    }

    /// The hash of the last record; 64 zeros when there is none. Kept elsewhere, it shows later that nothing was cut off.
    pub fn head(&self) -> &str {
        self.hash.as_deref().unwrap_or(Record::NO_PREVIOUS)
    }

    /// Checks the next record. After an error the chain is where it was.
    pub fn check(&mut self, record: &Record) -> Result<(), Broken> {
        let broken = |flaw| {
            Err(Broken {
                sequence: record.sequence,
                flaw,
            })
        };
        let due = self.sequence + 1;
        if record.sequence != due {
            return broken(Flaw::Sequence {
                expected: due,
                found: record.sequence,
            });
        }
        if let Some(service) = self.service.as_ref().filter(|service| **service != record.service) {
            return broken(Flaw::Service {
                expected: service.clone(),
                found: record.service.clone(),
            });
        }
        if record.previous != self.head() {
            return broken(Flaw::Previous {
                expected: self.head().to_owned(),
                found: record.previous.clone(),
            });
        }
        let hash = canonical::hash(record);
        if record.hash != hash {
            return broken(Flaw::Hash {
                expected: hash,
                found: record.hash.clone(),
            });
        }
        self.service.get_or_insert_with(|| record.service.clone());
        self.sequence = due;
        self.hash = Some(hash);
        Ok(())
    }

    /// Succeeds when the chain ends with the record of this hash: nothing was cut off.
    pub fn ends_with(&self, head: &str) -> Result<(), Broken> {
        if self.head() == head {
            return Ok(());
        }
        let flaw = Flaw::Head {
            expected: head.to_owned(),
            found: self.head().to_owned(),
        };
        Err(Broken {
            sequence: self.sequence,
            flaw,
        })
    }
}

/// Checks a whole chain, from its first record on.
pub fn verify(records: impl IntoIterator<Item = Record>) -> Result<Chain, Broken> {
    let mut chain = Chain::new();
    for record in records {
        chain.check(&record)?;
    }
    Ok(chain)
}

#[cfg(test)]
#[allow(clippy::cast_possible_wrap)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::audit::{Actor, Event, Outcome, chain};

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    prop_compose! {
        fn events()(
            action in "[a-z]{1,8}\\.[a-z]{1,8}",
            subject in any::<String>(),
            uid in any::<String>(),
            client_id in any::<Option<String>>(),
            denied in any::<bool>(),
            details in values(),
        ) -> Event {
            let outcome = if denied { Outcome::Denied } else { Outcome::Success };
            let actor = Actor { uid, client_id, ..Actor::service() };
            Event { action, subject, actor, outcome, details }
        }
    }

    fn chains() -> impl Strategy<Value = Vec<Record>> {
        prop::collection::vec(events(), 2..8).prop_map(|events| {
            let mut previous = Record::NO_PREVIOUS.to_owned();
            let mut link = |(sequence, event)| {
                let record = chain::link("kio", sequence, &previous, event);
                previous.clone_from(&record.hash);
                record
            };
            (1..).zip(events).map(&mut link).collect()
        })
    }

    /// As an auditor gets it.
    fn read_back(records: &[Record]) -> Vec<Record> {
        let lines: Vec<String> = records
            .iter()
            .map(|record| serde_json::to_string(record).unwrap())
            .collect();
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_was_written_is_whole_also_after_a_journey_as_text(records in chains()) {
            let chain = verify(read_back(&records)).unwrap();
            prop_assert_eq!(chain.length(), records.len() as i64);
            prop_assert_eq!(chain.head(), records.last().unwrap().hash.as_str());
            prop_assert_eq!(chain.service(), Some("kio"));
        }

        #[test]
        fn a_removed_record_is_missed(records in chains(), index in any::<prop::sample::Index>()) {
            let index = index.index(records.len() - 1);
            let mut rest = records.clone();
            rest.remove(index);
            let broken = verify(rest).unwrap_err();
            prop_assert_eq!(broken.sequence, index as i64 + 2);
        }

        #[test]
        fn a_moved_record_is_noticed(records in chains(), one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>()) {
            let (one, other) = (one.index(records.len()), other.index(records.len()));
            prop_assume!(one != other);
            let mut moved = records.clone();
            moved.swap(one, other);
            prop_assert!(verify(moved).is_err());
        }

        #[test]
        fn an_inserted_record_is_noticed(records in chains(), event in events(), index in any::<prop::sample::Index>()) {
            // The forger knows how to hash, but cannot change what is behind.
            let index = index.index(records.len());
            let mut more = records.clone();
            let before = &records[index];
            more.insert(index, chain::link("kio", before.sequence, &before.previous, event));
            prop_assert!(verify(more).is_err());
        }

        #[test]
        fn a_cut_in_the_middle_is_noticed(records in chains(), from in any::<prop::sample::Index>()) {
            let from = from.index(records.len() - 1);
            let mut rest = records[..from].to_vec();
            rest.push(records.last().unwrap().clone());
            prop_assert!(verify(rest).is_err());
        }

        #[test]
        fn a_cut_at_the_end_is_noticed_by_who_knows_the_head(records in chains(), kept in any::<prop::sample::Index>()) {
            let head = &records.last().unwrap().hash;
            let kept = kept.index(records.len());
            let chain = verify(records[..kept].to_vec()).unwrap();
            prop_assert!(chain.ends_with(head).is_err());
            prop_assert!(verify(records.clone()).unwrap().ends_with(head).is_ok());
        }

        #[test]
        fn a_changed_record_is_noticed(records in chains(), index in any::<prop::sample::Index>(), field in 0..10, event in events()) {
            let index = index.index(records.len());
            let mut changed = records.clone();
            let record = &mut changed[index];
            match field {
                0 => record.recorded_at += 1,
                1 => record.service.push('x'),
                2 => record.event.action.push('x'),
                3 => record.event.subject.push('x'),
                4 => record.event.actor.uid.push('x'),
                5 => record.event.actor.address = Some("192.0.2.1".to_owned()),
                6 => record.event.outcome = if record.event.outcome == Outcome::Denied { Outcome::Success } else { Outcome::Denied },
                7 => record.event.details = json!([record.event.details]),
                8 => record.hash = chain::link("kio", record.sequence, &record.previous, event).hash,
                _ => record.previous = record.hash.clone(),
            }
            let broken = verify(changed).unwrap_err();
            prop_assert!((index as i64 + 1..=index as i64 + 2).contains(&broken.sequence));
        }
    }

    #[test]
    fn a_rewritten_record_breaks_the_next_one() {
        let event = |subject: &str| Event {
            action: "application.modified".to_owned(),
            subject: subject.to_owned(),
            actor: Actor::service(),
            outcome: Outcome::Success,
            details: json!({}),
        };
        let one = chain::link("kio", 1, Record::NO_PREVIOUS, event("a"));
        let two = chain::link("kio", 2, &one.hash, event("b"));
        let forged = chain::link("kio", 1, Record::NO_PREVIOUS, event("c"));
        let broken = verify([forged.clone(), two.clone()]).unwrap_err();
        assert_eq!(
            broken.flaw,
            Flaw::Previous {
                expected: forged.hash,
                found: one.hash.clone()
            }
        );
        assert!(
            broken.to_string().starts_with("record 2 is broken: it names "),
            "{broken}"
        );

        let foreign = Chain::of("identity").check(&one).unwrap_err();
        assert_eq!(
            foreign.flaw,
            Flaw::Service {
                expected: "identity".to_owned(),
                found: "kio".to_owned()
            }
        );
        assert_eq!(
            verify([two]).unwrap_err().flaw,
            Flaw::Sequence { expected: 1, found: 2 }
        );
        assert_eq!(verify([]).unwrap().head(), Record::NO_PREVIOUS);
    }

    #[test]
    fn what_the_hash_does_not_cover_is_refused() {
        let event = Event {
            action: "a.b".to_owned(),
            subject: "s".to_owned(),
            actor: Actor::service(),
            outcome: Outcome::Success,
            details: json!({}),
        };
        let record = chain::link("kio", 1, Record::NO_PREVIOUS, event);
        let whole = serde_json::to_value(&record).unwrap();
        for pointer in ["", "/event", "/event/actor"] {
            let mut more = whole.clone();
            more.pointer_mut(pointer)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .insert("note".to_owned(), json!("hi"));
            assert!(serde_json::from_value::<Record>(more).is_err(), "{pointer}");
        }
    }
}
