//! Command lines: abbreviated commands, exit codes.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::Failure;
use crate::usage::{from_clap, usage};

/// Replaces abbreviated subcommands in `arguments` (program name first) by their full names at every level of `command`.
/// An exact name wins; an ambiguous or unknown one is a usage error.
///
/// Options are never abbreviated, and whatever stands behind `--` is left alone. A command that takes arguments of its own
/// beside subcommands keeps a word that names no subcommand.
pub fn expand_abbreviations(command: &Command, arguments: &[OsString]) -> Result<Vec<OsString>, Failure> {
    // Building a tool's whole tree costs more than parsing one command line; only the usage in a message needs it.
    expand(command, arguments).or_else(|_| expand(&built(command), arguments))
}

fn expand(command: &Command, arguments: &[OsString]) -> Result<Vec<OsString>, Failure> {
    let mut walk = Walk::new(command);
    let (program, words) = arguments.split_at(arguments.len().min(1));
    let mut expanded = program.to_vec();
    for word in words {
        expanded.push(walk.step(word.clone())?);
    }
    Ok(expanded)
}

/// Parses a command line with abbreviations. `Ok(Err(text))` is help or version text for stdout, exit code 0.
pub fn parse<P: clap::Parser>(arguments: &[OsString]) -> Result<Result<P, String>, Failure> {
    Ok(parse_as(P::command(), arguments)?.map(|(parsed, _)| parsed))
}

/// As [`parse`], by `command`, which is `P`'s own with other defaults; also where each value comes from.
pub fn parse_as<P: clap::Parser>(
    command: Command,
    arguments: &[OsString],
) -> Result<Result<(P, ArgMatches), String>, Failure> {
    let mut command = conventional(command);
    let arguments = expand_abbreviations(&command, arguments)?;
    let parsed = command
        .try_get_matches_from_mut(&arguments)
        .and_then(|matches| Ok((P::from_arg_matches(&matches)?, matches)));
    match parsed {
        Ok(parsed) => Ok(Ok(parsed)),
        Err(error) => from_clap(&error, &command, &arguments).map(Err),
    }
}

/// `command` and all its subcommands as every tool has them: an option given twice takes the last value, what follows an option that
/// takes a value is that value whatever it looks like, an environment variable that is set to nothing says nothing, commands are
/// listed in alphabetical order, and there is no `help` subcommand beside `-h`/`--help`.
#[must_use]
pub fn conventional(command: Command) -> Command {
    // The usage line names the tool, however its executable is called.
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    conventional_level(command).bin_name(name)
}

fn conventional_level(command: Command) -> Command {
    command
        .args_override_self(true)
        .disable_help_subcommand(true)
        .mut_args(|argument| {
            // As click has it, what the tools were written with before.
            let argument = if argument.get_env().is_some_and(is_set_to_nothing) {
                argument.env(None)
            } else {
                argument
            };
            // `-t -5`: a number below zero, a filter that begins with a dash.
            if !argument.is_positional() && required_values(&argument) > 0 {
                argument.allow_hyphen_values(true)
            } else {
                argument
            }
        })
        .mut_subcommands(|subcommand| conventional_level(subcommand).display_order(0))
}

fn is_set_to_nothing(variable: &OsStr) -> bool {
    std::env::var_os(variable).is_some_and(|value| value.is_empty())
}

impl Failure {
    /// The same failure with the usage of the command that `arguments` (program name first) call, to be shown above it.
    #[must_use]
    pub fn with_usage(self, command: &Command, arguments: &[OsString]) -> Self {
        let command = built(command);
        let mut walk = Walk::new(&command);
        for argument in arguments.iter().skip(1) {
            if walk.step(argument.clone()).is_err() {
                break;
            }
        }
        Self {
            usage: Some(usage(walk.command)),
            ..self
        }
    }
}

/// `command` with everything that clap adds by itself (global options in subcommands, usage names, help flags).
fn built(command: &Command) -> Command {
    let mut command = conventional(command.clone());
    command.build();
    command
}

/// A walk along a command line, down the commands that it names.
struct Walk<'a> {
    command: &'a Command,
    /// options of the commands above that hold below them, too
    global: Vec<&'a Arg>,
    /// how many of the next words are values of the option before them
    values: usize,
    /// behind `--`, or at a word that is no subcommand
    ended: bool,
}

impl<'a> Walk<'a> {
    fn new(command: &'a Command) -> Self {
        Self {
            command,
            global: Vec::new(),
            values: 0,
            ended: false,
        }
    }

