//! PostgreSQL clusters from Debian's binaries, on a socket in a temporary directory.

use std::fs;
use std::io::{BufRead as _, BufReader, Error, Read as _, Result, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::debian;

/// Runs beside the cluster as its user. It says `ready`, then waits for a line that says how to stop, or for the end of the
/// process that holds the other end of the pipe: then nobody needs the directory any more.
const KEEPER: &str = r#"
bin=$1 directory=$2
if "$bin/pg_ctl" --pgdata="$directory/data" --log="$directory/log" --wait --silent start >&2; then
    echo ready
else
    cat "$directory/log" >&2
    exit 1
fi
if read -r mode; then
    "$bin/pg_ctl" --pgdata="$directory/data" --mode="$mode" --wait --silent stop >&2
else
    "$bin/pg_ctl" --pgdata="$directory/data" --mode=immediate --wait --silent stop >&2
    rm -rf "$directory"
fi
"#;

/// For speed: what a test writes needs to survive the cluster, not the machine.
const CONFIGURATION: &str = "
listen_addresses = ''
fsync = off
full_page_writes = off
max_connections = 400
shared_buffers = 64MB
log_min_messages = warning
";

/// A running PostgreSQL cluster. Dropping it ends it and removes its files.
///
/// It also ends when this process does, however that happens.
#[derive(Debug)]
pub struct PostgreSql {
    bin: PathBuf,
    directory: PathBuf,
    user: Option<User>,
    keeper: Mutex<Option<Keeper>>,
    databases: AtomicU32,
}

#[derive(Debug)]
struct Keeper {
    process: Child,
    input: ChildStdin,
}

/// PostgreSQL refuses to run as root; this is who runs it then.
#[derive(Clone, Copy, Debug)]
struct User {
    id: u32,
    group: u32,
}

impl PostgreSql {
    /// The test binary's own cluster: started at the first call, shared by its tests, ended with the process.
    ///
    /// Panics, with what PostgreSQL said, when it cannot be started.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<PostgreSql> = OnceCell::const_new();
        SHARED
            .get_or_init(|| async {
                match Self::start_new().await {
                    Ok(cluster) => cluster,
                    Err(error) => panic!("PostgreSQL does not start: {error}"),
                }
            })
            .await
    }

    /// Makes and starts another one, for tests that stop it.
    pub async fn start_new() -> Result<Self> {
        blocking(|| {
            let cluster = make()?;
            *cluster.lock() = Some(cluster.run()?);
            Ok(cluster)
        })
        .await
    }

    /// The URL of a new, empty database: `postgres://postgres@%2Ftmp%2Fstups-abc/test_1`.
    ///
    /// Panics, with what PostgreSQL said, when it cannot be made.
    pub async fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed) + 1);
        let statement = format!("CREATE DATABASE {name} TEMPLATE template0");
        match self.execute("postgres", &statement).await {
            Ok(_) => self.url(&name),
            Err(error) => panic!("PostgreSQL does not make a database: {error}"),
        }
    }

    /// Runs SQL in a database of [`PostgreSql::database`], given by its URL, as the superuser, and returns the values that it
    /// answers: a line for each row, `|` between columns.
    pub async fn sql(&self, url: &str, statement: &str) -> Result<String> {
        let database = url.rsplit('/').next().unwrap_or_default();
        self.execute(database, statement).await
    }

    /// Stops it as an operator does: transactions are rolled back, connections closed. [`PostgreSql::start`] starts it again.
    pub async fn stop(&self) -> Result<()> {
        self.end("fast").await
    }

    /// Stops it as a power failure does.
    pub async fn crash(&self) -> Result<()> {
        self.end("immediate").await
    }

    /// Starts it again, with what it had, at the same address.
    pub async fn start(&self) -> Result<()> {
        let cluster = self.again();
        let keeper = blocking(move || cluster.run()).await?;
        *self.lock() = Some(keeper);
        Ok(())
    }

    /// The process that starts all others of the cluster.
    pub fn process_id(&self) -> Result<u32> {
        let file = fs::read_to_string(self.directory.join("data/postmaster.pid"))?;
        let line = file.lines().next().unwrap_or_default();
        line.trim().parse().map_err(Error::other)
    }

    async fn end(&self, mode: &'static str) -> Result<()> {
        let keeper = self.lock().take();
        let Some(mut keeper) = keeper else { return Ok(()) };
        blocking(move || {
            writeln!(keeper.input, "{mode}")?;
            let status = keeper.process.wait()?;
            if status.success() {
                Ok(())
            } else {
                Err(Error::other(format!("pg_ctl stop: {status}")))
            }
        })
        .await
    }

    async fn execute(&self, database: &str, statement: &str) -> Result<String> {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
        ])
        .arg("--host")
        .arg(&self.directory)
        .args(["--username=postgres", "--dbname", database, "--command", statement]);
        blocking(move || output(&mut psql)).await
    }

    fn url(&self, database: &str) -> String {
        let directory = self.directory.to_string_lossy().replace('/', "%2F");
        format!("postgres://postgres@{directory}/{database}")
    }

    /// Waits until it takes connections.
    fn run(&self) -> Result<Keeper> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", KEEPER, "sh"]).arg(&self.bin).arg(&self.directory);
        as_user(&mut command, self.user)
            .current_dir("/")
            // Not in this terminal's group: Ctrl-C must not end what then cleans up.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.spawn()?;
        let (Some(input), Some(output), Some(mut errors)) =
            (process.stdin.take(), process.stdout.take(), process.stderr.take())
        else {
            return Err(Error::other("the pipes are missing"));
        };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        if line.trim() == "ready" {
            return Ok(Keeper { process, input });
        }
        let mut said = String::new();
        errors.read_to_string(&mut said)?;
        Err(Error::other(format!("{}: {said}", process.wait()?)))
    }

    /// The same cluster, for another thread to start.
    fn again(&self) -> Self {
        Self {
            bin: self.bin.clone(),
            directory: self.directory.clone(),
            user: self.user,
            keeper: Mutex::new(None),
            databases: AtomicU32::new(0),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Keeper>> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PostgreSql {
    fn drop(&mut self) {
        let keeper = self.lock().take();
        if let Some(Keeper { mut process, input }) = keeper {
            drop(input);
            // It ends by itself now, and removes the files.
            let _ = process.wait();
        }
    }
}

/// An empty cluster that does not run yet.
fn make() -> Result<PostgreSql> {
    let bin = binaries()?;
    let user = if debian::is_root() { Some(unprivileged()?) } else { None };
    // Short: a socket's path has at most 107 bytes.
    let directory = tempfile::Builder::new().prefix("stups-").tempdir()?.keep();
    let cluster = PostgreSql {
        bin,
        directory,
        user,
        keeper: Mutex::new(None),
        databases: AtomicU32::new(0),
    };
    let made = fill(&cluster);
    if made.is_err() {
        fs::remove_dir_all(&cluster.directory)?;
    }
    made.map(|()| cluster)
}

fn fill(cluster: &PostgreSql) -> Result<()> {
    let directory = &cluster.directory;
    if let Some(user) = cluster.user {
        std::os::unix::fs::chown(directory, Some(user.id), Some(user.group))?;
    }
    let data = directory.join("data");
    let mut initdb = Command::new(cluster.bin.join("initdb"));
    initdb
        .args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--pgdata",
        ])
        .arg(&data)
        .current_dir("/");
    output(as_user(&mut initdb, cluster.user))?;
    let mut configuration = fs::OpenOptions::new().append(true).open(data.join("postgresql.conf"))?;
    writeln!(
        configuration,
        "{CONFIGURATION}unix_socket_directories = '{}'",
        directory.display()
    )
}

