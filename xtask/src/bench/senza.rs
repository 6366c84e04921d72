//! Senza beside the original, stups-senza 2.1.143, in one account of one AWS API.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use stups_testkit::{Account, AwsApi, PythonEnvironment, Requirements};

use super::measure::{Cost, measure, spelled};
use crate::cargo::build_stups;
use crate::setup;

/// Arguments of `cargo xtask bench senza`.
#[derive(Debug, clap::Args)]
pub(crate) struct SenzaArguments {
    /// How often each command is run; the time shown is the median
    #[arg(long, default_value_t = 11)]
    runs: usize,
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
        executable: build_stups(&["--release"])?,
        prefix: &["senza"],
    };

    let runtime = tokio::runtime::Runtime::new()?;
    let api = runtime.block_on(AwsApi::start()).context("Can't start the AWS API")?;
    let account = runtime.block_on(Account::standard(&api));
    let scratch = tempfile::tempdir()?;
    let place = prepare(scratch.path(), account.environment(), &ours)?;

    println!(
        "Median of {} runs each, peak resident memory, calls to AWS; ours is a release build.\n",
        arguments.runs
    );
    println!("{:<17}|{:^33}|{:^33}|{:^15}", "", "time", "memory", "calls");
    let pair = format!("{ORIGINAL:>11} {OURS:>11} {:>9}", "ratio");
    println!("{:<17}|{pair}|{pair}|{ORIGINAL:>8} {OURS:>6}", "");
    for (title, words) in [
        ("--version", &["--version"][..]),
        ("print", &["print", "helloworld.yaml", "v1", "0.1"]),
        ("list", &["list"]),
        ("traffic (show)", &["traffic", "hello-world"]),
    ] {
        let [original, ours] = [&original, &ours].map(|senza| {
            let command = || place.command(senza, words);
            anyhow::Ok((measure(arguments.runs, command)?, calls(&account, command())?))
        });
        print_row(title, original?, ours?);
    }
    let [original, ours] = [&original, &ours].map(|senza| {
        let mut command = alternating(&place, senza);
        anyhow::Ok((measure(arguments.runs, &mut command)?, calls(&account, command())?))
    });
    print_row("traffic (change)", original?, ours?);
    println!("\nTo reach: print 50 times faster, --version within 10 ms, print within 40 MB.");
    Ok(())
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

/// Moves all traffic to and fro between the two versions, so that each run has something to change.
fn alternating<'a>(place: &'a Place, senza: &'a Senza) -> impl FnMut() -> Command + 'a {
    let mut versions = ["v2", "v1"].into_iter().cycle();
    move || {
        place.command(
            senza,
            &["traffic", "hello-world", versions.next().unwrap_or("v1"), "100"],
        )
    }
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

fn print_row(title: &str, (original, original_calls): (Cost, usize), (ours, calls): (Cost, usize)) {
    println!(
        "{title:<17}|{:>11} {:>11} {:>8.1}x|{:>11} {:>11} {:>8.1}x|{original_calls:>8} {calls:>6}",
        milliseconds(original.time),
        milliseconds(ours.time),
        original.time.as_secs_f64() / ours.time.as_secs_f64(),
        megabytes(original.memory),
        megabytes(ours.memory),
        original.memory as f64 / ours.memory as f64,
    );
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