    /// Takes the next argument and returns it, with a subcommand's full name for its abbreviation.
    fn step(&mut self, argument: OsString) -> Result<OsString, Failure> {
        if self.ended {
            return Ok(argument);
        }
        if self.values > 0 {
            self.values -= 1;
            return Ok(argument);
        }
        let word = argument.to_string_lossy();
        if word == "--" {
            self.ended = true;
        } else if let Some(long) = word.strip_prefix("--") {
            let takes_value = self.option(|option| has_long(option, long));
            self.values = takes_value.map_or(0, required_values);
        } else if let Some(shorts) = word.strip_prefix('-').filter(|shorts| !shorts.is_empty()) {
            self.values = self.values_after(shorts);
        } else if self.command.has_subcommands() {
            return self.subcommand(argument);
        } else {
            self.ended = true;
        }
        Ok(argument)
    }

    /// How many of the next words belong to the options `-<shorts>`.
    fn values_after(&self, shorts: &str) -> usize {
        let mut rest = shorts.chars();
        while let Some(short) = rest.next() {
            match self.option(|option| has_short(option, short)) {
                // `-w5` has its value with it.
                Some(option) if takes_values(option) => {
                    return if rest.as_str().is_empty() {
                        required_values(option)
                    } else {
                        0
                    };
                }
                _ => {}
            }
        }
        0
    }

    fn option(&self, is_it: impl Fn(&Arg) -> bool) -> Option<&'a Arg> {
        let own = self.command.get_arguments();
        own.chain(self.global.iter().copied()).find(|option| is_it(option))
    }

    fn subcommand(&mut self, argument: OsString) -> Result<OsString, Failure> {
        match find(self.command, &argument) {
            Found::One(subcommand) => {
                let options = self.command.get_arguments();
                self.global.extend(options.filter(|option| option.is_global_set()));
                self.command = subcommand;
                Ok(subcommand.get_name().into())
            }
            Found::Many(names) => Err(self.failure(format!("Too many matches: {}", names.join(", ")))),
            Found::None if self.command.get_positionals().next().is_some() => {
                self.ended = true;
                Ok(argument)
            }
            Found::None => Err(self.failure(unknown(self.command, &argument.to_string_lossy()))),
        }
    }

    fn failure(&self, message: String) -> Failure {
        Failure {
            usage: Some(usage(self.command)),
            ..Failure::usage(message)
        }
    }
}

enum Found<'a> {
    One(&'a Command),
    Many(Vec<&'a str>),
    None,
}

/// The subcommand that `word` names or abbreviates.
fn find<'a>(command: &'a Command, word: &OsStr) -> Found<'a> {
    if let Some(exact) = command.find_subcommand(word) {
        return Found::One(exact);
    }
    let Some(word) = word.to_str() else {
        return Found::None;
    };
    let matches: Vec<&Command> = command
        .get_subcommands()
        .filter(|subcommand| {
            subcommand
                .get_name_and_visible_aliases()
                .iter()
                .any(|name| name.starts_with(word))
        })
        .collect();
    match matches.as_slice() {
        [] => Found::None,
        [one] => Found::One(one),
        many => {
            let mut names: Vec<&str> = many.iter().map(|subcommand| subcommand.get_name()).collect();
            names.sort_unstable();
            Found::Many(names)
        }
    }
}

/// Names at least this similar (Jaro-Winkler) are worth a suggestion; clap's own measure.
const SIMILAR: f64 = 0.7;

fn unknown(command: &Command, word: &str) -> String {
    let nearest = command
        .get_subcommands()
        .filter(|subcommand| !subcommand.is_hide_set())
        .map(|subcommand| (strsim::jaro_winkler(subcommand.get_name(), word), subcommand.get_name()))
        .filter(|(similarity, _)| *similarity > SIMILAR)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    match nearest {
        Some((_, name)) => format!("No such command '{word}'. Did you mean '{name}'?"),
        None => format!("No such command '{word}'."),
    }
}

fn has_long(option: &Arg, long: &str) -> bool {
    option.get_long() == Some(long) || option.get_all_aliases().is_some_and(|aliases| aliases.contains(&long))
}

fn has_short(option: &Arg, short: char) -> bool {
    option.get_short() == Some(short)
        || option
            .get_all_short_aliases()
            .is_some_and(|aliases| aliases.contains(&short))
}

fn takes_values(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::Set | ArgAction::Append)
}

