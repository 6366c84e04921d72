//! `cargo xtask bench mint`: how fast secrets are rotated, and what it costs when there is nothing to do.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stups_testkit::{Account, AwsApi, PostgreSql, log_in};

use super::measure::{cpu_time, family_cpu_time, machine_ticks, peak_memory};
use super::services::client::{json_of, send_all};
use super::services::process::Bare;
use super::stupsd::{Stupsd, Wanted};
use crate::cargo::release;
use crate::setup;

const BUCKET: &str = "bench-secrets";

/// Nobody waits longer for a rotation.
const PATIENCE: Duration = Duration::from_mins(20);

/// Arguments of `cargo xtask bench mint`.
#[derive(Debug, clap::Args)]
pub(crate) struct MintArguments {
    /// How many applications get their first secrets, and are then rotated by one worker, by four, and by one without an AWS API
    #[arg(long, default_value_t = 1000)]
    applications: usize,
    /// How many applications there are when there is nothing to do
    #[arg(long, default_value_t = 5000)]
    idle: usize,
    /// Twenty applications instead of thousands: shows that it runs, measures nothing
    #[arg(long)]
    quick: bool,
    /// Measure the `stupsd` and the `stups-host` in this directory, with the `bare` in it, instead of release builds made now
    #[arg(long, value_name = "DIR")]
    executables: Option<PathBuf>,
}

/// Prints applications per minute, who was busy, and the cost of an idle cycle.
pub(crate) fn run(arguments: &MintArguments) -> Result<()> {
    setup::ensure(setup::ALL)?;
    let directory = arguments.executables.as_deref();
    let [stupsd, host] = [release("stupsd", directory)?, release("stups-host", directory)?];
    let bare = release("bare", directory)?;
    let (applications, idle) = if arguments.quick {
        (20, 80)
    } else {
        (arguments.applications, arguments.idle)
    };
    ensure!(idle >= applications, "--idle counts those that are rotated, too");
    tokio::runtime::Runtime::new()?.block_on(async {
        println!(
            "{applications} applications, each with a service user, a password and a client in one bucket; busy: of one processor, of \
             all for the machine"
        );
        println!(
            "{:<26}{:<12}{:>12}{:>10}{:>16}{:>20}{:>16}{:>18}{:>16}",
            "", "database", "per minute", "in", "AWS API busy", "identity, Kio busy", "workers busy", "PostgreSQL busy", "machine busy"
        );
        // In one process with files of its own, as a team tries it out; then with several workers, which need PostgreSQL.
        let alone = Bench::start(&stupsd, Database::Sqlite).await?;
        alone.configure(0..applications).await?;
        alone.secrets("first secrets", 1, None, applications).await?;
        drop(alone);
        let bench = Bench::start(&stupsd, Database::PostgreSql).await?;
        bench.configure(0..applications).await?;
        bench.secrets("first secrets", 1, None, applications).await?;
        let rotate = async |workers, api| {
            bench.age().await?;
            bench.secrets("rotated", workers, api, applications).await
        };
        let one = rotate(1, None).await?;
        let four = rotate(4, None).await?;
        // Takes every file and does nothing with it.
        let free = Bare::start(&bare, b"")?;
        let without = rotate(1, Some(&free)).await?;
        println!(
            "\nfour workers rotate {:.2} times as many as one, one with an S3 that costs nothing {:.2} times as many",
            four.rate / one.rate,
            without.rate / one.rate
        );
        println!("{}", one.limit());
        bench.configure(applications..idle).await?;
        let worker = bench.rotate_the_rest(idle).await?;
        bench.idle(&worker, idle).await?;
        drop(worker);
        bench.berry(&host)
    })
}

/// What the workers work with.
struct Bench {
    stupsd: PathBuf,
    api: AwsApi,
    account: Account,
    /// None: each service has a file.
    cluster: Option<PostgreSql>,
    _files: tempfile::TempDir,
    database: String,
    services: Stupsd,
    /// Keeps configurations and rotates nothing.
    mint: Stupsd,
    http: reqwest::Client,
    token: String,
}

/// Applications per minute, and for which share of the time each party kept a processor busy.
#[derive(Clone, Copy)]
struct Round {
    rate: f64,
    api: f64,
    services: f64,
    workers: f64,
    database: f64,
}

