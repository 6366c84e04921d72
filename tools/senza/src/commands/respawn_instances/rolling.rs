//! Replacing the instances of an Auto Scaling group one by one.
//!
//! A spare instance comes first, and an old one goes only when all others serve, so that there are never fewer instances in
//! service than there were. However a run ends, the group gets its sizes and its scaling processes back; a run that was
//! killed has left a [`Record`], and the next one puts back what that says.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use stups_aws::ErrorKind;
use stups_aws::autoscaling::types::{AutoScalingGroup, Instance};
use stups_terminal::{Action, Failure, until_interrupted};

use super::in_service::{self, InService};
use super::record::{Record, is_owned_by};
use super::{Options, Outcome};
use crate::Error;
use crate::context::Context;
use crate::launch::Launch;
use crate::scaling_groups::{Sizes, describe_group, is_running, resize};

/// What would add or remove instances in between.
const SUSPENDED: [&str; 3] = ["AZRebalance", "AlarmNotification", "ScheduledActions"];
/// What has to work for an instance to be replaced.
const NEEDED: [&str; 3] = ["Launch", "Terminate", "AddToLoadBalancer"];
const SCALING_PAUSE: Duration = Duration::from_secs(5);
const TERMINATION_PAUSE: Duration = Duration::from_secs(2);

/// Replaces the instances of the group that are not what it would launch now.
pub(super) async fn respawn(context: &Context, name: &str, options: &Options) -> Result<Outcome, Error> {
    let terminal = &context.terminal;
    let (group, up_to_date) = until_interrupted(Box::pin(async {
        let group = describe_group(&context.session, name).await?;
        let up_to_date = Launch::of(&group)?.resolve(&context.session).await?;
        Ok::<_, Error>((group, up_to_date))
    }))
    .await?;
    let left_behind = Record::of(&group)?;
    let running = || group.instances().iter().filter(|it| is_running(it.lifecycle_state()));
    let outdated: BTreeSet<String> = running()
        .filter(|instance| options.force || !up_to_date.is_of(instance))
        .filter_map(|instance| instance.instance_id.clone())
        .collect();
    let (instances, old) = (running().count(), outdated.len());
    terminal.info(&format!("{old}/{instances} instances need to be updated in {name}"));
    if outdated.is_empty() && left_behind.is_none() {
        terminal.info("Nothing to do");
        return Ok(Outcome { instances, replaced: 0 });
    }
    refuse_stopped_processes(&group)?;
    if left_behind.is_some() {
        terminal.warning(&format!(
            "An earlier run on {name} was cut off: what it changed is put back in the end"
        ));
    }

    let record = record_for(context, &group, left_behind.as_ref(), options);
    until_interrupted(Box::pin(record.write(&context.session, name))).await?;
    let rolling = Rolling {
        context,
        name,
        options,
        record,
        replaced: AtomicUsize::new(0),
        taken_over: AtomicBool::new(false),
    };
    let result = until_interrupted(Box::pin(rolling.replace(outdated))).await;
    let put_back = if rolling.is_taken_over() {
        Ok(())
    } else {
        until_interrupted(Box::pin(rolling.put_back())).await
    };
    let replaced = rolling.replaced.load(Ordering::Relaxed);
    rolling.conclude(result, put_back, old)?;
    Ok(Outcome { instances, replaced })
}

/// Without them nothing would ever come into service.
fn refuse_stopped_processes(group: &AutoScalingGroup) -> Result<(), Error> {
    let suspended = suspended_processes(group);
    match NEEDED.iter().find(|process| suspended.contains(*process)) {
        Some(process) => Err(Error::Fatal(format!(
            "The process {process} of Auto Scaling Group {} is suspended: no instance can be replaced. Resume it first.",
            group.auto_scaling_group_name().unwrap_or_default()
        ))),
        None => Ok(()),
    }
}

fn suspended_processes(group: &AutoScalingGroup) -> BTreeSet<&str> {
    let processes = group.suspended_processes().iter();
    processes.filter_map(|process| process.process_name()).collect()
}

