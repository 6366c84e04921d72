//! Command lines as scripts and people write them, given to the original and to ours, side by side.

use std::ffi::OsString;
use std::path::Path;

use serde_json::Value as Json;
use stups_terminal::Terminal;
use stups_testkit::Account;

use crate::account::{Outcome, account, create_stack, redacted, senza_on, topic_template};
use crate::original_support::original;

/// What has to be the same beside exit code and standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Words {
    /// what is said on standard error
    Same,
    /// nothing: ours says it in its own words
    Own,
}
use Words::{Own, Same};

/// An account with the stacks `a-1`, `a-2`, `a-v1`, `a-v2`, `b-1` and `foo-bar-3`.
async fn account_with_stacks() -> Account {
    let account = account().await;
    for name in ["a-1", "a-2", "a-v1", "a-v2", "b-1", "foo-bar-3"] {
        create_stack(&account, name, &topic_template("x")).await;
    }
    account
}

/// Files that the command lines name.
fn files() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [
        (
            "a.yaml",
            "SenzaInfo:\n  StackName: a\n  Parameters:\n  - One: {Description: first}\n  - Two: {Default: two}\n\
             Resources: {T: {Type: 'AWS::SNS::Topic', Properties: {DisplayName: '{{Arguments.One}}-{{Arguments.Two}}'}}}\n",
        ),
        ("both", "One: 1\nTwo: x=y\n"),
        ("two", "Two: 2\n"),
        ("nothing", ""),
        ("broken", "a: [\n"),
        ("noinfo.yaml", "Resources: {}\n"),
    ] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

/// The words of a line, separated by blanks; `@name` is a file, `''` is the empty word.
fn words(line: &str, files: &Path) -> Vec<String> {
    let word = |word: &str| match word.strip_prefix('@') {
        Some(name) => files.join(name).display().to_string(),
        None if word == "''" => String::new(),
        None => word.to_owned(),
    };
    line.split_whitespace().map(word).collect()
}

/// What is said, without what stands around it: usage, the word `Error`.
fn said(stderr: &str) -> String {
    let lines = stderr
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("Usage: ") && !line.starts_with("Try 'senza"));
    let lines: Vec<&str> = lines
        .map(|line| line.trim_start_matches("Error: ").trim_end())
        .collect();
    redacted(&lines.join("\n"))
}

/// The commands of the original.
const COMMANDS: [&str; 21] = [
    "config",
    "console",
    "create",
    "delete",
    "domains",
    "dump",
    "events",
    "health",
    "images",
    "init",
    "instances",
    "list",
    "patch",
    "print",
    "resources",
    "respawn-instances",
    "scale",
    "status",
    "traffic",
    "update",
    "wait",
];