impl Round {
    /// Whether the AWS API takes more time than we do together, and how far each would come with a processor of its own, as on
    /// different machines.
    fn limit(&self) -> String {
        let alone = |busy: f64| self.rate / busy.max(f64::MIN_POSITIVE);
        let ours = self.workers + self.services + self.database;
        format!(
            "with a processor of its own each does so many per minute: AWS API {:.0}, workers {:.0}, identity and Kio {:.0}, PostgreSQL \
             {:.0}\nbusy: AWS API {:.0} %, we together {:.0} %; to reach: limited by the AWS API and not by us: {}",
            alone(self.api),
            alone(self.workers),
            alone(self.services),
            alone(self.database),
            self.api * 100.0,
            ours * 100.0,
            if self.api > ours { "reached" } else { "not reached" }
        )
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Database {
    Sqlite,
    PostgreSql,
}

impl Bench {
    async fn start(stupsd: &Path, kind: Database) -> Result<Self> {
        let api = AwsApi::start().await.context("Can't start the AWS API")?;
        let account = Account::standard(&api).await;
        let files = tempfile::tempdir()?;
        let cluster = match kind {
            Database::Sqlite => None,
            Database::PostgreSql => Some(PostgreSql::start_new().await?),
        };
        let mut databases = Vec::new();
        for number in 0..4 {
            databases.push(match &cluster {
                Some(cluster) => cluster.database().await,
                None => format!("sqlite://{}/{number}.db", files.path().display()),
            });
        }
        let settings = format!(
            "[identity]\nfirst_party_clients = [\"/employees/ztoken\"]\ndatabase = \"{}\"\n[kio]\nadmin_users = \
             \"/employees/admin\"\ndatabase = \"{}\"\n[essentials]\ndatabase = \"{}\"\n",
            databases[0], databases[1], databases[2]
        );
        let services = Stupsd::start(&Wanted {
            executable: stupsd,
            services: &["identity", "kio", "essentials"],
            settings: &settings,
            environment: &[],
            is_first: true,
        })?;
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let (user, password) = services.administrator()?;
        let token = log_in(
            &http,
            services.url("identity")?,
            (&user, &password),
            "uid identity.admin",
        )
        .await?;
        let team = http
            .put(format!("{}/teams/bench", services.url("identity")?))
            .bearer_auth(&token);
        send_all(std::iter::once(team.json(&json!({"members": [user]})))).await?;
        let bucket = account.session().s3().create_bucket().bucket(BUCKET);
        bucket.send().await.context("Can't make the bucket")?;
        let database = databases.pop().unwrap_or_default();
        let mint = mint(stupsd, &services, &database, &account.environment(), &token, false)?;
        Ok(Self {
            stupsd: stupsd.to_owned(),
            api,
            account,
            cluster,
            _files: files,
            database,
            services,
            mint,
            http,
            token,
        })
    }

    /// A worker that puts files into the AWS API, or into what stands for it.
    fn worker(&self, free: Option<&Bare>) -> Result<Stupsd> {
        let mut aws = self.account.environment();
        if let Some(free) = free {
            aws.retain(|(name, _)| name != "AWS_ENDPOINT_URL");
            aws.push(("AWS_ENDPOINT_URL".to_owned(), free.url.clone()));
        }
        mint(&self.stupsd, &self.services, &self.database, &aws, &self.token, true)
    }

    /// Registers applications in Kio, and says what they shall have.
    async fn configure(&self, numbers: std::ops::Range<usize>) -> Result<()> {
        let put = |service: &str, number: usize, body: &Value| {
            let request = self.http.put(format!("{service}/apps/app-{number:05}"));
            request.bearer_auth(&self.token).json(body)
        };
        let (kio, mint) = (self.services.url("kio")?, self.mint.url("mint")?);
        let application = json!({"team_id": "bench", "active": true, "name": "An application"});
        send_all(numbers.clone().map(|number| put(kio, number, &application))).await?;
        let wanted = json!({"is_client_confidential": true, "s3_buckets": [BUCKET], "scopes": []});
        send_all(numbers.map(|number| put(mint, number, &wanted))).await
    }

    /// Lets what secrets there are count as made long ago.
    async fn age(&self) -> Result<()> {
        let cluster = self.cluster.as_ref().context("no PostgreSQL")?;
        let statement = "UPDATE mint.applications SET last_password_rotation = 1, last_client_rotation = 1";
        cluster.sql(&self.database, statement).await?;
        Ok(())
    }

    /// Lets so many workers begin, waits until all applications have new secrets, and prints a line.
    async fn secrets(&self, what: &str, workers: usize, free: Option<&Bare>, all: usize) -> Result<Round> {
        let before = self.up_to_date().await?;
        ensure!(before == 0, "{before} applications have new secrets already");
        let (api, services) = (cpu_time(self.api.process_id())?, self.services.cpu_time()?);
        let database = self.database_time()?;
        let (machine_busy, machine_idle) = machine_ticks()?;
        let start = Instant::now();
        let workers: Vec<Stupsd> = (0..workers).map(|_| self.worker(free)).collect::<Result<_>>()?;
        for worker in &workers {
            self.next_cycle(worker, None).await?;
        }
        let time = start.elapsed();
        let database = self.database_time()?.saturating_sub(database);
        let mut by_workers = Duration::ZERO;
        for worker in &workers {
            by_workers += worker.cpu_time()?;
        }
        let (busy_now, idle_now) = machine_ticks()?;
        let (busy_ticks, idle_ticks) = (busy_now - machine_busy, idle_now - machine_idle);
        let machine = busy_ticks as f64 / (busy_ticks + idle_ticks).max(1) as f64;
        self.all_rotated(all).await?;
        let busy = |spent: Duration| spent.as_secs_f64() / time.as_secs_f64();
        let round = Round {
            rate: all as f64 / time.as_secs_f64() * 60.0,
            api: busy(cpu_time(self.api.process_id())?.saturating_sub(api)),
            services: busy(self.services.cpu_time()?.saturating_sub(services)),
            workers: busy(by_workers),
            database: busy(database),
        };
        let share = |busy: f64| format!("{:.0} %", busy * 100.0);
        println!(
            "{:<26}{:<12}{:>12.0}{:>8.1} s{:>16}{:>20}{:>16}{:>18}{:>16}",
            format!(
                "{what}, {} worker{}{}",
                workers.len(),
                if workers.len() == 1 { "" } else { "s" },
                if free.is_some() { ", free S3" } else { "" }
            ),
            if self.cluster.is_some() { "PostgreSQL" } else { "SQLite" },
            round.rate,
            time.as_secs_f64(),
            share(round.api),
            share(round.services),
            share(round.workers),
            share(round.database),
            share(machine),
        );
        Ok(round)
    }

    /// For how long PostgreSQL kept a processor busy. SQLite is a part of the services.
    fn database_time(&self) -> Result<Duration> {
        match &self.cluster {
            Some(cluster) => family_cpu_time(cluster.process_id()?),
            None => Ok(Duration::ZERO),
        }
    }

    /// The worker that has rotated all.
    async fn rotate_the_rest(&self, all: usize) -> Result<Stupsd> {
        let worker = self.worker(None)?;
        self.next_cycle(&worker, None).await?;
        self.all_rotated(all).await?;
        Ok(worker)
    }

    /// A cycle ends when everything that was due is done, and nobody asks for it meanwhile: a list of all applications now and then
    /// would take the processors from what is measured.
    async fn all_rotated(&self, all: usize) -> Result<()> {
        let count = self.up_to_date().await?;
        ensure!(count >= all, "{count} of {all} applications have their secrets");
        Ok(())
    }

    /// How many applications have a new client, which comes last.
    async fn up_to_date(&self) -> Result<usize> {
        let request = self.http.get(format!("{}/apps", self.mint.url("mint")?));
        let listed = json_of(request.bearer_auth(&self.token)).await?;
        let applications = listed.as_array().context("no list")?.iter();
        // What [`Self::age`] has been at is of 1970.
        let is_new = |rotated: &str| rotated > "2000";
        Ok(applications
            .filter(|application| application["last_client_rotation"].as_str().is_some_and(is_new))
            .count())
    }

    /// Prints how long a cycle takes when nothing is due, and how often it calls anybody.
    async fn idle(&self, worker: &Stupsd, all: usize) -> Result<()> {
        let mut cycle = self.next_cycle(worker, None).await?;
        // The one that ends the rotations is no idle one.
        while cycle["status"]["due"] != 0 {
            cycle = self.next_cycle(worker, cycle["runs"].as_u64()).await?;
        }
        let calls = self.calls().await?;
        let runs = cycle["runs"].as_u64().context("no count")?;
        cycle = self.next_cycle(worker, Some(runs)).await?;
        let cycles = cycle["runs"].as_u64().context("no count")? - runs;
        println!(
            "\nnothing to do, {all} applications: {} ms, {} calls of identity, Kio, essentials and AWS in {cycles} cycle(s); to reach: \
             below 3000 ms and below 100 calls",
            cycle["duration_ms"],
            self.calls().await? - calls,
        );
        Ok(())
    }

    /// What `/status` says of the worker after one more cycle than `runs`.
    async fn next_cycle(&self, worker: &Stupsd, runs: Option<u64>) -> Result<Value> {
        let start = Instant::now();
        loop {
            let status = json_of(self.http.get(format!("{}/status", worker.url("mint")?))).await?;
            let cycle = &status["jobs"]["rotate"];
            if cycle["runs"].as_u64() > runs && cycle["duration_ms"].is_u64() {
                ensure!(cycle["error"].is_null(), "the worker says {}", cycle["error"]);
                return Ok(cycle.clone());
            }
            ensure!(start.elapsed() < PATIENCE, "no cycle ends");
            // As above: a question now and then does not count in what is measured.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How many requests were answered so far, but for those of this bench itself.
    async fn calls(&self) -> Result<usize> {
        let mut calls = self.account.requests().len();
        for service in ["identity", "kio", "essentials"] {
            let metrics = self.http.get(format!("{}/metrics", self.services.url(service)?));
            let text = metrics.send().await?.text().await?;
            let counts = text.lines().filter(|line| {
                line.starts_with("stups_http_request_duration_seconds_count{") && !line.contains("\"/metrics\"")
            });
            for line in counts.filter(|line| line.contains(&format!("service=\"{service}\""))) {
                let count = line.split_whitespace().last().context("no count")?;
                calls += count.parse::<usize>()?;
            }
        }
        Ok(calls)
    }

    /// Prints the most memory that berry takes for one application's files.
    fn berry(&self, host: &Path) -> Result<()> {
        let files = tempfile::tempdir()?;
        let mut command = Command::new(std::path::absolute(host)?);
        command
            .args(["berry", "-a", "app-00000", "-m", BUCKET, "--once"])
            .arg(files.path())
            .envs(self.account.environment().into_iter().collect::<HashMap<_, _>>());
        println!(
            "berry --once: {:.1} MB; to reach: below 10 MB",
            peak_memory(&command)? as f64 / 1e6
        );
        ensure!(files.path().join("user.json").exists(), "berry has copied nothing");
        Ok(())
    }
}

/// A mint beside the services, with a worker or without.
fn mint(
    executable: &Path,
    services: &Stupsd,
    database: &str,
    aws: &[(String, String)],
    token: &str,
    worker: bool,
) -> Result<Stupsd> {
    let url = |service: &str| services.url(service);
    let settings = format!(
        "[mint]\ndatabase = \"{database}\"\nidentity_url = \"{}\"\nkio_url = \"{}\"\nessentials_url = \"{}\"\n\
         trusted_services = \"/employees/admin\"\nworker = {worker}\ninterval_seconds = 0.5\n",
        url("identity")?,
        url("kio")?,
        url("essentials")?,
    );
    let tokens = ["kio-ro-api", "essentials-ro-api", "service-user-rw-api"].map(|name| format!("{name}={token}"));
    let mut environment: Vec<(&str, &str)> = aws
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let tokens = tokens.join(",");
    environment.push(("OAUTH2_ACCESS_TOKENS", &tokens));
    Stupsd::start(&Wanted {
        executable,
        services: &["mint"],
        settings: &settings,
        environment: &environment,
        is_first: false,
    })
}
