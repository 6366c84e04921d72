//! Defaults of the command line's options, from the section `defaults` of the configuration file.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use stups_yaml::{Map, Value};

use crate::components::nearest;
use crate::settings::boolean;

/// Keys that are no options of every command: what they mean is said in [`crate::CompatibilityChoice`], and where a role and a
/// bucket are needed. Of a single command they are its options.
const OF_THEIR_OWN: [&str; 3] = ["compatibility", "role-arn", "template-bucket"];

/// The option whose default is only one voice among others: [`crate::CompatibilityChoice`].
const GENERATION: [&str; 2] = ["compat", "compatibility"];

/// Options that the environment decides by other variables than clap knows of.
const DECIDED_BY: [(&str, &[&str]); 2] = [
    ("region", &["AWS_REGION", "AWS_DEFAULT_REGION"]),
    // Keys in the environment are as good as a profile there.
    ("profile", &["AWS_PROFILE", "AWS_ACCESS_KEY_ID"]),
];

/// The options, by command and id, that the configuration file has values for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OptionDefaults {
    values: BTreeMap<(String, String), Vec<String>>,
}

impl OptionDefaults {
    /// Reads the section `defaults`. `is_decided` says whether the environment has a variable. An error names the key.
    pub(crate) fn read(section: &Map, command: &Command, is_decided: impl Fn(&str) -> bool) -> Result<Self, String> {
        let mut general = BTreeMap::new();
        let mut of_commands = BTreeMap::new();
        for (key, value) in section {
            let key = key.to_string();
            match (value, key.split_once('.')) {
                (Value::Map(options), None) => {
                    let command = find_command(command, &key)?;
                    for (option, value) in options {
                        let option = option.to_string();
                        read_option(command, &format!("{key}.{option}"), &option, value, &mut of_commands)?;
                    }
                }
                // As `senza config defaults.create.region` writes it.
                (_, Some((name, option))) => {
                    read_option(find_command(command, name)?, &key, option, value, &mut of_commands)?;
                }
                (_, None) => read_general(command, &key, value, &mut general)?,
            }
        }
        let mut values = general;
        values.extend(of_commands);
        let outside = |option: &str| {
            let mut variables = DECIDED_BY.iter().filter(|(decided, _)| *decided == option);
            variables.any(|(_, variables)| variables.iter().any(|variable| is_decided(variable)))
        };
        // A flag that is off is as if nothing was said, which matters where another excludes it.
        values.retain(|(_, option), values: &mut Vec<String>| !values.is_empty() && !outside(option));
        let defaults = Self { values };
        defaults.check_exclusions(command)?;
        Ok(defaults)
    }

    /// Refuses two defaults of a command of which one excludes the other.
    fn check_exclusions(&self, command: &Command) -> Result<(), String> {
        for (name, option) in self.values.keys() {
            let Some(command) = command.find_subcommand(name) else {
                continue;
            };
            let argument = command.get_arguments().find(|argument| argument.get_id() == option);
            let others = argument
                .map(|argument| command.get_arg_conflicts_with(argument))
                .unwrap_or_default();
            let has = |other: &&Arg| self.values.contains_key(&(name.clone(), other.get_id().to_string()));
            if let (Some(one), Some(other)) = (argument.and_then(Arg::get_long), others.into_iter().find(has)) {
                let other = other.get_long().unwrap_or_default();
                return Err(format!(
                    "defaults: {one} and {other} of senza {name} exclude each other"
                ));
            }
        }
        Ok(())
    }

    /// Without the options that say in which account a command works: for sessions that are given.
    pub(crate) fn without_session(mut self) -> Self {
        self.values
            .retain(|(_, option), _| !matches!(option.as_str(), "region" | "profile"));
        self
    }

    /// `command` with these defaults.
    pub(crate) fn apply(&self, command: Command) -> Command {
        self.values.iter().fold(command, |command, ((name, option), values)| {
            command.mut_subcommand(name, |command| {
                command.mut_arg(option, |argument| with_default(argument, values))
            })
        })
    }

    /// Without those that what was said to this command excludes: a stronger voice than the file has spoken. Nothing when there
    /// are none.
    pub(crate) fn without_excluded(&self, command: &Command, matches: &ArgMatches) -> Option<Self> {
        let (name, matches) = matches.subcommand()?;
        let command = command.find_subcommand(name)?;
        let is_said = |argument: &Arg| {
            let source = matches.value_source(argument.get_id().as_str());
            matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
        };
        let excluded: BTreeSet<(String, String)> = command
            .get_arguments()
            .flat_map(|argument| {
                let others = command.get_arg_conflicts_with(argument);
                others
                    .into_iter()
                    .flat_map(move |other| [(argument, other), (other, argument)])
            })
            .filter(|(said, _)| is_said(said))
            .map(|(_, other)| (name.to_owned(), other.get_id().to_string()))
            .filter(|key| self.values.contains_key(key))
            .collect();
        if excluded.is_empty() {
            return None;
        }
        let mut rest = self.clone();
        rest.values.retain(|key, _| !excluded.contains(key));
        Some(rest)
    }
}

