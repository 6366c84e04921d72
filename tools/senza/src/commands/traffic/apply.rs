//! Making a change of weights happen: all of it, or none.
//!
//! Versions that gain traffic come first, those that lose some after them, so that at no time nobody is left to serve. When
//! one fails, what was changed is taken back. In the end the records are read back: what Route 53 says counts, and a record
//! that does not have its weight is given it there.

use std::sync::Mutex;

use futures::future::{join_all, try_join_all};
use indexmap::IndexSet;
use stups_aws::Session;
use stups_terminal::{Action, Failure, until_interrupted};

use super::domain::{Shift, live_weights};
use super::stack_update::{self, Direction, NewWeight, Outcome, StackUpdate, Unsuitable};
use super::version::Version;
use crate::Error;
use crate::context::Context;
use crate::deployed;
use crate::route53::{Dns, Record};
use crate::weights::percent;

/// A change with everything that has to be known before the first step is made.
#[derive(Debug)]
pub(super) struct Change {
    /// by name
    pub(super) shifts: Vec<Shift>,
    steps: Vec<Step>,
    warnings: Vec<String>,
}

/// What happens to one version.
#[derive(Debug)]
struct Step {
    identifier: String,
    /// change over all names, in units
    gain: i64,
    /// its stack, when CloudFormation can change it
    update: Option<StackUpdate>,
    /// its records with their new weights
    records: Vec<Record>,
    /// its records as they are, when they go away because no stack owns them and they are to have no traffic
    obsolete: Vec<Record>,
}

/// How far a step got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    NotStarted,
    Started,
    Done,
}

/// Looks up everything that the change needs, and refuses one that cannot work, before anything is changed.
pub(super) async fn prepare(session: &Session, versions: &[Version], shifts: Vec<Shift>) -> Result<Change, Error> {
    let changed: IndexSet<&str> = shifts
        .iter()
        .filter(|shift| shift.domain.rule.is_none())
        .flat_map(|shift| &shift.plan.changes)
        .filter(|(_, change)| change.old != change.new)
        .map(|(identifier, _)| identifier.as_str())
        .collect();
    let prepared = try_join_all(
        changed
            .into_iter()
            .map(|identifier| prepare_step(session, versions, &shifts, identifier)),
    )
    .await?;
    let (steps, warnings): (Vec<Step>, Vec<Option<String>>) = prepared.into_iter().unzip();
    for shift in &shifts {
        refuse_mixed_types(shift, &steps)?;
        if let Some(rule) = &shift.domain.rule {
            rule.planned(&shift.plan)?;
        }
    }
    Ok(Change {
        steps,
        warnings: warnings.into_iter().flatten().collect(),
        shifts,
    })
}

