//! How an application's traffic is shared now, and changing that: what `traffic`, `deploy` and `rollback` have in common.

use std::collections::BTreeMap;

use stups_terminal::{Terminal, until_interrupted};

use super::domain::{self, Domain, Shift};
use super::memory::{self, Memory, Weights};
use super::protection::{Protection, ProtectionArguments};
use super::version::{self, Version};
use super::{apply, publish, table, warn_of_equal_shares};
use crate::Error;
use crate::context::Context;
use crate::route53::Dns;
use crate::stacks::StackReference;
use crate::weights::{FULL, percent, units};

/// An application's versions and the names that they share with one of them.
#[derive(Debug)]
pub(crate) struct Current {
    dns: Dns,
    /// all that are alive, newest first
    pub(crate) versions: Vec<Version>,
    /// the version it is about
    pub(crate) target: Version,
    pub(super) domains: Vec<Domain>,
}

/// Weights above zero by name.
pub(crate) type WeightsByName = BTreeMap<String, Weights>;

impl Current {
    /// Reads it for the version called `wanted`, or else the newest that shares a name.
    pub(crate) async fn read(
        context: &Context,
        references: &[StackReference],
        wanted: Option<&str>,
    ) -> Result<Self, Error> {
        let versions = version::list(&context.session, references).await?;
        let target = match wanted {
            Some(wanted) => version::find(&versions, wanted)?.clone(),
            None => newest_with_names(context, &versions)
                .await?
                .ok_or_else(|| super::no_version(references))?,
        };
        Self::of(context, versions, target).await
    }

    /// As [`Self::read`]; nothing when the version shares no name.
    pub(crate) async fn read_if_shared(
        context: &Context,
        references: &[StackReference],
        wanted: &str,
    ) -> Result<Option<Self>, Error> {
        let versions = version::list(&context.session, references).await?;
        let target = version::find(&versions, wanted)?.clone();
        if target.shared.is_empty() && target.domains(&context.session).await?.is_empty() {
            return Ok(None);
        }
        Self::of(context, versions, target).await.map(Some)
    }

    async fn of(context: &Context, versions: Vec<Version>, target: Version) -> Result<Self, Error> {
        let dns = Dns::new(&context.session);
        let domains = domain::read(&context.session, &dns, &versions, &target).await?;
        Ok(Self {
            dns,
            versions,
            target,
            domains,
        })
    }

    /// The weights of every name.
    pub(crate) fn weights(&self) -> WeightsByName {
        let domains = self.domains.iter();
        domains.map(|domain| (domain.name.clone(), domain.live())).collect()
    }

    /// Whether the target has at least this share of every name.
    pub(crate) fn target_has(&self, percentage: f64) -> bool {
        let share_is_reached = |weights: &Weights| {
            let sum: i64 = weights.values().sum();
            let own = weights.get(&self.target.identifier).copied().unwrap_or(0);
            own > 0 && own.saturating_mul(FULL) >= units(percentage).saturating_mul(sum)
        };
        self.weights().values().all(share_is_reached)
    }

    /// What giving the target this share does.
    pub(crate) fn shifted(&self, percentage: f64) -> Vec<Shift> {
        let domains = self.domains.iter().cloned();
        domains
            .map(|domain| domain.shift(&self.target.identifier, percentage))
            .collect()
    }

    /// What giving the target this share does as a step of its deployment, which found the weights `before`.
    pub(crate) fn stepped(&self, before: &WeightsByName, percentage: f64) -> Vec<Shift> {
        let target = &self.target.identifier;
        let domains = self.domains.iter().cloned();
        domains
            .map(|domain| {
                let before_of_name = before.get(&domain.name).cloned().unwrap_or_default();
                let shift = domain.step(&before_of_name, target, percentage);
                shift.into_step_of(target, before)
            })
            .collect()
    }

    /// What setting exactly these weights does; names that are not among them stay as they are.
    pub(crate) fn set(&self, wanted: &WeightsByName) -> Vec<Shift> {
        let named = self.domains.iter().cloned();
        named
            .filter_map(|domain| {
                let wanted = wanted.get(&domain.name)?;
                Some(domain.set(wanted))
            })
            .collect()
    }

    /// What is remembered about each name: by the stacks of all versions (or only the target's), and by shared rules.
    pub(crate) async fn memories(
        &self,
        context: &Context,
        of_target_only: bool,
    ) -> Result<Vec<(String, Memory)>, Error> {
        let session = &context.session;
        let mut memories = if self.domains.iter().all(|domain| domain.rule.is_some()) {
            Vec::new()
        } else if of_target_only {
            memory::of_stacks(session, std::iter::once(&self.target)).await?
        } else {
            memory::of_stacks(session, self.versions.iter()).await?
        };
        for domain in &self.domains {
            if let Some(rule) = &domain.rule
                && let Some(memory) = rule.memory(session).await?
            {
                memories.push((domain.name.clone(), memory));
            }
        }
        Ok(memories)
    }