fn find_command<'a>(command: &'a Command, name: &str) -> Result<&'a Command, String> {
    let mut commands = command.get_subcommands();
    commands.find(|command| command.get_name() == name).ok_or_else(|| {
        let known = nearest(name, command.get_subcommands().map(Command::get_name));
        let hint = known
            .map(|known| format!(". Did you mean {known}?"))
            .unwrap_or_default();
        format!("defaults.{name}: senza has no command {name}{hint}")
    })
}

/// The option that a key means: the long one, also with underscores.
fn find_option<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    let wanted = key.replace('_', "-");
    let mut options = command.get_arguments();
    options.find(|argument| argument.get_long() == Some(&wanted))
}

/// What `defaults.<path>` says about an option of one command.
fn read_option(
    command: &Command,
    path: &str,
    option: &str,
    value: &Value,
    values: &mut BTreeMap<(String, String), Vec<String>>,
) -> Result<(), String> {
    let name = command.get_name();
    if GENERATION.contains(&option) && find_option(command, "compat").is_some() {
        return Ok(());
    }
    let Some(argument) = find_option(command, option) else {
        let known = nearest(option, command.get_arguments().filter_map(Arg::get_long));
        let hint = known
            .map(|known| format!(". Did you mean {known}?"))
            .unwrap_or_default();
        return Err(format!("defaults.{path}: senza {name} has no option --{option}{hint}"));
    };
    let read = values_of(argument, value).map_err(|reason| format!("defaults.{path}: {reason}"))?;
    values.insert((name.to_owned(), argument.get_id().to_string()), read);
    Ok(())
}

/// What `defaults.<key>` says about the option of all commands that have it, and for which the value is one.
fn read_general(
    command: &Command,
    key: &str,
    value: &Value,
    values: &mut BTreeMap<(String, String), Vec<String>>,
) -> Result<(), String> {
    if OF_THEIR_OWN.contains(&key.replace('_', "-").as_str()) {
        return Ok(());
    }
    let mut refused = None;
    let mut is_taken = false;
    for command in command.get_subcommands() {
        let Some(argument) = find_option(command, key) else {
            continue;
        };
        match values_of(argument, value) {
            Ok(read) => {
                is_taken = true;
                values.insert((command.get_name().to_owned(), argument.get_id().to_string()), read);
            }
            Err(reason) => refused = Some(reason),
        }
    }
    match refused {
        _ if is_taken => Ok(()),
        Some(reason) => Err(format!("defaults.{key}: {reason}")),
        None => {
            let options = command.get_subcommands().flat_map(Command::get_arguments);
            let known = nearest(key, options.filter_map(Arg::get_long));
            let hint = known
                .map(|known| format!(". Did you mean {known}?"))
                .unwrap_or_default();
            Err(format!(
                "defaults.{key}: no command of senza has an option --{key}{hint}"
            ))
        }
    }
}

/// The values for an option; none for a flag that is off.
fn values_of(argument: &Arg, value: &Value) -> Result<Vec<String>, String> {
    if is_flag(argument) {
        return match boolean(value) {
            Some(true) => Ok(vec!["true".to_owned()]),
            Some(false) => Ok(Vec::new()),
            None => Err("true or false is expected".to_owned()),
        };
    }
    let values = match value {
        Value::List(items) if argument.get_action().takes_values() => {
            if !matches!(argument.get_action(), ArgAction::Append) && items.len() != 1 {
                return Err("one value is expected".to_owned());
            }
            items.iter().map(text).collect::<Option<Vec<_>>>()
        }
        value => text(value).map(|text| vec![text]),
    };
    let values = values.ok_or("text or a number is expected")?;
    check(argument, &values)?;
    Ok(values)
}

fn is_flag(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::SetTrue)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => Some(value.to_json().to_string()),
        _ => None,
    }
}

/// Whether the option takes the values, asked of its parser.
fn check(argument: &Arg, values: &[String]) -> Result<(), String> {
    let probe = Arg::new("value")
        .long("value")
        .action(ArgAction::Append)
        .allow_hyphen_values(true)
        .value_delimiter(argument.get_value_delimiter())
        .value_parser(argument.get_value_parser().clone());
    let words = values.iter().map(|value| format!("--value={value}"));
    let parsed = Command::new("probe")
        .no_binary_name(true)
        .arg(probe)
        .try_get_matches_from(words);
    parsed.map(|_| ()).map_err(|error| {
        let said = values.join(", ");
        let possible = argument.get_possible_values();
        let possible: Vec<&str> = possible.iter().map(clap::builder::PossibleValue::get_name).collect();
        match std::error::Error::source(&error) {
            Some(reason) => format!("\"{said}\": {reason}"),
            None if possible.is_empty() => format!("\"{said}\" is not possible"),
            None => format!("\"{said}\" is not one of {}", possible.join(", ")),
        }
    })
}

/// A flag that is on by default can be switched off: `--flag=false`.
fn with_default(argument: Arg, values: &[String]) -> Arg {
    let argument = if is_flag(&argument) {
        argument
            .action(ArgAction::Set)
            .value_parser(clap::value_parser!(bool))
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
    } else {
        argument
    };
    argument.required(false).default_values(values.to_vec())
}
