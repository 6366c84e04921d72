//! What a run has to put back, kept at the group itself.
//!
//! It is written before anything is changed and removed when everything is as it was. A run that was cut off, whatever by,
//! leaves it, and the next one finds it.

use std::time::SystemTime;

use stups_aws::Session;
use stups_aws::autoscaling::types::{AutoScalingGroup, Tag, TagDescription};

use crate::Error;
use crate::scaling_groups::Sizes;

/// The tag that it is kept in.
const KEY: &str = "senza:respawn-instances";
const RESOURCE_TYPE: &str = "auto-scaling-group";

/// What a run has to put back, and whose run it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// tells runs apart: the last one to write owns the group
    pub(super) run: String,
    /// what they were
    pub(super) sizes: Sizes,
    /// by how much the run makes them larger
    pub(super) extra: i32,
    /// the processes that the run suspends
    pub(super) suspended: Vec<String>,
}

impl Record {
    /// What is recorded at the group; nothing when no run works on it or was cut off.
    pub(crate) fn of(group: &AutoScalingGroup) -> Result<Option<Self>, Error> {
        let Some(tag) = group.tags().iter().find(|tag| tag.key() == Some(KEY)) else {
            return Ok(None);
        };
        let record = tag.value().and_then(Self::parse);
        record.map(Some).ok_or_else(|| {
            Error::Fatal(format!(
                "The tag {KEY} of Auto Scaling Group {} can't be read (\"{}\"). See that the group has its right sizes and no \
                 suspended processes, and remove the tag.",
                group.auto_scaling_group_name().unwrap_or_default(),
                tag.value().unwrap_or_default()
            ))
        })
    }

    /// A name for a run: no other one has it.
    pub(super) fn new_run() -> String {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        format!("{:x}.{:x}", now.as_nanos(), std::process::id())
    }

    /// Words that a tag's value may consist of.
    fn to_words(&self) -> String {
        format!(
            "run={} min={} desired={} max={} extra={} suspended={}",
            self.run,
            self.sizes.min,
            self.sizes.desired,
            self.sizes.max,
            self.extra,
            self.suspended.join("+")
        )
    }

    fn parse(words: &str) -> Option<Self> {
        let word = |name: &str| {
            let mut pairs = words.split_whitespace().filter_map(|word| word.split_once('='));
            pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
        };
        let number = |name: &str| word(name)?.parse().ok();
        Some(Self {
            run: word("run")?.to_owned(),
            sizes: Sizes {
                min: number("min")?,
                desired: number("desired")?,
                max: number("max")?,
            },
            extra: number("extra")?,
            suspended: word("suspended")?
                .split('+')
                .filter(|process| !process.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Writes it, over that of any other run.
    pub(super) async fn write(&self, session: &Session, group: &str) -> Result<(), Error> {
        let tag = tag(group).value(self.to_words()).propagate_at_launch(false).build();
        session.autoscaling().create_or_update_tags().tags(tag).send().await?;
        Ok(())
    }

    /// Removes whatever is recorded.
    pub(super) async fn remove(session: &Session, group: &str) -> Result<(), Error> {
        session
            .autoscaling()
            .delete_tags()
            .tags(tag(group).build())
            .send()
            .await?;
        Ok(())
    }

    /// Whether a group of these sizes is one that this run made larger, wholly or in part, and nobody else changed.
    pub(super) fn explains(&self, now: Sizes) -> bool {
        let larger = self.sizes.enlarged(self.extra);
        let is_between = |low: i32, size: i32, high: i32| (low..=high).contains(&size);
        is_between(self.sizes.min, now.min, larger.min)
            && is_between(self.sizes.desired, now.desired, larger.desired)
            && is_between(self.sizes.max, now.max, larger.max)
    }
}

fn tag(group: &str) -> stups_aws::autoscaling::types::builders::TagBuilder {
    Tag::builder().resource_id(group).resource_type(RESOURCE_TYPE).key(KEY)
}

/// Whether the run called `run` still owns a group with these tags.
pub(super) fn is_owned_by(tags: &[TagDescription], run: &str) -> bool {
    tags.iter()
        .filter(|tag| tag.key() == Some(KEY))
        .filter_map(|tag| Record::parse(tag.value()?))
        .any(|record| record.run == run)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> Record {
        Record {
            run: Record::new_run(),
            sizes: Sizes {
                min: 1,
                desired: 2,
                max: 3,
            },
            extra: 1,
            suspended: vec!["AZRebalance".to_owned(), "ScheduledActions".to_owned()],
        }
    }

    #[test]
    fn it_survives_in_a_tag() {
        for suspended in [vec![], record().suspended] {
            let record = Record { suspended, ..record() };
            let words = record.to_words();
            let allowed = |c: char| c.is_ascii_alphanumeric() || " +-=._:/@".contains(c);
            assert!(words.len() <= 256 && words.chars().all(allowed), "{words}");
            assert_eq!(Record::parse(&words), Some(record));
        }
    }

    #[test]
    fn a_tag_that_somebody_changed_is_told() {
        let group = |value: &str| {
            let tag = TagDescription::builder().key(KEY).value(value).build();
            AutoScalingGroup::builder()
                .auto_scaling_group_name("g")
                .tags(tag)
                .build()
        };
        assert_eq!(Record::of(&AutoScalingGroup::builder().build()).unwrap(), None);
        let error = Record::of(&group("min=x")).unwrap_err().to_string();
        assert!(
            error.contains("Auto Scaling Group g can't be read (\"min=x\")"),
            "{error}"
        );
        let record = record();
        let tagged = group(&record.to_words());
        assert_eq!(Record::of(&tagged).unwrap(), Some(record.clone()));
        assert!(is_owned_by(tagged.tags(), &record.run));
        assert!(!is_owned_by(tagged.tags(), "other") && !is_owned_by(&[], &record.run));
    }

    #[test]
    fn sizes_that_somebody_else_chose_are_told_from_its_own() {
        for (min, desired, max, expected) in [
            (1, 2, 3, true),
            (2, 3, 4, true),
            (1, 3, 4, true),
            (1, 2, 4, true),
            (1, 5, 5, false),
            (0, 0, 3, false),
        ] {
            assert_eq!(
                record().explains(Sizes { min, desired, max }),
                expected,
                "{min} {desired} {max}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_value_is_read_or_refused(value in ".{0,80}") {
            Record::parse(&value);
        }
    }
}