async fn prepare_step(
    session: &Session,
    versions: &[Version],
    shifts: &[Shift],
    identifier: &str,
) -> Result<(Step, Option<String>), Error> {
    let wanted: Vec<(&Shift, i64, i64)> = shifts
        .iter()
        .filter(|shift| shift.domain.rule.is_none())
        .filter_map(|shift| {
            let change = shift.plan.changes.get(identifier)?;
            (change.old != change.new).then_some((shift, change.old, change.new))
        })
        .collect();
    let mut step = Step {
        identifier: identifier.to_owned(),
        gain: wanted.iter().map(|(_, old, new)| new - old).sum(),
        update: None,
        records: Vec::new(),
        obsolete: Vec::new(),
    };

    // A record may belong to a stack that is no version of this application: one that failed, or one with another name.
    let version = versions.iter().find(|version| version.identifier == identifier);
    let stack = match version {
        Some(version) => Some(version.stack.clone()),
        None => deployed::describe(session, identifier).await?,
    };
    let has_stack = stack.is_some();
    let mut unsuitable = None;
    if let Some(stack) = stack {
        let records = async {
            match version {
                Some(version) => Ok(version.records(session).await?.to_vec()),
                None => deployed::records(session, identifier).await,
            }
        };
        let status = deployed::status(&stack);
        if deployed::is_in_progress(status) && status != "DELETE_IN_PROGRESS" {
            return Err(Error::Fatal(format!(
                "Stack {identifier} is {status}: its weight cannot be changed now. Use --timeout to wait for it."
            )));
        }
        if can_be_updated(status) {
            let weights: Vec<NewWeight<'_>> = wanted
                .iter()
                .map(|(shift, _, new)| NewWeight {
                    domain: &shift.domain.name,
                    weight: *new,
                    memory: &shift.memory,
                })
                .collect();
            match stack_update::prepare(session, &stack, records, &weights).await? {
                Ok(update) if was_converted(&update, identifier, &wanted) => {
                    unsuitable = Some("its template has a CNAME, which is an alias record now".to_owned());
                }
                Ok(update) => step.update = Some(update),
                Err(Unsuitable(reason)) => unsuitable = Some(reason),
            }
        } else {
            unsuitable = Some(format!("it is {status}"));
        }
    }

    for (shift, _, new) in wanted {
        let records = shift.domain.records_of(identifier);
        if records.is_empty() && step.update.is_none() {
            return Err(Error::Fatal(format!(
                "Stack {identifier} has no weighted record for {}{}",
                shift.domain.name,
                unsuitable.map(|reason| format!(": {reason}")).unwrap_or_default()
            )));
        }
        if !has_stack && new == 0 {
            step.obsolete.extend(records.into_iter().cloned());
        } else {
            step.records
                .extend(records.into_iter().map(|record| record.with_weight(new)));
        }
    }
    let warning = unsuitable
        .map(|reason| format!("Stack {identifier} is not updated, its record is changed in Route 53 only: {reason}"));
    Ok((step, warning))
}

/// The states that CloudFormation accepts an update in.
fn can_be_updated(status: &str) -> bool {
    matches!(
        status,
        "CREATE_COMPLETE"
            | "UPDATE_COMPLETE"
            | "UPDATE_FAILED"
            | "UPDATE_ROLLBACK_COMPLETE"
            | "IMPORT_COMPLETE"
            | "IMPORT_ROLLBACK_COMPLETE"
    )
}

