//! Replacing the instances of an Elastigroup: Spot does it, this says when and waits.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use stups_terminal::until_interrupted;

use super::{Options, Outcome};
use crate::Error;
use crate::context::Context;
use crate::ec2::instances_with;
use crate::scaling_groups::StackGroup;
use crate::spotinst::{Roll, Spotinst, StatefulInstance};

const STATEFUL_PAUSE: Duration = Duration::from_secs(10);
const ROLL_PAUSE: Duration = Duration::from_secs(2);
/// Percent of a stateless group that is replaced at a time.
const BATCH: u64 = 20;
/// How long Spot waits for a new instance to become healthy.
const GRACE: Duration = Duration::from_mins(10);

/// Replaces the group's instances. Interrupted, what Spot has begun goes on.
pub(super) async fn respawn(context: &Context, group: &StackGroup, options: &Options) -> Result<Outcome, Error> {
    let work = async {
        let spotinst = Spotinst::of_stack(&context.session, &group.stack.stack_id).await?;
        let elastigroup = Elastigroup {
            context,
            spotinst: &spotinst,
            id: &group.id,
            stack: &group.stack.stack_name,
            options,
        };
        elastigroup.respawn().await
    };
    until_interrupted(Box::pin(work)).await
}

struct Elastigroup<'a> {
    context: &'a Context,
    spotinst: &'a Spotinst,
    id: &'a str,
    stack: &'a str,
    options: &'a Options,
}

