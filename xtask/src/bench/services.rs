//! `cargo xtask bench identity kio`: services under load, beside a bare handler that returns the same bytes.

pub(super) mod client;
pub(super) mod process;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use stups_testkit::PostgreSql;

use self::client::{Client, Credentials};
use self::process::Bare;
use super::stupsd::{Stupsd, Wanted};
use super::wrk::{Load, load, middle};
use crate::cargo::release;
use crate::setup;

/// Applications that are searched.
const APPLICATIONS: usize = 20_000;
/// How often a service and the bare handler have their turn.
const ROUNDS: u64 = 5;
/// Logins that run at the same moment.
const LOGINS: usize = 51;

/// Arguments of `cargo xtask bench identity kio`.
#[derive(Debug, clap::Args)]
pub(crate) struct ServicesArguments {
    /// The rest of the services to measure
    #[arg(value_enum)]
    others: Vec<Service>,
    /// How long each load lasts, all rounds together
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// How many applications are searched
    #[arg(long, default_value_t = APPLICATIONS)]
    applications: usize,
    /// Measure the `stupsd` in this directory, beside the `bare` in it, instead of release builds made now
    #[arg(long, value_name = "DIR")]
    executables: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Service {
    Identity,
    Kio,
}

/// Prints requests per second and latencies of both services on both databases.
pub(crate) fn run(arguments: &ServicesArguments) -> Result<()> {
    ensure!(arguments.others.len() <= 1, "The services are identity and kio");
    setup::ensure(setup::ALL)?;
    let directory = arguments.executables.as_deref();
    let [stupsd, bare] = [release("stupsd", directory)?, release("bare", directory)?];
    tokio::runtime::Runtime::new()?.block_on(async {
        println!("64 connections, {} s each; services and wrk share this machine.", arguments.seconds);
        for database in ["SQLite", "PostgreSQL"] {
            let cluster = if database == "PostgreSQL" { Some(PostgreSql::start_new().await?) } else { None };
            let urls = match &cluster {
                Some(cluster) => Some([cluster.database().await, cluster.database().await]),
                None => None,
            };
            let stupsd = start(&stupsd, urls.as_ref())?;
            println!("\n{database}");
            measure(arguments, &stupsd, &bare).await?;
        }
        println!(
            "\nTo reach: token info 70 % of bare, GET /apps/{{id}} 60 %, search p99 below 20 ms, idle below 60 MB, after the \
             load below 150 MB, a login within 300 ms while 50 others run."
        );
        Ok(())
    })
}

/// Identity and Kio, on SQLite files or on these PostgreSQL databases.
fn start(executable: &std::path::Path, databases: Option<&[String; 2]>) -> Result<Stupsd> {
    let line = |index: usize| {
        let url = databases.and_then(|urls| urls.get(index));
        url.map(|url| format!("database = \"{url}\"\n")).unwrap_or_default()
    };
    let settings = format!(
        "[identity]\nfirst_party_clients = [\"/employees/ztoken\"]\n{}[kio]\nadmin_users = \"/services/bench-0\"\n{}",
        line(0),
        line(1)
    );
    Stupsd::start(&Wanted {
        executable,
        services: &["identity", "kio"],
        settings: &settings,
        environment: &[],
        is_first: true,
    })
}

async fn measure(arguments: &ServicesArguments, stupsd: &Stupsd, bare: &std::path::Path) -> Result<()> {
    let seconds = arguments.seconds;
    let idle = stupsd.memory()?;
    let client = Client::new(stupsd)?;
    let machine = client.set_up(LOGINS).await?;
    let token = client.log_in(&Credentials::chosen(0)).await?;
    let start = Instant::now();
    client.register(&token, arguments.applications).await?;
    let rate = arguments.applications as f64 / start.elapsed().as_secs_f64();
    println!("  {:<28}{rate:>9.0} /s", "PUT /apps/{id}");

    let info = format!("{}/oauth2/tokeninfo", stupsd.url("identity")?);
    beside(seconds, "token info", &info, &token, &client, bare).await?;
    let one = format!("{}/apps/app-{}", stupsd.url("kio")?, arguments.applications / 2);
    beside(seconds, "GET /apps/{id}", &one, &token, &client, bare).await?;
    for (title, words) in [
        ("search, one word of few", "heron"),
        ("search, one word of many", "service"),
        ("search, two words", "green+heron"),
    ] {
        let search = load(
            &format!("{}/apps?search={words}", stupsd.url("kio")?),
            &bearer(&token),
            seconds,
        )?;
        print(title, &search, None);
    }
    let chosen: Vec<_> = (0..LOGINS).map(Credentials::chosen).collect();
    for (title, credentials) in [
        ("password grant, generated", vec![machine; LOGINS]),
        ("as imported, replaced", chosen.clone()),
        ("chosen, known", chosen),
    ] {
        let (median, slowest) = logins(&client, credentials).await?;
        println!(
            "  {title:<28}{LOGINS} at once: half within {} ms, all within {} ms",
            median.as_millis(),
            slowest.as_millis()
        );
    }
    println!(
        "  {:<28}idle {} MB, after the load {} MB",
        "memory",
        idle >> 20,
        stupsd.memory()? >> 20
    );
    Ok(())
}

/// The service's endpoint, and what a handler reaches that does nothing but return the same bytes.
async fn beside(
    seconds: u64,
    title: &str,
    url: &str,
    token: &str,
    client: &Client,
    bare: &std::path::Path,
) -> Result<()> {
    let bytes = client.get(url, token).await?;
    let bare = Bare::start(bare, &bytes)?;
    let header = bearer(token);
    let seconds = seconds.div_ceil(ROUNDS);
    let (mut by_bare, mut by_ours) = (Vec::new(), Vec::new());
    // In turn, and the middle of each: what else the machine does changes from second to second.
    for _ in 0..ROUNDS {
        by_bare.push(load(&bare.url, &header, seconds)?);
        by_ours.push(load(url, &header, seconds)?);
    }
    let (bare, ours) = middle(by_bare).zip(middle(by_ours)).context("no rounds")?;
    print(title, &ours, Some(bare.rate));
    Ok(())
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

fn print(title: &str, load: &Load, bare: Option<f64>) {
    let ratio = bare
        .map(|bare| format!("  {:.0} % of bare ({bare:.0} /s)", load.rate / bare * 100.0))
        .unwrap_or_default();
    let failed = if load.failed > 0 {
        format!("  {} FAILED", load.failed)
    } else {
        String::new()
    };
    println!(
        "  {title:<28}{:>9.0} /s   p99 {:>8}{ratio}{failed}",
        load.rate, load.p99
    );
}

/// The median and the slowest of logins that all run at the same moment.
async fn logins(client: &Client, all: Vec<Credentials>) -> Result<(Duration, Duration)> {
    let mut running: tokio::task::JoinSet<Result<Duration>> = tokio::task::JoinSet::new();
    for credentials in all {
        let client = client.clone();
        running.spawn(async move {
            let start = Instant::now();
            client.log_in(&credentials).await.map(|_| start.elapsed())
        });
    }
    let mut times = running.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
    times.sort_unstable();
    Ok((times[LOGINS / 2], times[LOGINS - 1]))
}
