//! `senza deploy`: a version is created, gets its traffic step by step, and loses it again when it does not do well.
//!
//! Nothing about a deployment is kept outside of AWS: what there was before it is remembered with each change of weights. So one that
//! was interrupted, or died, is continued by the same command.

mod creation;
mod steps;
mod watch;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use stups_terminal::{Failure, until_interrupted};

use super::cleanup;
use super::generation::{GenerationArguments, print_result};
use super::new_stack::NewStackArguments;
use super::traffic::{Current, ProtectionArguments, WeightsByName, calculate, in_words, until_settled};
use crate::Error;
use crate::cli::{CommonArguments, OutputArguments, clamped};
use crate::context::Context;
use crate::deployed;
use crate::duration::{self, duration};
use crate::stacks::{StackReference, split_stack_name};
use crate::template::StackRequest;
use creation::FailedVersion;
use steps::Steps;
use watch::Watch;

/// How long stacks that are being updated are waited for before weights are changed.
const SETTLING_LIMIT: Duration = Duration::from_mins(15);
/// How often they are looked at.
const SETTLING_INTERVAL: Duration = Duration::from_secs(2);

/// What becomes of the weights when a deployment is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Interrupted {
    /// they go back to what they were before the deployment
    Restore,
    /// they stay as they are
    Keep,
}

/// Create a new version, wait until it works, and route traffic to it step by step
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DeployArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) generation: GenerationArguments,
    /// Shares of the traffic, in percent, that the version gets one after the other
    #[arg(long, value_name = "PERCENT,...", default_value = "100", value_parser = |text: &str| text.parse::<Steps>())]
    steps: Steps,
    /// How long to wait after each step, and to look whether all is well (90s, 5m, 1h)
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pause: Duration,
    /// Create the version and leave the traffic as it is
    #[arg(long)]
    no_traffic: bool,
    /// A CloudWatch alarm; in state ALARM the traffic goes back
    #[arg(long = "alarm", value_name = "NAME")]
    alarms: Vec<String>,
    /// A URL that has to answer with success (2xx); when it fails several times in a row the traffic goes back
    #[arg(long, value_name = "URL", value_parser = stups_terminal::url)]
    health_url: Option<String>,
    /// How many failures of the health URL in a row are too many (1 to 100)
    #[arg(long, value_name = "N", default_value = "3", value_parser = clamped(1, 100))]
    health_failures: u64,
    /// How long an answer of the health URL may take
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    health_timeout: Duration,
    /// Seconds between two looks at alarms and health URL (1 to 600)
    #[arg(short, long, value_name = "SECS", default_value = "10", value_parser = clamped(1, 600))]
    interval: u64,
    /// How long the creation may take
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration)]
    timeout: Duration,
    /// What becomes of a version that cannot be created
    #[arg(long, value_enum, value_name = "WHAT", default_value = "keep")]
    on_failed_create: FailedVersion,
    /// What becomes of the weights on Ctrl-C; without it a person is asked, and a script keeps them
    #[arg(long, value_enum, value_name = "WHAT")]
    on_interrupt: Option<Interrupted>,
    /// Go on with a stack of that version whose template differs
    #[arg(long)]
    use_existing: bool,
    /// In the end delete old versions without traffic; so many of the newest stay
    #[arg(long, value_name = "N")]
    cleanup: Option<usize>,
    #[command(flatten)]
    protection: ProtectionArguments,
    #[command(flatten)]
    new_stack: NewStackArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// Runs the command. It cares for Ctrl-C itself.
pub(crate) async fn run(context: &Context, arguments: &DeployArguments) -> Result<(), Error> {
    if arguments.new_stack.protect && arguments.on_failed_create == FailedVersion::Delete {
        return Err(Error::Usage(
            "--on-failed-create delete can't delete a stack that --protect protects".to_owned(),
        ));
    }
    let watch = Watch::new(
        &context.session,
        &arguments.alarms,
        arguments.health_url.as_deref(),
        u32::try_from(arguments.health_failures).unwrap_or(u32::MAX),
        arguments.health_timeout,
        Duration::from_secs(arguments.interval),
    )?;
    let prepared = async {
        watch.check_beforehand().await?;
        let (new_stack, generation) = (&arguments.new_stack, &arguments.generation);
        let mut request = new_stack.generate(context, generation, true).await?;
        // One that is there was checked when it was made: what has changed since does not keep its traffic away.
        if deployed::describe(&context.session, &request.stack_name)
            .await?
            .is_none()
        {
            new_stack.check(context, &mut request, generation.force, false).await?;
        }
        Ok::<_, Error>(request)
    };
    let request = until_interrupted(Box::pin(prepared)).await?;
    let (application, version) = split_stack_name(&request.stack_name);
    let deployment = Deployment {
        references: vec![StackReference::new(application, None)?],
        version: version.to_owned(),
        before: Mutex::default(),
        context,
        arguments,
        watch,
        request: &request,
    };
    match until_interrupted(Box::pin(deployment.run())).await {
        Err(Error::Terminal(failure)) if failure.is_aborted() => {
            until_interrupted(Box::pin(deployment.interrupted())).await?;
            Err(failure.into())
        }
        other => other,
    }
}

