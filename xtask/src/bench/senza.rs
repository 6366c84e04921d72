//! Senza beside the original, stups-senza 2.1.143, in two accounts of one AWS API: a new one, and a large one.

mod large;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use stups_testkit::{Account, AwsApi, PythonEnvironment, Requirements};

use super::measure::{Cost, cpu_time, measure, spelled};
use crate::cargo::release;
use crate::setup;

/// Arguments of `cargo xtask bench senza`.
#[derive(Debug, clap::Args)]
pub(crate) struct SenzaArguments {
    /// How often each command is run; the time shown is the median
    #[arg(long, default_value_t = 11)]
    runs: usize,
    /// Measure this `stups` instead of a release build made now
    #[arg(long, value_name = "PATH")]
    executable: Option<PathBuf>,
}

const ORIGINAL: &str = "original";
const OURS: &str = "ours";

/// A senza to measure.
struct Senza {
    executable: PathBuf,
    /// words before the command's own: ours is called as `stups senza`
    prefix: &'static [&'static str],
}

/// The directory and account that both work in.
struct Place {
    directory: PathBuf,
    environment: Vec<(String, String)>,
    region: String,
}

impl Place {
    /// `senza <words>`; `--region` only where there is a command to give it to.
    fn command(&self, senza: &Senza, words: &[&str]) -> Command {
        let mut command = Command::new(&senza.executable);
        command.args(senza.prefix).args(words).current_dir(&self.directory);
        if !words.iter().any(|word| word.starts_with("--")) {
            command.args(["--region", &self.region]);
        }
        command.env("HOME", &self.directory).env_remove("AWS_PROFILE");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn run(&self, senza: &Senza, words: &[&str]) -> Result<()> {
        let output = self.command(senza, words).output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "senza {}: {}", words.join(" "), stderr.trim());
        Ok(())
    }
}

/// Prints time and memory of both and the ratio between them.
pub(crate) fn run(arguments: &SenzaArguments) -> Result<()> {
    setup::ensure(setup::ALL)?;
    PythonEnvironment::get(Requirements::AwsApi)?;
    let python = PythonEnvironment::get(Requirements::Senza)?;
    let original = Senza {
        executable: python.executable("senza"),
        prefix: &[],
    };
    let ours = Senza {
        executable: match &arguments.executable {
            Some(executable) => std::path::absolute(executable)?,
            None => release("stups", None)?,
        },
        prefix: &["senza"],
    };

    let runtime = tokio::runtime::Runtime::new()?;
    let api = runtime.block_on(AwsApi::start()).context("Can't start the AWS API")?;
    let account = runtime.block_on(Account::standard(&api));
    let scratch = tempfile::tempdir()?;
    let place = prepare(scratch.path(), account.environment(), &ours)?;
    large::write_definition(&place)?;
    let large_account = runtime.block_on(large::account(&api))?;
    let large_place = Place {
        environment: large_account.environment(),
        directory: scratch.path().to_owned(),
        region: place.region.clone(),
    };

    let pair = Pair {
        original,
        ours,
        api: api.process_id(),
    };
    println!(
        "Median of {} runs each ({LARGE_RUNS} in the large account), peak resident memory, calls to AWS and how long it took to \
         answer them; ours is {}.\n",
        arguments.runs,
        pair.ours.executable.display()
    );
    print_heading();
    let row =
        |title: &str, words: &[&str]| pair.row(title, arguments.runs, &account, |senza| place.command(senza, words));
    row("--version", &["--version"])?;
    let print = row("print", &["print", "helloworld.yaml", "v1", "0.1"])?;
    let print_large = row("print, 5,000 lines", &["print", large::DEFINITION, "v1", "0.1"])?;
    row("list", &["list"])?;
    row("traffic (show)", &["traffic", "hello-world"])?;
    let mut versions = ["v2", "v1"].into_iter().cycle();
    pair.row("traffic (change)", arguments.runs, &account, |senza| {
        place.command(
            senza,
            &["traffic", "hello-world", versions.next().unwrap_or("v1"), "100"],
        )
    })?;
    let mut large_costs = Vec::new();
    for (title, words) in large::COMMANDS {
        let runs = arguments.runs.min(LARGE_RUNS);
        let costs = pair.row(title, runs, &large_account, |senza| large_place.command(senza, words))?;
        large_costs.push((title, costs));
    }

    println!("\nIn the large account, beyond the time in which the AWS API was busy:");
    for (title, costs) in large_costs {
        let original = costs.original.time.saturating_sub(costs.answering.0);
        let ours = costs.ours.time.saturating_sub(costs.answering.1);
        println!(
            "{title:<18} {:>13} {:>11} {:>8.1}x",
            milliseconds(original),
            milliseconds(ours),
            original.as_secs_f64() / ours.as_secs_f64().max(0.001)
        );
    }

    println!("\nWhat 5,000 lines cost beyond the calls to AWS (print without the 34 lines of helloworld.yaml):");
    for (name, small, large) in [
        (ORIGINAL, print.original, print_large.original),
        (OURS, print.ours, print_large.ours),
    ] {
        let beyond = large.time.saturating_sub(small.time);
        println!("{name:>11} {:>11}", milliseconds(beyond));
    }
    println!(
        "\nTo reach: print 50 times faster, --version within 10 ms, print within 40 MB; in the large account 10 times"
    );
    println!("faster with at most as many calls; 5,000 lines within 100 ms beyond the calls.");
    Ok(())
}

