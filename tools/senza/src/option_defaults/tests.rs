//! Which voice decides, and what is refused.

use clap::{Parser, Subcommand};

use super::*;

#[derive(Debug, Parser, PartialEq)]
#[command(name = "senza", args_override_self = true)]
struct Tool {
    #[command(subcommand)]
    command: Tools,
}

#[derive(Debug, Subcommand, PartialEq)]
enum Tools {
    Create {
        #[arg(long)]
        region: Option<String>,
        #[arg(short, long)]
        force: bool,
        #[arg(short, long = "tag")]
        tags: Vec<String>,
        #[arg(long, conflicts_with = "force")]
        on_failure: Option<String>,
        #[arg(long, env = "SENZA_TEST_NEVER_SET", value_delimiter = ',')]
        skip_check: Vec<String>,
        #[arg(long)]
        role_arn: Option<String>,
        #[arg(long)]
        compat: Option<String>,
        name: Option<String>,
    },
    Wait {
        #[arg(short, long, default_value_t = 1800)]
        timeout: u64,
        #[arg(long)]
        region: Option<String>,
        #[arg(short, long, default_value = "text", value_parser = ["text", "json"])]
        output: String,
    },
    Print {
        #[arg(short, long, default_value = "json", value_parser = ["json", "yaml"])]
        output: String,
    },
    Cleanup {
        #[arg(long)]
        keep: u8,
        #[arg(long)]
        region: Option<String>,
    },
}

fn read_in(environment: &[&str], yaml: &str) -> Result<OptionDefaults, String> {
    let section = stups_yaml::load(yaml).unwrap();
    let is_decided = |variable: &str| environment.contains(&variable);
    OptionDefaults::read(
        section.as_map().unwrap(),
        &<Tool as clap::CommandFactory>::command(),
        is_decided,
    )
}

fn read(yaml: &str) -> OptionDefaults {
    read_in(&[], yaml).unwrap()
}

/// What a command line means with these defaults.
fn meant(defaults: &OptionDefaults, line: &str) -> Tools {
    let words: Vec<std::ffi::OsString> = line.split_whitespace().map(Into::into).collect();
    let command = <Tool as clap::CommandFactory>::command;
    let parse = |defaults: &OptionDefaults| {
        stups_terminal::parse_as::<Tool>(defaults.apply(command()), &words)
            .unwrap()
            .unwrap()
    };
    let (parsed, matches) = parse(defaults);
    match defaults.without_excluded(&command(), &matches) {
        Some(rest) => parse(&rest).0.command,
        None => parsed.command,
    }
}

