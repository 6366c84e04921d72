//! A running `stupsd`.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use url::Url;

use crate::{executable, home};

/// A start takes two seconds at most; this only keeps a test that fails from hanging.
const PATIENCE: Duration = Duration::from_mins(1);

/// An administrator's user name and password.
#[derive(Clone, Debug)]
pub struct Login {
    /// user name
    pub user: String,
    /// password
    pub password: String,
}

impl Login {
    /// As a first start prints it: `Administrator: user admin, password 3v3r (shown only now)`.
    pub(crate) fn in_line(line: &str) -> Option<Self> {
        let login = line.strip_prefix("Administrator:")?;
        let behind = |word: &str| {
            let mut words = login.split_whitespace().skip_while(|found| *found != word).skip(1);
            Some(words.next()?.trim_end_matches(',').to_owned())
        };
        Some(Self {
            user: behind("user")?,
            password: behind("password")?,
        })
    }
}

/// A `stupsd` process with its own data directory, on free ports. Dropping it kills the process and removes the directory.
#[derive(Debug)]
pub struct Platform {
    directory: TempDir,
    process: Child,
    /// every line that was printed until the services were ready
    output: Vec<String>,
    identity: Url,
    kio: Url,
    pierone: Url,
    essentials: Url,
    mint: Url,
    administrator: Login,
    commands: Vec<String>,
}

impl Platform {
    /// `stupsd` with every service on SQLite, otherwise as it starts without any configuration.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// As [`Platform::start`], with `configuration` as the text of its `stups.toml`. Where it says nothing of ports, they
    /// are free ones.
    ///
    /// Panics, with what was printed, when it does not start.
    pub async fn start_with(configuration: &str) -> Self {
        Self::start_in(configuration, &[]).await
    }

    /// The same with these environment variables.
    pub async fn start_in(configuration: &str, environment: &[(&str, &str)]) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let file = directory.path().join("stups.toml");
        std::fs::write(&file, configuration).expect("the temporary directory can be written");
        let mut process = Command::new(executable("stupsd"))
            .arg("--config")
            .arg(&file)
            .args(["--data", "data", "--listen", "127.0.0.1:0"])
            .current_dir(directory.path())
            .env_clear()
            .envs(home(directory.path()))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(directory.path().join("stderr")).expect("it can be written"))
            .kill_on_drop(true)
            .spawn()
            .expect("stupsd can be run");
        let stdout = process.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines();
        let mut output = Vec::new();
        let started = async {
            while let Ok(Some(line)) = lines.next_line().await {
                output.push(line);
                if let Some(found) = Found::in_lines(&output) {
                    return Some(found);
                }
            }
            None
        };
        let found = tokio::time::timeout(PATIENCE, started).await.ok().flatten();
        let errors = std::fs::read_to_string(directory.path().join("stderr")).unwrap_or_default();
        let Some(found) = found else {
            panic!("stupsd does not start:\n{}\n{errors}", output.join("\n"));
        };
        // What it prints later is of no interest, but the pipe must not fill up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            directory,
            process,
            output,
            identity: found.identity,
            kio: found.kio,
            pierone: found.pierone,
            essentials: found.essentials,
            mint: found.mint,
            administrator: found.administrator,
            commands: found.commands,
        }
    }

    /// Where identity is.
    pub fn identity_url(&self) -> &Url {
        &self.identity
    }

    /// Where Kio is.
    pub fn kio_url(&self) -> &Url {
        &self.kio
    }

    /// Where Pier One is.
    pub fn pierone_url(&self) -> &Url {
        &self.pierone
    }

    /// Where essentials is.
    pub fn essentials_url(&self) -> &Url {
        &self.essentials
    }

    /// Where mint is.
    pub fn mint_url(&self) -> &Url {
        &self.mint
    }

    /// The administrator that the first start generated.
    pub fn administrator(&self) -> &Login {
        &self.administrator
    }

    /// The commands that a first start says to try.
    pub fn commands(&self) -> &[String] {
        &self.commands
    }

    /// The temporary directory that everything is in.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where the services keep their data.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// What was printed at the start.
    pub fn output(&self) -> &[String] {
        &self.output
    }

    /// The process's id.
    pub fn process_id(&self) -> u32 {
        self.process.id().expect("it has not been waited for")
    }

    /// The `stups` executable with `arguments`, in an environment whose home is this platform's directory.
    pub fn stups(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(executable("stups"));
        command
            .args(arguments)
            .env_clear()
            .envs(home(self.directory.path()))
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Ends it as a service manager does (SIGTERM) and returns how it ended.
    pub async fn stop(mut self) -> ExitStatus {
        let id = self.process_id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(sent.is_ok_and(|status| status.success()), "kill -TERM {id}");
        tokio::time::timeout(PATIENCE, self.process.wait())
            .await
            .expect("it ends in time")
            .expect("it can be waited for")
    }
}

/// What the lines that `stupsd` prints say.
struct Found {
    identity: Url,
    kio: Url,
    pierone: Url,
    essentials: Url,
    mint: Url,
    administrator: Login,
    commands: Vec<String>,
}

impl Found {
    /// `None` as long as something is still to come.
    fn in_lines(lines: &[String]) -> Option<Self> {
        let url = |service: &str| {
            let line = lines
                .iter()
                .find(|line| line.split_whitespace().next() == Some(service))?;
            line.split_whitespace().find_map(|word| word.parse::<Url>().ok())
        };
        let commands: Vec<String> = lines
            .iter()
            .skip_while(|line| *line != "Try:")
            .skip(1)
            .cloned()
            .collect();
        if commands.len() < 3 {
            return None;
        }
        Some(Self {
            commands,
            identity: url("identity")?,
            kio: url("kio")?,
            pierone: url("pierone")?,
            essentials: url("essentials")?,
            mint: url("mint")?,
            administrator: lines.iter().find_map(|line| Login::in_line(line))?,
        })
    }
}