/// One run of the command.
struct Deployment<'a> {
    context: &'a Context,
    arguments: &'a DeployArguments,
    watch: Watch,
    request: &'a StackRequest,
    /// all versions of the application
    references: Vec<StackReference>,
    version: String,
    /// the weights before the deployment, once traffic may be touched
    before: Mutex<Option<WeightsByName>>,
}

impl Deployment<'_> {
    async fn run(&self) -> Result<(), Error> {
        let arguments = self.arguments;
        let stack_id = creation::ready(
            self.context,
            self.request,
            arguments.use_existing,
            arguments.timeout,
            arguments.on_failed_create,
        )
        .await?;
        if !arguments.no_traffic {
            self.roll_out().await?;
        }
        if let Some(keep) = arguments.cleanup {
            cleanup::after_deployment(self.context, &self.references, keep).await?;
        }
        self.context
            .terminal
            .ok(&format!("OK: {} is deployed.", self.request.stack_name));
        print_result(self.context, self.request, Some(&stack_id), "deployed");
        Ok(())
    }

    /// Gives the version its traffic; whatever goes wrong on the way, those who had it before get it back.
    async fn roll_out(&self) -> Result<(), Error> {
        match self.give_traffic().await {
            Err(Error::Terminal(failure)) if failure.is_aborted() => Err(failure.into()),
            // Whoever it was has the wheel now.
            Err(error @ Error::WeightsMoved(_)) => Err(error),
            Err(error) if self.before().is_some() => Err(self.go_back(&error.into_failure().message).await),
            other => other,
        }
    }

    async fn give_traffic(&self) -> Result<(), Error> {
        let terminal = &self.context.terminal;
        let name = &self.request.stack_name;
        // A run that died may have left a stack in the middle of an update.
        self.settle().await?;
        let Some(mut current) = self.read().await? else {
            terminal.info(&format!(
                "{name} shares no name with other versions: there is no traffic to route."
            ));
            return Ok(());
        };
        let is_continued = self.note_weights_before(&current).await?;
        let all = self.arguments.steps.all().len();
        let left = self.arguments.steps.left(|step| current.target_has(step)).to_vec();
        if is_continued {
            terminal.info(&format!("Going on: {}", in_words(&current.weights())));
            if self.watch.has_checks() || !left.is_empty() {
                self.pause(&mut current).await?;
            }
        }
        for (index, step) in left.iter().enumerate() {
            let number = all - left.len() + index + 1;
            if current.target_has(*step) {
                terminal.info(&format!("Step {number} of {all}: {name} has {step} % already"));
                continue;
            }
            terminal.info(&format!("Step {number} of {all}: {step} % for {name}"));
            self.make_step(&current, *step).await?;
            current = self.read_again().await?;
            terminal.info(&format!("Now: {}", in_words(&current.weights())));
            let is_last = index + 1 == left.len();
            if !is_last || self.watch.has_checks() {
                self.pause(&mut current).await?;
            }
        }
        Ok(())
    }

    /// Remembers the weights before the deployment. Returns whether an earlier run of it has changed some: then they are those from
    /// before that one.
    async fn note_weights_before(&self, current: &Current) -> Result<bool, Error> {
        let mut before = current.weights();
        let identifier = &current.target.identifier;
        let mut is_continued = false;
        for (name, memory) in current.memories(self.context, true).await? {
            let Some(live) = before.get_mut(&name) else { continue };
            // With no traffic left the earlier run was taken back.
            if memory.deployment.as_ref() == Some(identifier) && live.contains_key(identifier) {
                *live = memory.before;
                is_continued = true;
            }
        }
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        Ok(is_continued)
    }

    fn before(&self) -> Option<WeightsByName> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn make_step(&self, current: &Current, step: f64) -> Result<(), Error> {
        let before = self.before().unwrap_or_default();
        let shifts = calculate(&self.context.terminal, current, step, || current.stepped(&before, step));
        current.make(self.context, shifts, self.arguments.protection).await
    }

    /// Waits, and looks whether all is well; the error says why not. `current` is what is there afterwards.
    async fn pause(&self, current: &mut Current) -> Result<(), Error> {
        let pause = self.arguments.pause;
        let words = duration::in_words(pause);
        let action = self.context.terminal.action(&if self.watch.has_checks() {
            format!("Watching {} for {words}..", self.watch.in_words())
        } else {
            format!("Pausing for {words}..")
        });
        if let Some(reason) = self.watch.during(pause, || action.progress()).await {
            action.error("NOT WELL");
            return Err(Error::Fatal(reason));
        }
        action.ok();
        let now = self.read_again().await?;
        if now.weights() != current.weights() {
            return Err(Error::WeightsMoved(format!(
                "Somebody else changed weights meanwhile ({} before, {} now). The deployment stops here and leaves them.",
                in_words(&current.weights()),
                in_words(&now.weights())
            )));
        }
        *current = now;
        Ok(())
    }

    /// Gives the traffic back to who had it before. Returns how the command ends.
    async fn go_back(&self, reason: &str) -> Error {
        let name = &self.request.stack_name;
        self.context.terminal.error(reason);
        let ending = match self.restore().await {
            Ok(true) => "traffic is shared as before".to_owned(),
            Ok(false) => "no version had traffic before, so the weights stay as they are".to_owned(),
            Err(Error::Terminal(failure)) if failure.is_aborted() => return failure.into(),
            Err(error) => format!(
                "traffic could NOT be given back: {}. Use `senza traffic` to see who has it",
                error.into_failure().message
            ),
        };
        Error::Fatal(format!("Deployment of {name} failed: {reason}; {ending}."))
    }

    /// Sets the weights from before the deployment; false when there were none.
    async fn restore(&self) -> Result<bool, Error> {
        self.settle().await?;
        let current = self.read_again().await?;
        let mut before = self.before().unwrap_or_default();
        before.retain(|_, weights| !weights.is_empty());
        if before.is_empty() {
            return Ok(false);
        }
        let missing = current.missing(&before);
        if !missing.is_empty() {
            return Err(Error::Fatal(format!(
                "{} had traffic before and is gone",
                missing.join(", ")
            )));
        }
        let shifts = current.set(&before);
        self.context
            .terminal
            .info(&format!("Going back to {}", in_words(&before)));
        current.make(self.context, shifts, self.arguments.protection).await?;
        Ok(true)
    }

    /// Says where weights stand after Ctrl-C, and restores them if that is wanted.
    async fn interrupted(&self) -> Result<(), Error> {
        let terminal = &self.context.terminal;
        let name = &self.request.stack_name;
        let Some(before) = self.before() else {
            terminal.warning(&format!(
                "Traffic was not touched. CloudFormation goes on with {name}; the same command continues from there."
            ));
            return Ok(());
        };
        let now = self.read_again().await?.weights();
        if now == before {
            terminal.warning(&format!("Traffic is shared as before: {}.", in_words(&now)));
            return Ok(());
        }
        terminal.warning(&format!(
            "Weights now: {}. Before the deployment: {}.",
            in_words(&now),
            in_words(&before)
        ));
        let restore = match self.arguments.on_interrupt {
            Some(wanted) => wanted == Interrupted::Restore,
            None if terminal.is_interactive() => terminal.confirm("Go back to the weights before?", false)?,
            None => false,
        };
        if restore && self.restore().await? {
            return Ok(());
        }
        let (application, _) = split_stack_name(name);
        terminal.info(&format!(
            "The same command continues the deployment; `senza rollback {application}` goes back."
        ));
        Ok(())
    }

    async fn settle(&self) -> Result<(), Error> {
        until_settled(self.context, &self.references, SETTLING_LIMIT, SETTLING_INTERVAL).await
    }

    async fn read(&self) -> Result<Option<Current>, Error> {
        Current::read_if_shared(self.context, &self.references, &self.version).await
    }

    async fn read_again(&self) -> Result<Current, Error> {
        let gone = || Failure::application(format!("{} shares no name any more", self.request.stack_name));
        Ok(self.read().await?.ok_or_else(gone)?)
    }
}