impl Elastigroup<'_> {
    async fn respawn(&self) -> Result<Outcome, Error> {
        let stateful = self.spotinst.stateful_instances(self.id).await?;
        if stateful.is_empty() {
            if self.options.batch_per_subnet {
                return Err(Error::Fatal(
                    "Batch per subnet is not supported when respawning stateless ElastiGroups".to_owned(),
                ));
            }
            return self.roll().await;
        }
        if self.options.batch_size.is_some() {
            return Err(Error::Fatal(
                "Batch size is not supported when respawning stateful ElastiGroups".to_owned(),
            ));
        }
        if !stateful.iter().all(StatefulInstance::is_active) {
            return Err(Error::Fatal(format!(
                "Stateful ElastiGroup {} is not ready: some instances are not in the ACTIVE state",
                self.id
            )));
        }
        self.recycle(stateful).await
    }

    async fn recycle(&self, mut stateful: Vec<StatefulInstance>) -> Result<Outcome, Error> {
        let instances = stateful.len();
        self.context.terminal.info(&format!(
            "Recycling {instances} stateful instances for ElastiGroup {} (ID {})",
            self.stack, self.id
        ));
        stateful.sort_by(|one, other| one.private_ip.cmp(&other.private_ip));
        if self.options.batch_per_subnet {
            for (subnet, batch) in self.by_subnet(stateful).await? {
                let line = format!("Recycling ALL stateful instances in subnet: {subnet}");
                self.context.terminal.info(&line);
                for instance in batch {
                    tokio::time::sleep(self.options.pause(STATEFUL_PAUSE)).await;
                    self.recycle_one(&instance).await?;
                }
                self.wait_until_active().await?;
            }
        } else {
            for instance in stateful {
                self.recycle_one(&instance).await?;
                self.wait_until_active().await?;
            }
        }
        Ok(Outcome {
            instances,
            replaced: instances,
        })
    }

    async fn recycle_one(&self, instance: &StatefulInstance) -> Result<(), Error> {
        self.context.terminal.info(&format!(
            "Recycling stateful instance {} ({} | {})",
            instance.id, instance.instance_id, instance.private_ip
        ));
        self.spotinst.recycle(self.id, &instance.id).await
    }

    /// By `<zone> | <subnet>`, in that order.
    async fn by_subnet(
        &self,
        stateful: Vec<StatefulInstance>,
    ) -> Result<BTreeMap<String, Vec<StatefulInstance>>, Error> {
        let ids: Vec<String> = stateful.iter().map(|instance| instance.instance_id.clone()).collect();
        let found = instances_with(&self.context.session, "instance-id", &ids).await?;
        let mut by_subnet: BTreeMap<String, Vec<StatefulInstance>> = BTreeMap::new();
        for instance in stateful {
            let machine = found.iter().find(|it| it.instance_id() == Some(&instance.instance_id));
            let Some(machine) = machine else {
                return Err(Error::Fatal(format!(
                    "EC2 does not know instance {}",
                    instance.instance_id
                )));
            };
            let zone = machine.placement().and_then(|placement| placement.availability_zone());
            let subnet = format!(
                "{} | {}",
                zone.unwrap_or_default(),
                machine.subnet_id().unwrap_or_default()
            );
            by_subnet.entry(subnet).or_default().push(instance);
        }
        Ok(by_subnet)
    }

    /// The first look comes after a pause: right after the call an instance still is what it was.
    async fn wait_until_active(&self) -> Result<(), Error> {
        let line = "Waiting for all stateful instances to be in the ACTIVE state";
        let action = self.context.terminal.action(line);
        let wait = async {
            let start = Instant::now();
            loop {
                tokio::time::sleep(self.options.pause(STATEFUL_PAUSE)).await;
                action.progress();
                let stateful = self.spotinst.stateful_instances(self.id).await?;
                let waiting: Vec<String> = stateful
                    .iter()
                    .filter(|instance| !instance.is_active())
                    .map(|instance| format!("{} ({})", instance.id, instance.state))
                    .collect();
                if waiting.is_empty() {
                    return Ok(());
                }
                if start.elapsed() > self.options.timeout {
                    return Err(Error::Fatal(format!(
                        "After {} seconds instances of ElastiGroup {} are not ACTIVE: {}",
                        self.options.timeout.as_secs(),
                        self.id,
                        waiting.join(", ")
                    )));
                }
            }
        };
        let result = wait.await;
        match &result {
            Ok(()) => action.ok(),
            Err(error) => action.exception(&error.to_string()),
        }
        result
    }

    async fn roll(&self) -> Result<Outcome, Error> {
        let batch = self.options.batch_size.filter(|size| *size > 0).unwrap_or(BATCH);
        self.context.terminal.info(&format!(
            "Redeploying instances for ElastiGroup {} (ID {})",
            self.stack, self.id
        ));
        let rolls = self.spotinst.roll(self.id, batch, GRACE).await?;
        let count = rolls.len();
        let action = self
            .context
            .terminal
            .action(&format!("Waiting for deploy to complete. Total of {count} deploys"));
        let result = self.wait_for(rolls, || action.progress()).await;
        match &result {
            Ok(()) => action.ok(),
            Err(error) => action.exception(&error.to_string()),
        }
        result.map(|()| Outcome {
            instances: count,
            replaced: count,
        })
    }

    /// Waits until each is over; one that was stopped or failed is an error. The time of a step begins anew with each progress.
    async fn wait_for(&self, mut rolls: Vec<Roll>, tick: impl Fn()) -> Result<(), Error> {
        let mut failed = Vec::new();
        let mut last_change = Instant::now();
        loop {
            let mut under_way = Vec::new();
            for before in rolls {
                let now = self.spotinst.roll_status(self.id, &before.id).await?;
                let now = now.unwrap_or_else(|| before.clone());
                if now != before {
                    last_change = Instant::now();
                }
                if !now.is_over() {
                    under_way.push(now);
                    continue;
                }
                let line = format!("Deploy {} finished with status {}", now.id, now.status);
                self.context.terminal.info(&line);
                if now.has_failed() {
                    failed.push(format!("{} ({})", now.id, now.status));
                }
            }
            if under_way.is_empty() {
                break;
            }
            if last_change.elapsed() > self.options.timeout {
                return Err(Error::Fatal(format!(
                    "Nothing has changed for {} seconds: deploy {} is {}. It goes on at Spot.",
                    self.options.timeout.as_secs(),
                    under_way.first().map_or("", |roll| roll.id.as_str()),
                    under_way.first().map_or("", |roll| roll.status.as_str())
                )));
            }
            rolls = under_way;
            tokio::time::sleep(self.options.pause(ROLL_PAUSE)).await;
            tick();
        }
        if failed.is_empty() {
            return Ok(());
        }
        Err(Error::Fatal(format!(
            "Not all instances of ElastiGroup {} were replaced: {}",
            self.id,
            failed.join(", ")
        )))
    }
}

#[cfg(test)]
mod tests;