/// What has to be put back in the end: what an earlier run was to put back, if one was cut off, else what is there now.
fn record_for(context: &Context, group: &AutoScalingGroup, left_behind: Option<&Record>, options: &Options) -> Record {
    let now = Sizes::of(group);
    let suspended = suspended_processes(group);
    let mut to_suspend: BTreeSet<&str> = SUSPENDED.into_iter().filter(|it| !suspended.contains(it)).collect();
    let mut sizes = now;
    if let Some(earlier) = left_behind {
        to_suspend.extend(earlier.suspended.iter().map(String::as_str));
        if earlier.explains(now) {
            sizes = earlier.sizes;
        } else {
            context.terminal.warning(&format!(
                "The sizes of {} were changed since: they stay {}-{}-{}",
                group.auto_scaling_group_name().unwrap_or_default(),
                now.min,
                now.desired,
                now.max
            ));
        }
    }
    // A spare that is as large as the largest instance that it stands in for.
    let largest = group.instances().iter().map(weight).max().unwrap_or(1);
    Record {
        run: Record::new_run(),
        sizes,
        extra: if options.inplace { 0 } else { largest.max(1) },
        suspended: to_suspend.into_iter().map(str::to_owned).collect(),
    }
}

/// How much of the group's capacity an instance is: 1, except in groups with weights.
fn weight(instance: &Instance) -> i32 {
    instance
        .weighted_capacity()
        .and_then(|weight| weight.parse().ok())
        .unwrap_or(1)
}

/// The group at one moment.
struct View {
    group: AutoScalingGroup,
    service: InService,
}

impl View {
    fn running(&self) -> impl Iterator<Item = &Instance> {
        self.group
            .instances()
            .iter()
            .filter(|it| is_running(it.lifecycle_state()))
    }

    fn serves(&self, instance: &Instance) -> bool {
        instance
            .instance_id()
            .is_some_and(|id| self.service.serving.contains(id))
    }

    /// Whether the group has the instance in any state.
    fn lists(&self, id: &str) -> bool {
        let mut instances = self.group.instances().iter();
        instances.any(|instance| instance.instance_id() == Some(id))
    }

    fn has(&self, id: &str) -> bool {
        self.running().any(|instance| instance.instance_id() == Some(id))
    }

    /// The capacity of the instances that serve.
    fn serving(&self) -> i32 {
        self.running()
            .filter(|instance| self.serves(instance))
            .map(weight)
            .sum()
    }

    /// The capacity of the instances that serve, or are old and will go next because they don't.
    fn serving_or_old(&self, old: &BTreeSet<String>) -> i32 {
        let counts = |it: &&Instance| self.serves(it) || it.instance_id().is_some_and(|id| old.contains(id));
        self.running().filter(counts).map(weight).sum()
    }

    /// The old instance to go next: one that does not serve, else the first.
    fn next_to_go(&self, old: &BTreeSet<String>) -> Option<String> {
        let is_idle = |id: &&String| !self.service.serving.contains(*id);
        old.iter().find(is_idle).or(old.first()).cloned()
    }
}

/// A run on one group.
struct Rolling<'a> {
    context: &'a Context,
    name: &'a str,
    options: &'a Options,
    record: Record,
    replaced: AtomicUsize,
    taken_over: AtomicBool,
}