/// Debian keeps them out of the path, one directory per version: the newest one.
fn binaries() -> Result<PathBuf> {
    if let Some(bin) = find_binaries() {
        return Ok(bin);
    }
    debian::install("postgresql", "PostgreSQL (initdb, postgres, pg_ctl, psql)")?;
    find_binaries().ok_or_else(|| Error::other("the package postgresql is installed, but there is no initdb"))
}

fn find_binaries() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((
                entry.file_name().to_str()?.parse::<u32>().ok()?,
                entry.path().join("bin"),
            ))
        });
    let mut debian: Vec<(u32, PathBuf)> = versions.filter(|(_, bin)| is_complete(bin)).collect();
    debian.sort();
    debian.pop().map(|(_, bin)| bin).or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|bin| is_complete(bin))
    })
}

fn is_complete(bin: &Path) -> bool {
    ["initdb", "postgres", "pg_ctl", "psql"]
        .iter()
        .all(|name| bin.join(name).exists())
}

/// The package's own user, or the one that owns nothing.
fn unprivileged() -> Result<User> {
    let users = fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        users
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find_map(|fields| {
                let matches = fields.first() == Some(&name);
                let user = User {
                    id: fields.get(2)?.parse().ok()?,
                    group: fields.get(3)?.parse().ok()?,
                };
                matches.then_some(user)
            })
    };
    find("postgres")
        .or_else(|| find("nobody"))
        .ok_or_else(|| Error::other("there is neither a user postgres nor nobody"))
}

fn as_user(command: &mut Command, user: Option<User>) -> &mut Command {
    match user {
        Some(user) => command.uid(user.id).gid(user.group),
        None => command,
    }
}

/// What it prints; the error is what it says.
fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return String::from_utf8(output.stdout)
            .map(|text| text.trim_end().to_owned())
            .map_err(Error::other);
    }
    let program = command.get_program().to_string_lossy().into_owned();
    Err(Error::other(format!(
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    )))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::other)?
}