    /// The versions that `wanted` gives traffic to and that are gone, in the order of their names.
    pub(crate) fn missing(&self, wanted: &WeightsByName) -> Vec<String> {
        let mut missing: Vec<String> = Vec::new();
        for (name, weights) in wanted {
            let Some(domain) = self.domains.iter().find(|domain| domain.name == *name) else {
                continue;
            };
            for identifier in weights.keys() {
                let is_alive = self.versions.iter().any(|version| version.identifier == *identifier);
                let has_record = !domain.records_of(identifier).is_empty();
                if !is_alive && !has_record && !missing.contains(identifier) {
                    missing.push(identifier.clone());
                }
            }
        }
        missing.sort();
        missing
    }

    /// Shows what the shifts do to each version.
    pub(crate) fn show(&self, terminal: &Terminal, shifts: &[Shift]) {
        terminal.print_table(&table::changes(shifts, &self.target));
    }

    /// Makes a change: tells the operators, changes weights, and reads them back. With protection no version has traffic a moment
    /// without it.
    pub(crate) async fn make(
        &self,
        context: &Context,
        mut shifts: Vec<Shift>,
        protection: ProtectionArguments,
    ) -> Result<(), Error> {
        let rows = table::changes(&shifts, &self.target).rows;
        let protection = if protection.protect_traffic {
            let planned = Protection::plan(context, self, &shifts);
            until_interrupted(Box::pin(planned)).await?
        } else {
            Protection::default()
        };
        for shift in &mut shifts {
            shift.memory.protected.clone_from(&protection.remembered);
        }
        let prepared = apply::prepare(&context.session, &self.versions, shifts);
        let change = until_interrupted(Box::pin(prepared)).await?;
        protection.switch_on(context).await?;
        publish::publish(context, &self.versions, &rows).await;
        if let Err(error) = apply::apply(context, &self.dns, &change, &self.target.name).await {
            // Interrupted, some may have their traffic already.
            if !matches!(&error, Error::Terminal(failure) if failure.is_aborted()) {
                protection.take_back(context).await;
            }
            return Err(error);
        }
        protection.switch_off(context).await;
        for shift in change.shifts.iter().filter(|shift| shift.domain.rule.is_none()) {
            if shift.plan.is_all_zero() {
                warn_of_equal_shares(&context.terminal, &shift.domain.name);
            }
        }
        Ok(())
    }
}

async fn newest_with_names(context: &Context, versions: &[Version]) -> Result<Option<Version>, Error> {
    for version in versions {
        if !version.shared.is_empty() || !version.domains(&context.session).await?.is_empty() {
            return Ok(Some(version.clone()));
        }
    }
    Ok(None)
}

/// `hello-v1 90.0%, hello-v2 10.0%`; names are given where there are several that differ.
pub(crate) fn in_words(weights: &WeightsByName) -> String {
    let of = |weights: &Weights| {
        let words: Vec<String> = weights
            .iter()
            .map(|(identifier, weight)| format!("{identifier} {:?}%", percent(*weight)))
            .collect();
        if words.is_empty() {
            "no version has traffic".to_owned()
        } else {
            words.join(", ")
        }
    };
    let mut all = weights.values();
    match all.next() {
        None => "no name is shared".to_owned(),
        Some(first) if all.all(|other| other == first) => of(first),
        Some(_) => {
            let named: Vec<String> = weights
                .iter()
                .map(|(name, weights)| format!("{name}: {}", of(weights)))
                .collect();
            named.join("; ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_in_words() {
        let weights = |v2: i64| Weights::from([("app-v1".to_owned(), 200 - v2), ("app-v2".to_owned(), v2)]);
        let one = WeightsByName::from([("a".to_owned(), weights(20)), ("b".to_owned(), weights(20))]);
        assert_eq!(in_words(&one), "app-v1 90.0%, app-v2 10.0%");
        let two = WeightsByName::from([("a".to_owned(), weights(20)), ("b".to_owned(), Weights::new())]);
        assert_eq!(
            in_words(&two),
            "a: app-v1 90.0%, app-v2 10.0%; b: no version has traffic"
        );
        assert_eq!(in_words(&WeightsByName::new()), "no name is shared");
    }
}