impl Rolling<'_> {
    /// Whether another run has begun, which puts back what this one has changed.
    fn is_taken_over(&self) -> bool {
        self.taken_over.load(Ordering::Relaxed)
    }

    /// The group now. An error when another run has taken it over.
    async fn view(&self) -> Result<View, Error> {
        let group = describe_group(&self.context.session, self.name).await?;
        if !is_owned_by(group.tags(), &self.record.run) {
            self.taken_over.store(true, Ordering::Relaxed);
            return Err(Error::Fatal(format!(
                "Another run of respawn-instances has taken over {}; this one has stopped",
                self.name
            )));
        }
        let service = in_service::read(&self.context.session, &group).await?;
        Ok(View { group, service })
    }

    /// Looks until `is_reached`, or for too long. A passing trouble is no reason to give up.
    async fn until(&self, action: &Action, pause: Duration, is_reached: impl Fn(&View) -> bool) -> Result<View, Error> {
        let start = Instant::now();
        let pause = self.options.pause(pause);
        loop {
            let seen = match self.view().await {
                Ok(view) if is_reached(&view) => return Ok(view),
                Ok(view) => Ok(view),
                Err(Error::Aws(error)) if matches!(error.kind, ErrorKind::Throttled | ErrorKind::Unreachable) => {
                    Err(error)
                }
                Err(error) => return Err(error),
            };
            let left = self.options.timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(match seen {
                    Ok(view) => self.too_late(&view),
                    Err(error) => error.into(),
                });
            }
            if let Err(error) = seen {
                self.context.terminal.warning(&error.to_string());
            }
            tokio::time::sleep(pause.min(left)).await;
            action.progress();
        }
    }

    fn too_late(&self, view: &View) -> Error {
        let others: Vec<String> = view
            .running()
            .filter_map(Instance::instance_id)
            .filter_map(|id| Some(format!("{id} ({})", view.service.others.get(id)?)))
            .collect();
        let others = if others.is_empty() {
            "none".to_owned()
        } else {
            others.join(", ")
        };
        Error::Fatal(format!(
            "After {} seconds {} of {} instances of {} are in service; not yet: {others}",
            self.options.timeout.as_secs(),
            view.serving(),
            Sizes::of(&view.group).desired,
            self.name
        ))
    }

    async fn replace(&self, mut old: BTreeSet<String>) -> Result<(), Error> {
        if !old.is_empty() && !self.record.suspended.is_empty() {
            let line = format!("Suspending scaling processes for {}..", self.name);
            self.context.terminal.action(&line).during(self.suspend()).await?;
        }
        while !old.is_empty() {
            let view = self.scale_out(&old).await?;
            old.retain(|id| view.has(id));
            let Some(next) = view.next_to_go(&old) else {
                break;
            };
            self.terminate(&next).await?;
            old.remove(&next);
            self.replaced.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn suspend(&self) -> Result<(), Error> {
        self.context
            .session
            .autoscaling()
            .suspend_processes()
            .auto_scaling_group_name(self.name)
            .set_scaling_processes(Some(self.record.suspended.clone()))
            .send()
            .await?;
        Ok(())
    }

    /// Makes the group larger and waits until all of it serves, but for old instances that don't anyway.
    async fn scale_out(&self, old: &BTreeSet<String>) -> Result<View, Error> {
        let sizes = self.record.sizes.enlarged(self.record.extra);
        let action = self
            .context
            .terminal
            .action(&format!("Scaling to {} instances..", sizes.desired));
        let scaling = async {
            if Sizes::of(&self.view().await?.group) != sizes {
                resize(&self.context.session, self.name, sizes).await?;
            }
            let all_serve = |view: &View| view.serving_or_old(old) >= sizes.desired;
            self.until(&action, SCALING_PAUSE, all_serve).await
        };
        let result = scaling.await;
        ended(action, result)
    }

    /// Terminates an instance and waits until it gets no more requests.
    async fn terminate(&self, id: &str) -> Result<(), Error> {
        let action = self
            .context
            .terminal
            .action(&format!("Terminating old instance {id}.."));
        let termination = async {
            self.terminate_instance(id, false).await?;
            // One that is no longer in the group is terminated, whatever a load balancer still says.
            let is_out = |view: &View| !view.service.in_traffic.contains(id) || !view.lists(id);
            self.until(&action, TERMINATION_PAUSE, is_out).await
        };
        let result = termination.await;
        ended(action, result).map(drop)
    }

    /// With `shrink` nothing comes in its place. An instance that is gone already is as good.
    async fn terminate_instance(&self, id: &str, shrink: bool) -> Result<(), Error> {
        let request = self
            .context
            .session
            .autoscaling()
            .terminate_instance_in_auto_scaling_group();
        let answer = request
            .instance_id(id)
            .should_decrement_desired_capacity(shrink)
            .send()
            .await;
        match answer.map_err(stups_aws::Error::from) {
            Ok(_) => Ok(()),
            Err(error) if error.kind == ErrorKind::Validation && error.message.contains("not found") => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the group back its sizes and its processes. Safe to repeat.
    async fn put_back(&self) -> Result<(), Error> {
        let original = self.record.sizes;
        let line = format!(
            "Resetting Auto Scaling Group to original capacity ({}-{}-{})..",
            original.min, original.desired, original.max
        );
        self.context.terminal.action(&line).during(self.shrink()).await?;
        let line = format!("Resuming scaling processes for {}..", self.name);
        self.context.terminal.action(&line).during(self.resume()).await
    }

    /// Auto Scaling chooses for itself which instance goes, also one that serves while another does not. Those that don't go
    /// first, by name.
    async fn shrink(&self) -> Result<(), Error> {
        let view = self.view().await?;
        let original = self.record.sizes;
        let now = Sizes::of(&view.group);
        if now == original {
            return Ok(());
        }
        let mut excess = now.desired - original.desired;
        let idle = view.running().filter(|instance| !view.serves(instance));
        let idle: Vec<&Instance> = idle.collect();
        if excess > 0 && !idle.is_empty() {
            // Below the minimum no instance can be taken out.
            let with_room = Sizes {
                min: original.min,
                ..now
            };
            resize(&self.context.session, self.name, with_room).await?;
            for instance in idle {
                if weight(instance) <= excess
                    && let Some(id) = instance.instance_id()
                {
                    self.terminate_instance(id, true).await?;
                    excess -= weight(instance);
                }
            }
        }
        resize(&self.context.session, self.name, original).await
    }

    /// Only what this run, or the one before it that was cut off, has suspended.
    async fn resume(&self) -> Result<(), Error> {
        if !self.record.suspended.is_empty() {
            self.context
                .session
                .autoscaling()
                .resume_processes()
                .auto_scaling_group_name(self.name)
                .set_scaling_processes(Some(self.record.suspended.clone()))
                .send()
                .await?;
        }
        Record::remove(&self.context.session, self.name).await
    }

    /// How the command ends.
    fn conclude(&self, result: Result<(), Error>, put_back: Result<(), Error>, old: usize) -> Result<(), Error> {
        let replaced = self.replaced.load(Ordering::Relaxed);
        let is_aborted = |error: &Error| matches!(error, Error::Terminal(failure) if failure.is_aborted());
        match (result, put_back) {
            (_, Err(error)) if self.is_taken_over() => Err(error),
            (result, Err(error)) => {
                let reason = match result {
                    Err(first) if !is_aborted(&first) => format!("{first}; then: {error}"),
                    _ if is_aborted(&error) => "interrupted".to_owned(),
                    _ => error.to_string(),
                };
                Err(Error::Fatal(format!(
                    "Auto Scaling Group {} could not be put back ({reason}). Run respawn-instances again: it puts back sizes \
                     {}-{}-{} and resumes {}.",
                    self.name,
                    self.record.sizes.min,
                    self.record.sizes.desired,
                    self.record.sizes.max,
                    self.record.suspended.join(", ")
                )))
            }
            (Ok(()), Ok(())) => Ok(()),
            (Err(error), Ok(())) if is_aborted(&error) => {
                self.context.terminal.warning(&format!(
                    "Interrupted: {replaced} of {old} old instances of {} were replaced",
                    self.name
                ));
                Err(Failure::aborted().into())
            }
            (Err(error), Ok(())) => Err(error),
        }
    }
}

/// Ends the line as the work under it ended.
fn ended<T>(action: Action, result: Result<T, Error>) -> Result<T, Error> {
    match &result {
        Ok(_) => action.ok(),
        Err(error) => action.exception(&error.to_string()),
    }
    result
}

#[cfg(test)]
mod tests {
    use stups_aws::autoscaling::types::LifecycleState;

    use super::*;

    /// Instances with id, weight and whether they serve.
    fn view(instances: &[(&str, &str, bool)]) -> View {
        let members = instances.iter().map(|(id, weight, _)| {
            Instance::builder()
                .instance_id(*id)
                .weighted_capacity(*weight)
                .lifecycle_state(LifecycleState::InService)
                .build()
        });
        let serving = instances.iter().filter(|(_, _, serves)| *serves);
        View {
            group: AutoScalingGroup::builder()
                .set_instances(Some(members.collect()))
                .build(),
            service: InService {
                serving: serving.map(|(id, _, _)| (*id).to_owned()).collect(),
                ..InService::default()
            },
        }
    }

    fn ids(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn old_instances_that_serve_nobody_go_first_and_need_no_spare() {
        let view = view(&[
            ("i-1", "1", true),
            ("i-2", "1", false),
            ("i-3", "1", true),
            ("i-4", "1", false),
        ]);
        let old = ids(&["i-1", "i-2"]);
        assert_eq!(view.next_to_go(&old).as_deref(), Some("i-2"));
        assert_eq!(view.next_to_go(&ids(&["i-3", "i-1"])).as_deref(), Some("i-1"));
        assert_eq!(view.next_to_go(&ids(&[])), None);
        // The new i-4 has to serve before anything goes.
        assert_eq!((view.serving(), view.serving_or_old(&old)), (2, 3));
        assert!(view.has("i-4") && !view.has("i-5"));
    }

    #[test]
    fn weights_count() {
        let view = view(&[("i-1", "4", true), ("i-2", "2", true), ("i-3", "2", false)]);
        assert_eq!(view.serving(), 6);
        assert_eq!(view.serving_or_old(&ids(&["i-3"])), 8);
    }

    #[test]
    fn a_group_that_cannot_launch_is_refused() {
        use stups_aws::autoscaling::types::SuspendedProcess;
        let group = |process: &str| {
            let process = SuspendedProcess::builder().process_name(process).build();
            AutoScalingGroup::builder().suspended_processes(process).build()
        };
        assert!(refuse_stopped_processes(&group("AZRebalance")).is_ok());
        for process in NEEDED {
            assert!(refuse_stopped_processes(&group(process)).is_err());
        }
    }
}