/// Whether the template still has a CNAME where the version's record was converted into an alias: an update would fail.
fn was_converted(update: &StackUpdate, identifier: &str, wanted: &[(&Shift, i64, i64)]) -> bool {
    let is_alias = |domain: &str| {
        let of_domain = wanted.iter().filter(|(shift, ..)| shift.domain.name == domain);
        let mut records = of_domain.flat_map(|(shift, ..)| shift.domain.records_of(identifier));
        records.any(|record| record.set.r#type().as_str() != "CNAME")
    };
    let mut types = update.record_types.iter();
    types.any(|(domain, record_type)| record_type == "CNAME" && is_alias(domain))
}

/// DNS has no place for a CNAME beside anything else of the same name: the update of the stack would fail half way.
fn refuse_mixed_types(shift: &Shift, steps: &[Step]) -> Result<(), Error> {
    let name = &shift.domain.name;
    let (aliases, addresses): (Vec<&Record>, Vec<&Record>) = shift
        .domain
        .records
        .iter()
        .partition(|record| record.set.r#type().as_str() == "CNAME");
    for step in steps {
        for (_, record_type) in step
            .update
            .iter()
            .flat_map(|update| &update.record_types)
            .filter(|(domain, record_type)| domain == name && !record_type.is_empty())
        {
            let others = if record_type == "CNAME" { &addresses } else { &aliases };
            if let Some(other) = others.first() {
                let advice = if record_type == "CNAME" {
                    format!(
                        "Delete the records of type {} in Route 53, or the stacks that made them",
                        other.set.r#type().as_str()
                    )
                } else {
                    format!("Convert the CNAMEs with `senza migrate-cnames {name}`")
                };
                return Err(Error::Fatal(format!(
                    "Stack {} makes a record of type {record_type} for {name}, but {} has one of type {} there, and DNS does \
                     not allow both. Nothing was changed. {advice}, and try again.",
                    step.identifier,
                    other.set.set_identifier().unwrap_or("someone"),
                    other.set.r#type().as_str(),
                )));
            }
        }
    }
    Ok(())
}

/// Makes the change under a progress line. Interrupted, it stops and says how far it got.
///
/// `application`: what rules that have to be made are tagged with.
pub(super) async fn apply(context: &Context, dns: &Dns, change: &Change, application: &str) -> Result<(), Error> {
    for warning in &change.warnings {
        context.terminal.warning(warning);
    }
    // As Route 53 writes names: with a dot at the end.
    let names: Vec<String> = change
        .shifts
        .iter()
        .map(|shift| format!("{}.", shift.domain.name))
        .collect();
    let action = context
        .terminal
        .action(&format!("Setting weights for {}..", names.join(", ")));
    let progress = Mutex::new(vec![Progress::NotStarted; change.steps.len()]);
    let attempt = Attempt {
        context,
        dns,
        change,
        action: &action,
        progress: &progress,
    };
    let work = async {
        // Rules first: each is replaced in one call, or not at all.
        let mut has_changed = false;
        for shift in &change.shifts {
            if let Some(rule) = &shift.domain.rule {
                has_changed |= rule
                    .apply(&context.session, application, &shift.plan, &shift.memory)
                    .await?;
            }
        }
        match attempt.run().await {
            Ok(_) if has_changed && change.steps.is_empty() => Ok("OK".to_owned()),
            other => other,
        }
    };
    match until_interrupted(Box::pin(work)).await {
        Ok(text) => {
            action.done(&text);
            Ok(())
        }
        Err(Error::Terminal(failure)) if failure.is_aborted() => {
            action.error("INTERRUPTED");
            context.terminal.warning(&how_far(&change.steps, &progress));
            Err(Failure::aborted().into())
        }
        Err(error) => {
            action.exception(&error.to_string());
            Err(error)
        }
    }
}

fn how_far(steps: &[Step], progress: &Mutex<Vec<Progress>>) -> String {
    let progress = progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let all_with = |wanted: Progress| -> String {
        let matching = steps
            .iter()
            .zip(progress.iter())
            .filter(|(_, progress)| **progress == wanted);
        let names: Vec<&str> = matching.map(|(step, _)| step.identifier.as_str()).collect();
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    };
    format!(
        "Changed: {}. Under way in AWS: {}. Not changed: {}.",
        all_with(Progress::Done),
        all_with(Progress::Started),
        all_with(Progress::NotStarted)
    )
}

/// One attempt to make a change.
struct Attempt<'a> {
    context: &'a Context,
    dns: &'a Dns,
    change: &'a Change,
    action: &'a Action,
    progress: &'a Mutex<Vec<Progress>>,
}

impl Attempt<'_> {
    /// Returns how the progress line ends.
    async fn run(&self) -> Result<String, Error> {
        if self.change.steps.is_empty() {
            return Ok("not changed".to_owned());
        }
        self.refuse_moved_weights().await?;
        let gains_first = [true, false];
        for gains in gains_first {
            let phase = self
                .change
                .steps
                .iter()
                .enumerate()
                .filter(|(_, step)| (step.gain > 0) == gains);
            let results = join_all(phase.map(|(index, step)| self.make(index, step))).await;
            let failures: Vec<String> = results.into_iter().filter_map(Result::err).collect();
            if !failures.is_empty() {
                return Err(self.take_back(failures).await);
            }
        }
        self.verify().await
    }

    fn note(&self, index: usize, state: Progress) {
        let mut progress = self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(entry) = progress.get_mut(index) {
            *entry = state;
        }
    }

    /// Somebody else may have changed weights since they were read: then this plan is no longer right.
    async fn refuse_moved_weights(&self) -> Result<(), Error> {
        let now = self.dns.forget_records();
        for shift in self.change.shifts.iter().filter(|shift| shift.domain.rule.is_none()) {
            let before = live_weights(&shift.domain.records);
            let live = live_weights(&now.address_records(&shift.domain.name).await?);
            if before != live {
                return Err(Error::WeightsMoved(format!(
                    "Weights of {} were changed by somebody else meanwhile ({} before, {} now). Nothing was changed; \
                     please try again.",
                    shift.domain.name,
                    in_words(&before),
                    in_words(&live)
                )));
            }
        }
        Ok(())
    }

    /// Changes one version. The error says which.
    async fn make(&self, index: usize, step: &Step) -> Result<(), String> {
        self.note(index, Progress::Started);
        let made = async {
            if let Some(update) = &step.update {
                let tick = || self.action.progress();
                match update.run(&self.context.session, Direction::Forward, tick).await? {
                    Outcome::Updated => return Ok(()),
                    Outcome::NothingToDo => {}
                    Outcome::NoStack => self.require_records(step).await?,
                }
            }
            // The template has the weight already, or no stack can be updated: the record itself is changed.
            let comment = format!("Change weight of {}", step.identifier);
            self.dns.upsert(&step.records, &comment).await?;
            let comment = format!("Delete {} because it has no stack and no traffic", step.identifier);
            self.dns.delete(&step.obsolete, &comment).await
        };
        made.await
            .map_err(|error: Error| format!("{}: {}", step.identifier, error.into_failure().message))?;
        self.note(index, Progress::Done);
        Ok(())
    }

    /// A stack that is deleted takes its records along: none is to come back, leading nowhere.
    async fn require_records(&self, step: &Step) -> Result<(), Error> {
        let now = self.dns.forget_records();
        for record in &step.records {
            let live = now.address_records(record.set.name()).await?;
            if !live.iter().any(|live| same_record(live, record)) {
                return Err(Error::Fatal("the stack is gone, and so is its record".to_owned()));
            }
        }
        Ok(())
    }

    /// Takes back what was changed, and returns the error that says so. What somebody else has changed since is theirs.
    async fn take_back(&self, mut problems: Vec<String>) -> Error {
        let made: Vec<&Step> = {
            let progress = self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let is_made = |step: &Step, progress: Progress| match progress {
                Progress::Done => true,
                // A stack puts itself back.
                Progress::Started => step.update.is_none(),
                Progress::NotStarted => false,
            };
            let steps = self.change.steps.iter().zip(progress.iter());
            steps
                .filter(|(step, progress)| is_made(step, **progress))
                .map(|(step, _)| step)
                .collect()
        };
        let in_force = join_all(made.iter().map(|step| self.is_in_force(step))).await;
        let mine: Vec<&Step> = made
            .into_iter()
            .zip(in_force)
            .filter_map(|(step, in_force)| in_force.then_some(step))
            .collect();
        let updates = mine.iter().filter_map(|step| Some((step, step.update.as_ref()?)));
        let results = join_all(updates.map(|(step, update)| async move {
            let tick = || self.action.progress();
            let back = update.run(&self.context.session, Direction::Back, tick).await;
            back.map_err(|error| {
                format!(
                    "{} could not be taken back: {}",
                    step.identifier,
                    error.into_failure().message
                )
            })
        }))
        .await;
        problems.extend(results.into_iter().filter_map(Result::err));

        let mut restored = true;
        for shift in self.change.shifts.iter().filter(|shift| shift.domain.rule.is_none()) {
            if let Err(error) = self.restore(shift, &mine).await {
                restored = false;
                problems.push(error.into_failure().message);
            }
        }
        let state = if restored {
            "All weights are as they were before.".to_owned()
        } else {
            "Use `senza traffic` to see the weights that are in force.".to_owned()
        };
        Error::Fatal(format!("Traffic was not changed: {}. {state}", problems.join("; ")))
    }

    /// Whether the records of a step still have the weights that it gave them, as far as anybody knows.
    async fn is_in_force(&self, step: &Step) -> bool {
        let now = self.dns.forget_records();
        for record in &step.records {
            let Ok(live) = now.address_records(record.set.name()).await else {
                continue;
            };
            let has_weight = |live: &Record| same_record(live, record) && live.set.weight() == record.set.weight();
            if !live.iter().any(has_weight) {
                return false;
            }
        }
        true
    }

    /// Gives the records of `mine` under a name what they had before the change; an error when the name's weights then are
    /// others than before.
    async fn restore(&self, shift: &Shift, mine: &[&Step]) -> Result<(), Error> {
        let before = live_weights(&shift.domain.records);
        let name = &shift.domain.name;
        let is_as_before = |live: &[Record]| {
            let live = live_weights(live);
            before.iter().all(|weight| live.contains(weight))
        };
        if is_as_before(&self.dns.forget_records().address_records(name).await?) {
            return Ok(());
        }
        let is_mine = |record: &&Record| {
            let identifier = record.weight().map(|(identifier, _)| identifier);
            mine.iter().any(|step| Some(step.identifier.as_str()) == identifier)
        };
        let records: Vec<Record> = shift.domain.records.iter().filter(is_mine).cloned().collect();
        self.dns
            .upsert(&records, "Restore weights after a failed change")
            .await?;
        let live = self.dns.forget_records().address_records(name).await?;
        if is_as_before(&live) {
            return Ok(());
        }
        Err(Error::Fatal(format!(
            "weights of {name} are not what they were before, somebody else may have changed them ({})",
            in_words(&live_weights(&live))
        )))
    }

    /// Reads the records back and corrects those that differ from the plan.
    async fn verify(&self) -> Result<String, Error> {
        let mut corrected: IndexSet<String> = IndexSet::new();
        for shift in self.change.shifts.iter().filter(|shift| shift.domain.rule.is_none()) {
            let mut live = self.dns.forget_records().address_records(&shift.domain.name).await?;
            let mut wanted = self.wanted_records(shift, &live);
            let mut wrong = differing(&wanted, &live);
            if !wrong.is_empty() {
                // All of them at once: whoever else corrects at this moment, the weights are one plan's or the other's.
                self.dns.upsert(&wanted, "Correct weights after a change").await?;
                corrected.extend(wrong);
                live = self.dns.forget_records().address_records(&shift.domain.name).await?;
                wanted = self.wanted_records(shift, &live);
                wrong = differing(&wanted, &live);
            }
            let missing = shift.plan.changes.iter().find(|(identifier, change)| {
                change.new > 0
                    && !wanted
                        .iter()
                        .any(|record| record.set.set_identifier() == Some(identifier.as_str()))
            });
            if !wrong.is_empty() || missing.is_some() {
                return Err(Error::Fatal(format!(
                    "Weights of {} are not what they were set to, somebody else may be changing them: {}",
                    shift.domain.name,
                    in_words(&live_weights(&live))
                )));
            }
        }
        Ok(if corrected.is_empty() {
            "OK".to_owned()
        } else {
            let names: Vec<&str> = corrected.iter().map(String::as_str).collect();
            format!("OK (corrected in Route 53: {})", names.join(", "))
        })
    }

    /// The records that a name should have: those it has now or had before, with the plan's weights.
    fn wanted_records(&self, shift: &Shift, live: &[Record]) -> Vec<Record> {
        let gone = shift
            .domain
            .records
            .iter()
            .filter(|before| !live.iter().any(|record| same_record(record, before)))
            .filter(|before| !self.change.steps.iter().any(|step| step.obsolete.contains(before)));
        live.iter()
            .chain(gone)
            .filter_map(|record| {
                let (identifier, _) = record.weight()?;
                let change = shift.plan.changes.get(identifier)?;
                Some(record.with_weight(change.new))
            })
            .collect()
    }
}

/// Whether both are the record of one version and type, whatever they say.
fn same_record(one: &Record, other: &Record) -> bool {
    one.set.set_identifier() == other.set.set_identifier() && one.set.r#type() == other.set.r#type()
}

/// The identifiers of `wanted` records that are not there, or not with this weight.
fn differing(wanted: &[Record], live: &[Record]) -> Vec<String> {
    let live = live_weights(live);
    live_weights(wanted)
        .into_iter()
        .filter(|weight| !live.contains(weight))
        .map(|(identifier, _, _)| identifier)
        .collect()
}

fn in_words(weights: &[(String, String, i64)]) -> String {
    let words: Vec<String> = weights
        .iter()
        .map(|(identifier, _, weight)| format!("{identifier} {:?}%", percent(*weight)))
        .collect();
    if words.is_empty() {
        "no records".to_owned()
    } else {
        words.join(", ")
    }
}

#[cfg(test)]
mod tests;
