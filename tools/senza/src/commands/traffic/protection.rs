//! Versions that can't be deleted while they have traffic: CloudFormation's termination protection comes and goes with it.
//!
//! A protection that a person switched on is theirs and stays. So that the two can be told apart, each change remembers which
//! protections came with traffic ([`super::memory`]).

use std::collections::BTreeSet;

use super::current::Current;
use super::domain::Shift;
use super::memory::Memory;
use super::version::Version;
use crate::Error;
use crate::commands::delete::has_traffic;
use crate::context::Context;
use crate::deployed;
use crate::route53::Dns;

/// The option of every command that moves traffic.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct ProtectionArguments {
    /// Protect versions against termination for as long as they have traffic
    #[arg(long)]
    pub(crate) protect_traffic: bool,
}

/// What a change does to the protection of the versions.
#[derive(Debug, Default)]
pub(super) struct Protection {
    /// versions that get it
    on: Vec<Version>,
    /// versions that lose it
    off: Vec<Version>,
    /// versions that lose their traffic and keep a protection that did not come with it
    kept: Vec<String>,
    /// those whose protection comes with traffic; nothing when the change leaves all protection as it is
    pub(super) remembered: Option<BTreeSet<String>>,
}

impl Protection {
    /// What `shifts` do.
    pub(super) async fn plan(context: &Context, current: &Current, shifts: &[Shift]) -> Result<Self, Error> {
        let memories = current.memories(context, false).await?;
        let ours = newest(memories.into_iter().map(|(_, memory)| memory));
        let mut planned = Self::default();
        let mut remembered = BTreeSet::new();
        for version in &current.versions {
            let identifier = &version.identifier;
            let is_protected = version.stack.enable_termination_protection() == Some(true);
            let is_ours = ours.contains(identifier);
            let had_traffic = current
                .domains
                .iter()
                .any(|domain| domain.live().contains_key(identifier));
            match (has_traffic_after(current, shifts, identifier), is_protected) {
                (true, false) if can_be_protected(version) => {
                    planned.on.push(version.clone());
                    remembered.insert(identifier.clone());
                }
                (true, true) if is_ours => {
                    remembered.insert(identifier.clone());
                }
                (false, true) if is_ours => planned.off.push(version.clone()),
                (false, true) if had_traffic => planned.kept.push(identifier.clone()),
                _ => {}
            }
        }
        planned.remembered = Some(remembered);
        Ok(planned)
    }

    /// Protects who is about to get traffic. When one can't be, none is, and nothing else is to be changed.
    pub(super) async fn switch_on(&self, context: &Context) -> Result<(), Error> {
        for (index, version) in self.on.iter().enumerate() {
            let action = context
                .terminal
                .action(&format!("Protecting {} against termination..", version.identifier));
            if let Err(error) = action.during(switch(context, version, true)).await {
                undo(context, self.on.iter().take(index)).await;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes the protection off again from those who did not get their traffic.
    pub(super) async fn take_back(&self, context: &Context) {
        undo(context, self.on.iter()).await;
    }

    /// Takes the protection off those who have no traffic any more. The change of traffic is made: what goes wrong here is only told.
    pub(super) async fn switch_off(&self, context: &Context) {
        for version in &self.off {
            let unprotected = async {
                // It may have traffic of names that this change was not about.
                if has_traffic(context, &Dns::new(&context.session), &version.stack).await? {
                    return Ok(false);
                }
                switch(context, version, false).await?;
                Ok::<_, Error>(true)
            };
            match unprotected.await {
                Ok(true) => context.terminal.info(&format!(
                    "{} has no traffic any more and is not protected against termination any more.",
                    version.identifier
                )),
                Ok(false) => {}
                Err(error) => still_protected(context, version, error),
            }
        }
        for identifier in &self.kept {
            context.terminal.info(&format!(
                "{identifier} has no traffic any more; it stays protected against termination, for that did not come with the traffic."
            ));
        }
    }
}

/// The versions whose protection came with traffic, by what the latest change that had to do with protection remembers.
fn newest(memories: impl Iterator<Item = Memory>) -> BTreeSet<String> {
    let told = memories.filter_map(|memory| Some((memory.changed, memory.protected?)));
    let latest = told.max_by_key(|(changed, _)| *changed);
    latest.map(|(_, protected)| protected).unwrap_or_default()
}

/// Whether a version has traffic of any name when the shifts are made; names without one stay as they are.
fn has_traffic_after(current: &Current, shifts: &[Shift], identifier: &str) -> bool {
    current.domains.iter().any(
        |domain| match shifts.iter().find(|shift| shift.domain.name == domain.name) {
            Some(shift) => shift.plan.changes.get(identifier).is_some_and(|change| change.new > 0),
            None => domain.live().contains_key(identifier),
        },
    )
}

/// CloudFormation protects no stack that it is deleting already.
fn can_be_protected(version: &Version) -> bool {
    deployed::status(&version.stack) != "DELETE_IN_PROGRESS"
}

async fn switch(context: &Context, version: &Version, on: bool) -> Result<(), Error> {
    let request = context.session.cloudformation().update_termination_protection();
    request
        .stack_name(version.stack.stack_id().unwrap_or(&version.identifier))
        .enable_termination_protection(on)
        .send()
        .await?;
    Ok(())
}

async fn undo(context: &Context, versions: impl Iterator<Item = &Version>) {
    for version in versions {
        if let Err(error) = switch(context, version, false).await {
            still_protected(context, version, error);
        }
    }
}

fn still_protected(context: &Context, version: &Version, error: Error) {
    context.terminal.warning(&format!(
        "{} is still protected against termination: {}",
        version.identifier,
        error.into_failure().message
    ));
}