/// How often each command is run in the large account, where the original takes long.
const LARGE_RUNS: usize = 3;

/// Both.
struct Pair {
    original: Senza,
    ours: Senza,
    /// the AWS API's process
    api: u32,
}

/// What a run asked of AWS.
#[derive(Clone, Copy)]
struct Asked {
    calls: usize,
    /// how long the AWS API was busy answering: no client of it is faster
    answering: Duration,
}

/// What both took.
struct Costs {
    original: Cost,
    ours: Cost,
    /// how long the AWS API was busy for each
    answering: (Duration, Duration),
}

impl Pair {
    /// Measures the command that `make` makes for each and prints a row.
    fn row(
        &self,
        title: &str,
        runs: usize,
        account: &Account,
        mut make: impl FnMut(&Senza) -> Command,
    ) -> Result<Costs> {
        let mut measured = |senza: &Senza| -> Result<(Cost, Asked)> {
            let cost = measure(runs, || make(senza))?;
            let before = cpu_time(self.api)?;
            let calls = calls(account, make(senza))?;
            let answering = cpu_time(self.api)?.saturating_sub(before);
            Ok((cost, Asked { calls, answering }))
        };
        let (original, ours) = (measured(&self.original)?, measured(&self.ours)?);
        print_row(title, original, ours);
        Ok(Costs {
            original: original.0,
            ours: ours.0,
            answering: (original.1.answering, ours.1.answering),
        })
    }
}

/// Two versions of the web application as `senza init` defines it.
fn prepare(directory: &Path, environment: Vec<(String, String)>, senza: &Senza) -> Result<Place> {
    let region = environment
        .iter()
        .find(|(name, _)| name == "AWS_DEFAULT_REGION")
        .map(|(_, region)| region.clone());
    let place = Place {
        directory: directory.to_owned(),
        region: region.context("the account's environment names no region")?,
        environment,
    };
    let mut init = place.command(senza, &["init", "helloworld.yaml"]);
    let answers = directory.join("answers");
    // One empty line takes one default.
    std::fs::write(&answers, "\n".repeat(40))?;
    let output = init.stdin(std::fs::File::open(answers)?).output()?;
    ensure!(
        output.status.success(),
        "senza init: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    for (version, image) in [("v1", "0.1"), ("v2", "0.2")] {
        place.run(senza, &["create", "helloworld.yaml", version, image])?;
        place.run(senza, &["wait", "hello-world", version])?;
    }
    place.run(senza, &["traffic", "hello-world", "v1", "100"])?;
    Ok(place)
}

/// How many calls to AWS a run of `command` makes.
fn calls(account: &Account, mut command: Command) -> Result<usize> {
    let before = account.requests().len();
    let output = command.output()?;
    ensure!(
        output.status.success(),
        "{}: {}",
        spelled(&command),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(account.requests().len() - before)
}

fn print_heading() {
    println!(
        "{:<18}|{:^35}|{:^33}|{:^15}|{:^23}",
        "", "time", "memory", "calls", "AWS API busy"
    );
    let pair = |width: usize| format!("{ORIGINAL:>width$} {OURS:>11} {:>9}", "ratio");
    println!(
        "{:<18}|{}|{}|{ORIGINAL:>8} {OURS:>6}|{ORIGINAL:>11} {OURS:>11}",
        "",
        pair(13),
        pair(11)
    );
}

fn print_row(title: &str, (original, theirs): (Cost, Asked), (ours, asked): (Cost, Asked)) {
    println!(
        "{title:<18}|{:>13} {:>11} {:>8.1}x|{:>11} {:>11} {:>8.1}x|{:>8} {:>6}|{:>11} {:>11}",
        milliseconds(original.time),
        milliseconds(ours.time),
        original.time.as_secs_f64() / ours.time.as_secs_f64(),
        megabytes(original.memory),
        megabytes(ours.memory),
        original.memory as f64 / ours.memory as f64,
        theirs.calls,
        asked.calls,
        milliseconds(theirs.answering),
        milliseconds(asked.answering),
    );
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