fn create(defaults: &OptionDefaults, line: &str) -> (Option<String>, bool, Vec<String>, Option<String>) {
    match meant(defaults, line) {
        Tools::Create {
            region,
            force,
            tags,
            on_failure,
            ..
        } => (region, force, tags, on_failure),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_command_line_then_the_command_then_all_commands() {
    let defaults = read("{region: a, create: {region: b}, wait: {timeout: 5}}");
    let region = |line: &str| create(&defaults, line).0;
    assert_eq!(region("senza create"), Some("b".to_owned()));
    assert_eq!(region("senza create --region c"), Some("c".to_owned()));
    assert_eq!(
        meant(&defaults, "senza wait"),
        Tools::Wait {
            timeout: 5,
            region: Some("a".to_owned()),
            output: "text".to_owned()
        }
    );
    assert_eq!(
        meant(&defaults, "senza wait -t 7 --region d"),
        Tools::Wait {
            timeout: 7,
            region: Some("d".to_owned()),
            output: "text".to_owned()
        }
    );
}

#[test]
fn the_environment_comes_before_the_file() {
    for variable in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        let defaults = read_in(&[variable], "{region: a, create: {region: b}}").unwrap();
        assert_eq!(create(&defaults, "senza create").0, None, "{variable}");
    }
}

#[test]
fn flags_and_lists_are_set_and_taken_back() {
    let defaults = read("{create: {force: true, tag: [a=1, b=2], skip_check: 'x,y'}}");
    let tags = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        create(&defaults, "senza create"),
        (None, true, tags(&["a=1", "b=2"]), None)
    );
    assert_eq!(
        create(&defaults, "senza create --force=false n -t c=3"),
        (None, false, tags(&["c=3"]), None)
    );
    assert!(create(&defaults, "senza create -f n").1);
    assert_eq!(create(&defaults, "senza create -ft c=3").2, tags(&["c=3"]));
    match meant(&defaults, "senza create") {
        Tools::Create { skip_check, .. } => assert_eq!(skip_check, ["x", "y"]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn text_as_senza_config_writes_it_is_understood() {
    let defaults = read("{create.force: 'yes', wait.timeout: '9', create.tag: a=1}");
    assert_eq!(
        create(&defaults, "senza create"),
        (None, true, vec!["a=1".to_owned()], None)
    );
    assert!(matches!(meant(&defaults, "senza wait"), Tools::Wait { timeout: 9, .. }));
    assert!(!create(&read("{create: {force: 'off'}}"), "senza create").1);
}

#[test]
fn what_is_required_may_stand_in_the_file() {
    assert!(matches!(
        meant(&read("{cleanup: {keep: 3}}"), "senza cleanup"),
        Tools::Cleanup { keep: 3, .. }
    ));
}

#[test]
fn a_general_default_is_for_the_commands_that_take_it() {
    let defaults = read("{output: yaml}");
    assert_eq!(
        meant(&defaults, "senza print"),
        Tools::Print {
            output: "yaml".to_owned()
        }
    );
    assert!(matches!(meant(&defaults, "senza wait"), Tools::Wait { output, .. } if output == "text"));
}

#[test]
fn what_is_said_excludes_what_stands_in_the_file() {
    let defaults = read("{create: {force: true}}");
    assert_eq!(
        create(&defaults, "senza create --on-failure delete"),
        (None, false, vec![], Some("delete".to_owned()))
    );
    let defaults = read("{create: {on-failure: delete}}");
    assert_eq!(create(&defaults, "senza create --force"), (None, true, vec![], None));
    assert!(read_in(&[], "{create: {on-failure: delete, force: true}}").is_err());
    assert!(read_in(&[], "{create: {on-failure: delete, force: false}}").is_ok());
}

#[test]
fn keys_that_are_no_options_are_left_to_those_who_read_them() {
    let defaults = read("{compatibility: 2.1, role_arn: r, template_bucket: b, create: {compat: 2.1, role_arn: mine}}");
    match meant(&defaults, "senza create") {
        Tools::Create { role_arn, compat, .. } => assert_eq!((role_arn.as_deref(), compat), (Some("mine"), None)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_given_session_keeps_its_region() {
    let defaults = read("{region: a, create: {region: b, force: true}}").without_session();
    assert_eq!(create(&defaults, "senza create"), (None, true, vec![], None));
}

#[test]
fn mistakes_are_told_with_their_key() {
    for (yaml, expected) in [
        (
            "{craete: {force: true}}",
            "defaults.craete: senza has no command craete. Did you mean create?",
        ),
        (
            "{create: {froce: true}}",
            "defaults.create.froce: senza create has no option --froce. Did you mean force?",
        ),
        (
            "{create.nonsense: 1}",
            "defaults.create.nonsense: senza create has no option --nonsense",
        ),
        (
            "{regoin: a}",
            "defaults.regoin: no command of senza has an option --regoin. Did you mean region?",
        ),
        (
            "{create: {force: maybe}}",
            "defaults.create.force: true or false is expected",
        ),
        (
            "{create: {region: [a, b]}}",
            "defaults.create.region: one value is expected",
        ),
        (
            "{create: {region: {a: b}}}",
            "defaults.create.region: text or a number is expected",
        ),
        (
            "{create: {name: x}}",
            "defaults.create.name: senza create has no option --name",
        ),
        (
            "{wait: {timeout: soon}}",
            "defaults.wait.timeout: \"soon\": invalid digit found in string",
        ),
        (
            "{wait: {output: tsv}}",
            "defaults.wait.output: \"tsv\" is not one of text, json",
        ),
        ("{output: tsv}", "defaults.output: \"tsv\" is not one of json, yaml"),
        (
            "{create: {on-failure: x, force: true}}",
            "defaults: on-failure and force of senza create exclude each other",
        ),
    ] {
        assert_eq!(read_in(&[], yaml).unwrap_err(), expected);
    }
}
