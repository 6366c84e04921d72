//! An AWS API (moto server) on a free loopback port.

use std::io::{BufRead as _, BufReader, Error, Read as _, Result, Seek as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{PythonEnvironment, Requirements};

const PROGRAM: &str = include_str!("../python/aws_api.py");
const IMAGES: &str = include_str!("../python/images.json");

/// How long the server may take to start: it takes a few seconds on a busy machine.
const STARTING_LIMIT: Duration = Duration::from_mins(1);

/// A running AWS API. Dropping it ends the process.
///
/// The process also ends when this one does, however that happens: it reads a pipe whose other end is held here.
#[derive(Debug)]
pub struct AwsApi {
    port: u16,
    process: u32,
    connection: Arc<Connection>,
}

/// Both ends of the conversation with the server process (see `python/aws_api.py`).
#[derive(Debug)]
pub(crate) struct Connection(Mutex<Process>);

#[derive(Debug)]
struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    kept: bool,
}

impl AwsApi {
    /// The test binary's own AWS API: started at the first call, shared by its tests, ended with the process.
    ///
    /// Panics, with what the server said, when it cannot be started.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<AwsApi> = OnceCell::const_new();
        SHARED
            .get_or_init(|| async {
                match Self::start().await {
                    Ok(api) => api,
                    Err(error) => panic!("The AWS API does not start: {error}"),
                }
            })
            .await
    }

    /// Starts another one, for tests that need it alone, and for the demo.
    pub async fn start() -> Result<Self> {
        tokio::task::spawn_blocking(start).await.map_err(Error::other)?
    }

    /// `http://127.0.0.1:<port>`
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The process's id.
    pub fn process_id(&self) -> u32 {
        self.process
    }

    /// Lets the server outlive this process. Returns the id of the process to end later.
    pub fn keep_running(self) -> Result<u32> {
        self.connection.ask("keep")?;
        self.connection.0.lock().unwrap_or_else(PoisonError::into_inner).kept = true;
        Ok(self.process)
    }

    pub(crate) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }
}

impl Drop for AwsApi {
    fn drop(&mut self) {
        let mut process = self.connection.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !process.kept {
            // It may have ended already; either way there is nothing left to do.
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
    }
}

impl Connection {
    /// Sends one line and returns the line that answers it.
    pub(crate) fn ask(&self, command: &str) -> Result<String> {
        let mut process = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(process.input, "{command}")?;
        process.input.flush()?;
        let mut answer = String::new();
        if process.output.read_line(&mut answer)? == 0 {
            return Err(Error::other("the AWS API has ended"));
        }
        Ok(answer.trim_end().to_owned())
    }
}

/// The port that the server names in its first line; nothing when it names none, or not in time.
fn port_within(limit: Duration, output: ChildStdout) -> Option<(u16, BufReader<ChildStdout>)> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = String::new();
        let port = output.read_line(&mut line).ok().and_then(|_| line.trim().parse().ok());
        // Nobody listens after the limit.
        let _ = sender.send(port.map(|port| (port, output)));
    });
    receiver.recv_timeout(limit).ok().flatten()
}

fn start() -> Result<AwsApi> {
    let python = PythonEnvironment::get(Requirements::AwsApi)?;
    // moto reads the images once, at its start.
    let directory = TempDir::new()?;
    let images = directory.path().join("images.json");
    std::fs::write(&images, IMAGES)?;
    let mut errors = tempfile::tempfile()?;

    let mut child = Command::new(python.executable("python"))
        // Not the user's environment: isolated from PYTHONPATH and the like, no files written beside the packages.
        .args(["-I", "-c", PROGRAM])
        .env("MOTO_AMIS_PATH", &images)
        .env("MOTO_ACM_VALIDATION_WAIT", "0")
        .env("TZ", "UTC")
        .env_remove("MOTO_ACCOUNT_ID")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors.try_clone()?)
        .spawn()?;
    let process = child.id();
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Error::other("the AWS API's pipes are missing"));
    };
    let Some((port, output)) = port_within(STARTING_LIMIT, output) else {
        let _ = child.kill();
        let status = child.wait()?;
        let mut said = String::new();
        errors.rewind()?;
        errors.read_to_string(&mut said)?;
        let limit = STARTING_LIMIT.as_secs();
        return Err(Error::other(format!(
            "it named no port within {limit} seconds; {status}: {said}"
        )));
    };
    let process_state = Process {
        child,
        input,
        output,
        kept: false,
    };
    Ok(AwsApi {
        port,
        process,
        connection: Arc::new(Connection(Mutex::new(process_state))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The output of a shell running `script`.
    fn output_of(script: &str) -> (Child, ChildStdout) {
        let mut child = Command::new("sh")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let output = child.stdout.take().expect("it is piped");
        (child, output)
    }

    #[test]
    fn a_server_that_names_no_port_is_not_waited_for() {
        for (script, limit, expected) in [
            ("echo 1234", STARTING_LIMIT, Some(1234)),
            ("echo nonsense", STARTING_LIMIT, None),
            ("exit 1", STARTING_LIMIT, None),
            ("exec tail -f /dev/null", Duration::ZERO, None),
        ] {
            let (mut child, output) = output_of(script);
            let port = port_within(limit, output).map(|(port, _)| port);
            assert_eq!(port, expected, "{script}");
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
