//! `senza rollback`: back to the weights before the last change or deployment.

use std::collections::BTreeMap;

use stups_terminal::until_interrupted;

use super::traffic::memory::{Memory, Weights, to_go_back_to};
use super::traffic::{Current, ProtectionArguments, Shift, WeightsByName, in_words};
use crate::Error;
use crate::cli::{CommonArguments, OutputArguments};
use crate::context::Context;
use crate::stacks::parse_references;

/// Give traffic back to the versions that had it before the last change
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RollbackArguments {
    /// Name of the application's stacks without version, or a definition file
    pub(crate) stack_name: String,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// No-op mode: show what would be changed
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    protection: ProtectionArguments,
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &RollbackArguments) -> Result<(), Error> {
    // Boxed: what waits for many calls to AWS is large, and stacks are not.
    Box::pin(roll_back(context, arguments)).await
}

async fn roll_back(context: &Context, arguments: &RollbackArguments) -> Result<(), Error> {
    let terminal = &context.terminal;
    let references = parse_references(std::slice::from_ref(&arguments.stack_name))?;
    let read = async {
        let current = Current::read(context, &references, None).await?;
        let memories = current.memories(context, false).await?;
        Ok::<_, Error>((current, memories))
    };
    let (mut current, memories) = until_interrupted(Box::pin(read)).await?;
    let wanted = Wanted::choose(&current.weights(), memories)?;

    let missing = current.missing(&wanted.weights);
    if !missing.is_empty() {
        return Err(Error::Fatal(format!(
            "There is no way back: {} had traffic before the change, but {} gone. Create it again, or use `senza traffic`.",
            missing.join(", "),
            if missing.len() == 1 { "it is" } else { "they are" }
        )));
    }
    // The table marks who gains most.
    let gainer = wanted.weights.values().flatten().max_by_key(|(_, weight)| **weight);
    let gainer = gainer.map(|(identifier, _)| identifier.clone());
    if let Some(version) = current
        .versions
        .iter()
        .find(|version| Some(&version.identifier) == gainer.as_ref())
    {
        current.target = version.clone();
    }
    let shifts: Vec<Shift> = current.set(&wanted.weights);
    current.show(terminal, &shifts);
    for note in &wanted.notes {
        terminal.warning(note);
    }
    if arguments.dry_run {
        return Ok(());
    }
    let question = format!("Go back to {}?", in_words(&wanted.weights));
    if !arguments.yes && !terminal.confirm(&question, false)? {
        return Err(stups_terminal::Failure::aborted().into());
    }
    current.make(context, shifts, arguments.protection).await
}

/// What a rollback goes back to.
#[derive(Debug, PartialEq)]
struct Wanted {
    weights: WeightsByName,
    /// what a person should know first
    notes: Vec<String>,
}

impl Wanted {
    /// For every name what its memories say. Nothing at all is an error.
    fn choose(live: &WeightsByName, memories: Vec<(String, Memory)>) -> Result<Self, Error> {
        let mut by_name: BTreeMap<String, Vec<Memory>> = BTreeMap::new();
        for (name, memory) in memories {
            by_name.entry(name).or_default().push(memory);
        }
        let mut wanted = Self {
            weights: WeightsByName::new(),
            notes: Vec::new(),
        };
        let mut off: Vec<&str> = Vec::new();
        for (name, live) in live {
            let Some((memory, is_of_this)) = by_name.get(name).and_then(|memories| to_go_back_to(memories, live))
            else {
                continue;
            };
            if memory.before.is_empty() {
                off.push(name);
                continue;
            }
            if !is_of_this {
                wanted.notes.push(note(name, memory, live));
            }
            wanted.weights.insert(name.clone(), memory.before.clone());
        }
        if wanted.weights.is_empty() {
            return Err(Error::Fatal(match off.first() {
                Some(name) => format!("There is no way back: before the last change no version had traffic of {name}."),
                None => "There is nothing to go back to: no change of weights is remembered that the weights of now differ from."
                    .to_owned(),
            }));
        }
        Ok(wanted)
    }
}

fn note(name: &str, memory: &Memory, live: &Weights) -> String {
    let words = |weights: &Weights| in_words(&WeightsByName::from([(name.to_owned(), weights.clone())]));
    format!(
        "The last change of {name} ({}) led to {}; now it is {}. It ended half way, or somebody changed weights since by other means.",
        memory.changed,
        words(&memory.after),
        words(live)
    )
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn weights(weights: &[(&str, i64)]) -> Weights {
        weights
            .iter()
            .map(|(name, weight)| ((*name).to_owned(), *weight))
            .collect()
    }

    fn memory(second: i64, before: &[(&str, i64)], after: &[(&str, i64)]) -> (String, Memory) {
        let memory = Memory {
            changed: Timestamp::from_second(second).unwrap(),
            before: weights(before),
            after: weights(after),
            ..Memory::default()
        };
        ("app.example.org".to_owned(), memory)
    }

    fn live(live: &[(&str, i64)]) -> WeightsByName {
        WeightsByName::from([("app.example.org".to_owned(), weights(live))])
    }

    #[test]
    fn the_weights_before_are_wanted() {
        let memories = vec![memory(5, &[("app-v1", 200)], &[("app-v2", 200)])];
        let wanted = Wanted::choose(&live(&[("app-v2", 200)]), memories.clone()).unwrap();
        assert_eq!(wanted.weights, live(&[("app-v1", 200)]));
        assert!(wanted.notes.is_empty());
        let half = Wanted::choose(&live(&[("app-v1", 200), ("app-v2", 200)]), memories).unwrap();
        assert_eq!(half.weights, live(&[("app-v1", 200)]));
        assert!(
            half.notes[0].contains("led to app-v2 100.0%; now it is app-v1 100.0%, app-v2 100.0%"),
            "{half:?}"
        );
    }

    #[test]
    fn nothing_to_go_back_to_is_said() {
        let error = |live: &WeightsByName, memories| Wanted::choose(live, memories).unwrap_err().to_string();
        let all = live(&[("app-v1", 200)]);
        assert!(error(&all, Vec::new()).starts_with("There is nothing to go back to"));
        assert!(
            error(&all, vec![memory(1, &[], &[("app-v1", 200)])]).contains("no version had traffic of app.example.org")
        );
        let other = (
            "other.example.org".to_owned(),
            memory(1, &[("app-v2", 200)], &[("app-v1", 200)]).1,
        );
        assert!(error(&all, vec![other]).starts_with("There is nothing to go back to"));
    }
}