/// How many words must follow the option when it is given without `=`.
fn required_values(option: &Arg) -> usize {
    if !takes_values(option) || option.is_require_equals_set() {
        return 0;
    }
    option.get_num_args().map_or(1, |range| range.min_values())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, CommandFactory, Parser, Subcommand};
    use proptest::prelude::*;

    #[derive(Debug, Parser, PartialEq)]
    #[command(
        name = "kio",
        version = "1.2",
        subcommand_required = true,
        arg_required_else_help = true
    )]
    struct Kio {
        #[arg(long, global = true)]
        region: Option<String>,
        #[arg(short, long)]
        verbose: bool,
        #[command(subcommand)]
        command: Group,
    }

    #[derive(Debug, Subcommand, PartialEq)]
    enum Group {
        /// List all
        Listall,
        /// List some
        List(ListArguments),
        /// The last one
        Last,
        /// Applications
        Applications {
            #[command(subcommand)]
            command: Applications,
        },
    }

    #[derive(Debug, Args, PartialEq)]
    struct ListArguments {
        #[arg(short, long, default_value = "text")]
        output: crate::OutputFormat,
        #[arg(short, long = "watch")]
        watch: Option<u8>,
        names: Vec<String>,
    }

    #[derive(Debug, Subcommand, PartialEq)]
    enum Applications {
        Show { id: String },
        Update,
    }

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    fn expand(line: &str) -> Result<String, Failure> {
        let expanded = expand_abbreviations(&Kio::command(), &words(line))?;
        Ok(expanded.join(OsStr::new(" ")).into_string().unwrap())
    }

    fn parsed(line: &str) -> Kio {
        parse(&words(line)).unwrap().unwrap()
    }

    fn failure(line: &str) -> Failure {
        parse::<Kio>(&words(line)).unwrap_err()
    }

    fn list(line: &str) -> ListArguments {
        match parsed(line).command {
            Group::List(arguments) => arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn unique_prefixes_are_expanded_at_every_level() {
        assert_eq!(expand("kio la").unwrap(), "kio last");
        assert_eq!(expand("kio app s x").unwrap(), "kio applications show x");
        assert_eq!(expand("kio lista").unwrap(), "kio listall");
        assert_eq!(expand("kio").unwrap(), "kio");
    }

    #[test]
    fn an_exact_name_wins() {
        assert_eq!(expand("kio list").unwrap(), "kio list");
    }

    #[test]
    fn options_and_their_values_are_no_commands() {
        for (line, expanded) in [
            ("kio --region la a s x", "kio --region la applications show x"),
            ("kio --region=la a s x", "kio --region=la applications show x"),
            ("kio -v la", "kio -v last"),
            ("kio app --region li s x", "kio applications --region li show x"),
            ("kio list -w 5 la", "kio list -w 5 la"),
            ("kio -- la", "kio -- la"),
            ("kio --unknown la", "kio --unknown last"),
        ] {
            assert_eq!(expand(line).unwrap(), expanded);
        }
    }

    #[test]
    fn an_ambiguous_prefix_names_the_candidates() {
        let failure = failure("kio l");
        assert_eq!(failure.exit_code, 2);
        assert_eq!(failure.message, "Too many matches: last, list, listall");
        assert_eq!(
            failure.usage.unwrap(),
            "Usage: kio [OPTIONS] <COMMAND>\nTry 'kio --help' for help."
        );
    }

    #[test]
    fn an_unknown_command_names_the_nearest() {
        assert_eq!(
            failure("kio lsit").message,
            "No such command 'lsit'. Did you mean 'list'?"
        );
        assert_eq!(failure("kio zzz").message, "No such command 'zzz'.");
        assert_eq!(
            failure("kio List").message,
            "No such command 'List'. Did you mean 'list'?"
        );
        let nested = failure("kio app shwo x");
        assert_eq!(nested.message, "No such command 'shwo'. Did you mean 'show'?");
        assert_eq!(nested.exit_code, 2);
        assert!(nested.usage.unwrap().starts_with("Usage: kio applications"));
    }

    #[test]
    fn options_stand_before_between_and_after_arguments() {
        for line in [
            "kio list -o tsv a b",
            "kio list a -o tsv b",
            "kio list a b --output=tsv",
            "kio list a b -otsv",
        ] {
            let arguments = list(line);
            assert_eq!(arguments.names, ["a", "b"]);
            assert_eq!(arguments.output, crate::OutputFormat::Tsv);
        }
        assert_eq!(list("kio list -- -o").names, ["-o"]);
    }

    #[test]
    fn what_follows_an_option_is_its_value() {
        assert_eq!(parsed("kio --region -x last").region.unwrap(), "-x");
        assert_eq!(parsed("kio --region --verbose last").region.unwrap(), "--verbose");
        assert!(
            failure("kio list -o -w a")
                .message
                .starts_with("invalid value '-w' for '--output <OUTPUT>'")
        );
        // Words of their own are no values: what begins with a dash there is an option.
        assert!(
            failure("kio list a -x")
                .message
                .starts_with("unexpected argument '-x' found")
        );
    }

    #[test]
    fn the_last_of_repeated_options_wins() {
        assert_eq!(
            list("kio list -o tsv -w 1 -o json -w 2").output,
            crate::OutputFormat::Json
        );
        assert_eq!(parsed("kio --region a last --region b").region.unwrap(), "b");
        assert!(parsed("kio -v -v last").verbose);
    }

    #[test]
    fn wrong_usage_has_the_common_layout() {
        let wrong = failure("kio list --outptu json");
        assert_eq!(wrong.exit_code, 2);
        assert_eq!(
            wrong.usage.unwrap(),
            "Usage: kio list [OPTIONS] [NAMES]...\nTry 'kio list --help' for help."
        );
        assert_eq!(
            wrong.message,
            "unexpected argument '--outptu' found (a similar argument exists: '--output')"
        );
        assert_eq!(
            failure("kio list -o JSON").message,
            "invalid value 'JSON' for '--output <OUTPUT>' (possible values: text, json, tsv, yaml, jsonl)"
        );
        assert_eq!(
            failure("kio app show").message,
            "the following required arguments were not provided: <ID>"
        );
        // Options are never abbreviated.
        assert_eq!(failure("kio list --out json").exit_code, 2);
        assert_eq!(failure("kio list -w 256").exit_code, 2);
    }

    #[test]
    fn help_and_version_are_text() {
        for line in ["kio -h", "kio --help"] {
            let help = parse::<Kio>(&words(line)).unwrap().unwrap_err();
            let order: Vec<_> = ["  applications", "  last", "  list ", "  listall"]
                .iter()
                .map(|name| help.find(name).unwrap())
                .collect();
            assert!(order.is_sorted(), "{help}");
            assert!(help.contains("Usage: kio [OPTIONS] <COMMAND>"));
            assert!(!help.contains('\u{1b}'));
        }
        for line in ["kio app -h", "/usr/bin/kio app s --help"] {
            let help = parse::<Kio>(&words(line)).unwrap().unwrap_err();
            assert!(help.contains("Usage: kio applications"), "{help}");
        }
        for line in ["kio -V", "kio --version"] {
            assert_eq!(parse::<Kio>(&words(line)).unwrap().unwrap_err(), "kio 1.2\n");
        }
    }

    #[test]
    fn a_bare_group_shows_its_help_and_fails() {
        for line in ["kio", "kio app"] {
            let failure = failure(line);
            assert_eq!(failure.exit_code, 2);
            assert_eq!(failure.message, "");
            assert!(failure.usage.unwrap().contains("Usage: kio"));
        }
    }

    #[test]
    fn a_command_can_show_its_usage_above_its_own_errors() {
        let failure = Failure::usage("no token").with_usage(&Kio::command(), &words("kio app show x"));
        assert_eq!(
            failure.usage.unwrap(),
            "Usage: kio applications show [OPTIONS] <ID>\nTry 'kio applications show --help' for help."
        );
    }

    #[test]
    fn a_default_command_keeps_its_arguments() {
        let command = Command::new("piu")
            .arg(Arg::new("host"))
            .subcommand(Command::new("request"))
            .subcommand(Command::new("list"));
        let expanded = |line| expand_abbreviations(&command, &words(line)).unwrap();
        assert_eq!(expanded("piu req"), words("piu request"));
        assert_eq!(expanded("piu web-1.example li"), words("piu web-1.example li"));
    }

    proptest! {
        #[test]
        fn any_words_are_parsed_or_refused(line in prop::collection::vec("\\PC{0,6}|-[a-z]|--region|l|app", 0..6)) {
            let mut arguments = vec![OsString::from("kio")];
            arguments.extend(line.into_iter().map(OsString::from));
            if let Err(failure) = parse::<Kio>(&arguments) {
                prop_assert_eq!(failure.exit_code, 2);
                prop_assert!(failure.usage.is_some());
            }
        }

        #[test]
        fn every_unique_prefix_of_a_name_is_that_name(length in 1_usize..12) {
            let name = "applications";
            prop_assert_eq!(expand(&format!("kio {}", &name[..length])).unwrap(), "kio applications");
        }
    }
}
