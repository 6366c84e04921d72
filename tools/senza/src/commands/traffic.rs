//! `senza traffic`: show and change how the versions of an application share its traffic.

mod apply;
mod current;
mod domain;
pub(crate) mod memory;
mod protection;
mod publish;
pub(crate) mod shared;
mod stack_update;
mod table;
mod version;
mod wait;

use std::time::Duration;

use stups_terminal::{Terminal, until_interrupted};

use crate::Error;
use crate::cli::{CommonArguments, OutputArguments, clamped};
use crate::context::Context;
use crate::route53::Dns;
use crate::stacks::{StackReference, parse_references};
use crate::weights::{percent, units};
pub(crate) use current::{Current, WeightsByName, in_words};
pub(crate) use domain::Shift;
pub(crate) use protection::ProtectionArguments;
use version::Version;
pub(crate) use wait::until_settled;

/// Route traffic to a specific stack (weighted DNS record)
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TrafficArguments {
    /// Name of the application's stacks without version, or a definition file
    pub(crate) stack_name: String,
    /// The version to show or to give traffic to
    pub(crate) stack_version: Option<String>,
    /// Its new share of the traffic, 0 to 100
    #[arg(value_parser = percentage)]
    pub(crate) percentage: Option<f64>,
    /// Seconds to wait, before the change, for stacks that are still being worked on (1 to 600; does not wait without)
    #[arg(short, long, value_name = "SECS", value_parser = clamped(1, 600))]
    pub(crate) timeout: Option<u64>,
    /// Seconds between two looks while waiting (1 to 600)
    #[arg(short, long, value_name = "SECS", default_value = "5", value_parser = clamped(1, 600))]
    pub(crate) interval: u64,
    #[command(flatten)]
    protection: ProtectionArguments,
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// A number that is taken for the nearest one of 0 to 100.
fn percentage(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(number) if !number.is_nan() => Ok(number.clamp(0.0, 100.0)),
        _ => Err("not a number".to_owned()),
    }
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &TrafficArguments) -> Result<(), Error> {
    let context = Context {
        terminal: context.terminal.with_format(arguments.output.output),
        ..context.clone()
    };
    let references = parse_references(std::slice::from_ref(&arguments.stack_name))?;
    match arguments.percentage {
        // Boxed: what waits for many calls to AWS is large, and stacks are not.
        None => until_interrupted(Box::pin(show(&context, arguments, &references))).await,
        Some(percentage) => {
            if let Some(timeout) = arguments.timeout {
                let interval = Duration::from_secs(arguments.interval);
                let limit = Duration::from_secs(timeout);
                until_interrupted(Box::pin(wait::until_settled(&context, &references, limit, interval))).await?;
            }
            Box::pin(change(&context, arguments, &references, percentage)).await
        }
    }
}

async fn show(context: &Context, arguments: &TrafficArguments, references: &[StackReference]) -> Result<(), Error> {
    let versions = version::list(&context.session, references).await?;
    let target = match &arguments.stack_version {
        Some(wanted) => version::find(&versions, wanted)?,
        None => versions.first().ok_or_else(|| no_version(references))?,
    };
    let domains = domain::read(&context.session, &Dns::new(&context.session), &versions, target).await?;
    for domain in domains.iter().filter(|domain| domain.is_all_zero()) {
        warn_of_equal_shares(&context.terminal, &domain.name);
    }
    let table = table::shares(&domains, target, arguments.stack_version.is_some());
    context.terminal.print_table(&table);
    Ok(())
}

async fn change(
    context: &Context,
    arguments: &TrafficArguments,
    references: &[StackReference],
    percentage: f64,
) -> Result<(), Error> {
    let wanted = arguments.stack_version.as_deref().unwrap_or_default();
    let read = Current::read(context, references, Some(wanted));
    let current = until_interrupted(Box::pin(read)).await?;
    let shifts = calculate(&context.terminal, &current, percentage, || current.shifted(percentage));
    current.show(&context.terminal, &shifts);
    current.make(context, shifts, arguments.protection).await
}

/// What giving the target this share does, by `shifts`; says so where it has to differ from what was asked for.
pub(crate) fn calculate(
    terminal: &Terminal,
    current: &Current,
    percentage: f64,
    shifts: impl FnOnce() -> Vec<Shift>,
) -> Vec<Shift> {
    let target: &Version = &current.target;
    let action = terminal.action("Calculating new weights..");
    let shifts = shifts();
    for shift in &shifts {
        if let Some(adjusted) = shift.plan.adjusted {
            let alone = shift
                .plan
                .changes
                .iter()
                .all(|(identifier, change)| *identifier == target.identifier || change.old == 0);
            let reason = if alone {
                "no other version gets traffic"
            } else {
                "other versions already get the possible minimum of traffic"
            };
            action.warning(&format!(
                "Changing given percentage from {:?} to {:?} because {reason}",
                percent(units(percentage)),
                percent(adjusted)
            ));
        }
    }
    action.ok();
    shifts
}

/// Route 53 takes all-zero weights for equal shares, which is not what "off" looks like.
fn warn_of_equal_shares(terminal: &Terminal, domain: &str) {
    terminal.warning(&format!(
        "All weights of {domain} are 0: Route 53 then answers with every version equally often. \
         Delete the stacks to take the name out of service."
    ));
}

fn no_version(references: &[StackReference]) -> Error {
    let name = references.first().map_or("", |reference| reference.name.as_str());
    Error::Usage(format!("No stack version of \"{name}\" found"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_clamped_and_must_be_numbers() {
        for (text, expected) in [
            ("50", 50.0),
            (" 0.5 ", 0.5),
            ("250", 100.0),
            ("-1", 0.0),
            ("inf", 100.0),
        ] {
            assert!((percentage(text).unwrap() - expected).abs() < f64::EPSILON, "{text}");
        }
        for text in ["NaN", "", "many", "1,5"] {
            assert_eq!(percentage(text), Err("not a number".to_owned()), "{text}");
        }
    }
}