/// The options in a help text: lines such as `  -o, --output [text|json|tsv]  Use alternative output format`.
fn options_in(help: &str) -> Vec<String> {
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let words = lines.flat_map(|line| line.split("  ").next().unwrap().split([' ', ',']));
    words.filter(|word| word.starts_with('-')).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_option_of_the_original_is_there() {
    let account = account().await;
    let lines: Vec<Vec<String>> = COMMANDS.map(|name| vec![name.to_owned(), "-h".to_owned()]).into();
    let lines: Vec<&[String]> = lines.iter().map(Vec::as_slice).collect();
    let ours = senza::command();
    let mut missing = Vec::new();
    for (name, help) in COMMANDS.iter().zip(original(&account, &lines, "")) {
        let command = ours.find_subcommand(name).unwrap();
        let has = |option: &str| match option.strip_prefix("--") {
            Some(long) => command.get_arguments().any(|own| own.get_long() == Some(long)),
            None => command
                .get_arguments()
                .any(|own| own.get_short() == option[1..].chars().next()),
        };
        let options = options_in(help["stdout"].as_str().unwrap());
        assert!(options.contains(&"--help".to_owned()), "{help}");
        let of_clap = ["-h", "--help"];
        let lost = options
            .iter()
            .filter(|option| !of_clap.contains(&option.as_str()) && !has(option));
        missing.extend(lost.map(|option| format!("{name} {option}")));
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_abbreviation_of_the_original_means_the_same() {
    let ours = senza::command();
    for name in COMMANDS {
        for prefix in (1..=name.len()).map(|length| &name[..length]) {
            if COMMANDS.iter().filter(|other| other.starts_with(prefix)).count() > 1 && prefix != name {
                continue;
            }
            let words = ["senza", prefix].map(OsString::from);
            let expanded = stups_terminal::expand_abbreviations(&ours, &words).map(|words| words[1].clone());
            assert_eq!(expanded.ok(), Some(name.into()), "{prefix}");
        }
    }
}

/// Whether the outcomes of one line differ, and how.
fn difference(line: &str, words: Words, theirs: &Json, ours: &Outcome) -> Option<String> {
    let text = |name: &str| theirs[name].as_str().unwrap_or_default();
    let is_same = theirs["exit_code"] == ours.exit_code
        // Python ends YAML with an empty line.
        && redacted(text("stdout").trim_end()) == redacted(ours.stdout.trim_end())
        && (words == Own || said(text("stderr")) == said(&ours.stderr));
    (!is_same).then(|| {
        format!(
            "=== {line}\n--- original {}\n{}{}\n--- ours {}\n{}{}",
            theirs["exit_code"],
            text("stdout"),
            text("stderr"),
            ours.exit_code,
            ours.stdout,
            ours.stderr
        )
    })
}

/// Asserts that the outcomes of all lines are the same, each given `input` on standard input.
async fn assert_alike(account: &Account, files: &Path, input: &str, lines: &[(&str, Words)]) {
    let all: Vec<Vec<String>> = lines.iter().map(|(line, _)| words(line, files)).collect();
    let all: Vec<&[String]> = all.iter().map(Vec::as_slice).collect();
    let mut differences = Vec::new();
    for ((theirs, (line, same)), words) in original(account, &all, input).iter().zip(lines).zip(all) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let ours = senza_on(Terminal::captured(input), &account.session(), &words).await;
        differences.extend(difference(line, *same, theirs, &ours));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test]
async fn options_are_understood_alike() {
    let (account, files) = (account_with_stacks().await, files());
    let lines = [
        // Values: apart, with `=`, at once; the last of several counts; before, between and after arguments.
        ("list -o json a 1", Same),
        ("list -ojson a 1", Same),
        ("list a --output=json 1", Same),
        ("list --output json -o tsv a -f version", Same),
        ("list -fversion --field=status a -o tsv", Same),
        ("list -f nonsense -o tsv a 1", Same),
        ("list -f status -f version -f version -o tsv a 1", Same),
        ("list --region us-east-1 -o tsv a 1", Same),
        ("list -o tsv --region eu-west-1 --region=us-east-1 a 1", Same),
        ("list -o tsv --all -- a 1", Same),
        ("list -o tsv -- -x", Same),
        ("list --stacktrace-visible -otsv b", Same),
        // Several switches in one word.
        ("delete -gf nothing 1", Same),
        ("delete -gif nothing", Same),
        ("delete -nf a", Own),
        // A word that looks like an option is an option's value where one is due.
        ("list -f -o -o tsv a 1", Same),
        ("wait -t -5 a 1", Same),
        ("scale a 1 2 --min-size -1", Same),
        // Numbers beyond a limit.
        ("wait -t 99999 -i 0 a 1", Same),
        ("scale a 1 200", Same),
        ("list -w 0", Own),
        ("list -w 301", Own),
        ("traffic a 1 50 -t x", Own),
        // What is wrong.
        ("list -o", Own),
        ("list -o xml", Own),
        ("list --outp json", Own),
        ("list --all=1", Own),
        ("list -n", Own),
        ("scale a -1", Own),
        ("scale", Own),
        ("scale a x", Own),
        ("traffic", Own),
        ("traffic a 1 many", Own),
        ("traffic a 1 2 3", Own),
        ("config", Own),
        ("config x", Same),
        ("init", Own),
        ("init -v x -t webapp -", Own),
        ("print @a.yaml", Own),
        ("list --region nowhere-1", Own),
        ("images --hide-older-than x", Own),
        ("console -l x", Own),
        ("respawn-instances --batch_size_percentage x", Own),
    ];
    assert_alike(&account, files.path(), "", &lines).await;
}

#[tokio::test]
async fn commands_are_found_alike() {
    let (account, files) = (account_with_stacks().await, files());
    let lines = [
        ("li b -o tsv", Same),
        ("l b -o tsv", Same),
        ("lis b -o tsv", Same),
        ("del", Same),
        ("de", Same),
        ("dele -g nothing", Same),
        ("res b", Same),
        ("respawn b 1", Same),
        ("sc nothing 1", Same),
        ("st nothing -o tsv", Same),
        ("ev nothing -o json", Same),
        ("dom nothing -o tsv", Same),
        ("du nothing", Same),
        ("wa a 1", Same),
        ("pat a 1", Same),
        ("tr nothing", Same),
        ("in", Same),
        ("frobnicate", Same),
        ("List", Own),
        ("--region us-east-1 list", Own),
    ];
    assert_alike(&account, files.path(), "", &lines).await;
}

#[tokio::test]
async fn stacks_are_named_alike() {
    let (account, files) = (account_with_stacks().await, files());
    let lines = [
        ("list -o tsv", Same),
        ("list -o tsv a", Same),
        ("list -o tsv a 1", Same),
        ("list -o tsv a 1 b", Same),
        ("list -o tsv a 1 2", Same),
        ("list -o tsv a v1 v2 b", Same),
        ("list -o tsv a v1 v99", Same),
        ("list -o tsv v1 v2", Same),
        ("list -o tsv a b c d", Same),
        ("list -o tsv foo-bar", Same),
        ("list -o tsv foo bar-3", Same),
        ("list -o tsv foo-b.r", Same),
        ("list -o tsv fo+-bar [0-9]", Same),
        ("list -o tsv .* v.", Same),
        ("list -o tsv A", Same),
        ("list -o tsv a ''", Same),
        ("list -o tsv ''", Same),
        ("list -o tsv (?i)A 1", Same),
        ("list -o tsv @a.yaml", Same),
        ("list -o tsv @a.yaml v1 v2", Same),
        ("list -o tsv nowhere.yaml", Own),
        ("list -o tsv nowhere.yml 1 b", Own),
        ("list -o tsv @nowhere", Same),
        ("list -o tsv @broken", Own),
        ("list -o tsv @noinfo.yaml", Same),
        ("dump a 1", Same),
        ("dump nothing", Same),
        ("resources a 1 -o tsv", Same),
        ("wait a 1 b 1", Same),
        ("wait a 9", Same),
        ("wait a -d", Own),
        ("delete", Same),
        ("delete a", Same),
        ("delete a --dry-run", Own),
        ("delete a 9", Same),
        ("delete a 9 -g", Same),
        ("scale a 9 1", Same),
        ("patch a 9 --image ami-1", Same),
        ("patch a 1", Same),
        ("patch a 1 --image ''", Same),
        ("patch a 1 --user-data {}", Same),
        ("respawn-instances a 9", Same),
        ("traffic nothing", Same),
        ("traffic a 9", Same),
        // Stacks without tags: ours knows the version by the name.
        ("traffic a 1", Own),
        ("traffic a 1 50", Own),
        ("console", Same),
        ("console i-0123", Same),
        ("console 10.0.0.1", Same),
        ("console nothing", Same),
        ("console nothing v1", Same),
    ];
    assert_alike(&account, files.path(), "", &lines).await;
}

#[tokio::test]
async fn parameters_are_bound_alike() {
    let (account, files) = (account_with_stacks().await, files());
    let lines = [
        ("print @a.yaml v9 1", Same),
        ("print @a.yaml v9 1 2", Same),
        ("print @a.yaml v9 1 Two=2", Same),
        ("print @a.yaml v9 Two=2 One=1", Same),
        ("print @a.yaml v9 One=x=y", Same),
        ("print @a.yaml v9 ''", Same),
        ("print @a.yaml v9 One=", Same),
        ("print @a.yaml v9 1 -o yaml", Same),
        ("print -f @a.yaml v9 -- -1", Same),
        ("print @a.yaml v9 1 --parameter-file @two", Same),
        ("print @a.yaml v9 --parameter-file @both", Same),
        ("print @a.yaml v9 --parameter-file=@both", Own),
        ("print @a.yaml v9 1 --parameter-file @both", Same),
        ("print @a.yaml v9 1 --parameter-file @nothing", Own),
        ("print @a.yaml v9 1 --parameter-file @broken", Own),
        ("print @a.yaml v9 1 --parameter-file @nowhere", Own),
        ("print @a.yaml v9", Same),
        ("print @a.yaml v9 1 2 3", Same),
        ("print @a.yaml v9 One=1 2", Same),
        ("print @a.yaml v9 One=1 One=2", Same),
        ("print @a.yaml v9 1 Three=3", Same),
        ("print @a.yaml v-9 1", Own),
        ("print @a.yaml '' 1", Own),
        ("print @nowhere v9 1", Own),
        ("print @noinfo.yaml v9", Own),
        ("print @broken v9", Own),
        ("create @a.yaml 1 x", Own),
        ("create @a.yaml 9 x --dry-run", Own),
        ("create @a.yaml 1 x --dry-run", Own),
        ("create @a.yaml 9 x -t k", Own),
        ("create @a.yaml 9 x -t k=v=w", Own),
        ("update @a.yaml 9 x", Own),
        ("update @a.yaml 1 x --dry-run", Own),
    ];
    assert_alike(&account, files.path(), "", &lines).await;
}

#[tokio::test]
async fn answers_are_taken_alike() {
    let files = files();
    for (input, lines) in [
        ("n\n", &[("scale a 1", Same), ("delete -i a 1", Same)][..]),
        ("", &[("scale a 1", Same), ("delete -i a 1", Same)]),
        ("perhaps\ny\n", &[("scale a 1", Same)]),
        ("Y\n", &[("delete -i b 1 --dry-run", Same)]),
    ] {
        let account = account_with_stacks().await;
        assert_alike(&account, files.path(), input, lines).await;
    }
}
