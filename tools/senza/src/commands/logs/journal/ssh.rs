//! Running `journalctl` on an instance with the system's `ssh`.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::process::Stdio;

use futures::future::try_join;
use tokio::io::BufReader;
use tokio::process::{ChildStderr, Command};

use super::super::super::log_line::printable;
use super::super::bounded_lines::next_line;
use crate::Error;

/// So many of the last lines of what ssh complains about are told.
const COMPLAINTS: usize = 3;
/// What ssh exits with when it is its own failure, not the command's.
const NO_CONNECTION: i32 = 255;

/// Whom to log in as where, and over which bastion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    /// `user@host`
    jump: String,
    /// `user@address`
    host: String,
    address: String,
    odd_host: String,
}

impl Destination {
    /// `odd_host` may name another user for the bastion: `user@host`.
    pub(super) fn new(user: &str, odd_host: &str, address: &str) -> Result<Self, Error> {
        let (odd_user, odd_host) = odd_host.split_once('@').unwrap_or((user, odd_host));
        // Some of it comes from files and DNS, and ssh takes what begins with a dash for an option.
        for word in [user, odd_user, odd_host] {
            let is_sound = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
            if word.is_empty() || word.starts_with('-') || !word.chars().all(is_sound) {
                return Err(Error::Usage(format!("'{word}' is no name of a user or host")));
            }
        }
        Ok(Self {
            jump: format!("{odd_user}@{odd_host}"),
            host: format!("{user}@{address}"),
            address: address.to_owned(),
            odd_host: odd_host.to_owned(),
        })
    }
}

/// What is asked of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// one word of the remote shell each
    words: Vec<String>,
}

impl Query {
    pub(super) fn new(units: &[String], lines: Option<u32>, since: f64, follow: bool) -> Result<Self, Error> {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "saturates, and no journal is from that time"
        )]
        let since = since as i64;
        let mut words: Vec<String> = ["journalctl", "--no-pager", "--quiet", "--utc", "--output=short-iso"]
            .map(str::to_owned)
            .into();
        words.push(format!("--since=@{since}"));
        words.extend(lines.map(|lines| format!("--lines={lines}")));
        if follow {
            words.push("--follow".to_owned());
            // Without a number journalctl would begin with ten lines, wherever --since is.
            if lines.is_none() {
                words.push("--no-tail".to_owned());
            }
        }
        for unit in units {
            if unit.is_empty() || unit.chars().any(|it| it == '\'' || it.is_control()) {
                return Err(Error::Usage(format!("'{}' is no name of a unit", printable(unit))));
            }
            words.push(format!("--unit='{unit}'"));
        }
        Ok(Self { words })
    }
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    /// why, and what to do
    Failed(String),
}

/// Calls `show` with each line, until the journal ends or `show` says that nobody looks any more.
pub(super) async fn read(
    destination: &Destination,
    query: &Query,
    mut show: impl FnMut(&str) -> bool,
) -> Result<Ended, Error> {
    let not_started = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Error::CommandNotFound {
            command: "ssh".to_owned(),
            hint: "--journal reads journals with OpenSSH's ssh: install it.".to_owned(),
        },
        _ => Error::Fatal(format!("ssh could not be started: {error}")),
    };
    let mut child = Command::new("ssh")
        .args(arguments(destination, query))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(not_started)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let lines = async {
        if let Some(stdout) = stdout {
            let mut reader = BufReader::new(stdout);
            while let Some(line) = next_line(&mut reader).await? {
                if !show(&line) {
                    return Err(Stopped::Unseen);
                }
            }
        }
        Ok(())
    };
    // At the same time: neither may wait for room in its pipe.
    let complaints = match try_join(lines, complaints(stderr)).await {
        Ok(((), complaints)) => complaints,
        Err(Stopped::Unseen) => return Ok(Ended::Well),
        Err(Stopped::Unreadable(error)) => return Err(broken(&error)),
    };
    let status = child.wait().await.map_err(|error| broken(&error))?;
    Ok(match status.code() {
        Some(0) => Ended::Well,
        Some(NO_CONNECTION) => Ended::Failed(no_connection(destination, &complaints)),
        _ => Ended::Failed(format!("journalctl failed ({status}): {}", complaints.join(" "))),
    })
}

/// Why lines are read no further.
enum Stopped {
    /// nobody looks any more
    Unseen,
    Unreadable(io::Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

fn broken(error: &io::Error) -> Error {
    Error::Fatal(format!("ssh can't be read: {error}"))
}

/// The last lines that are not empty.
async fn complaints(stderr: Option<ChildStderr>) -> Result<Vec<String>, Stopped> {
    let mut last = VecDeque::new();
    if let Some(stderr) = stderr {
        let mut reader = BufReader::new(stderr);
        while let Some(line) = next_line(&mut reader).await? {
            let line = printable(line.trim());
            if line.is_empty() {
                continue;
            }
            if last.len() == COMPLAINTS {
                last.pop_front();
            }
            last.push_back(line);
        }
    }
    Ok(last.into())
}

fn arguments(destination: &Destination, query: &Query) -> Vec<String> {
    // Nobody is asked anything: several run at the same time. Instances come and go: the first key is trusted, another one is not.
    let options = [
        "BatchMode=yes",
        "ConnectTimeout=15",
        "ServerAliveInterval=15",
        "StrictHostKeyChecking=accept-new",
    ];
    let mut arguments: Vec<String> = options
        .iter()
        .flat_map(|option| ["-o", option])
        .map(str::to_owned)
        .collect();
    arguments.extend(["-J".to_owned(), destination.jump.clone(), destination.host.clone()]);
    arguments.extend(query.words.iter().cloned());
    arguments
}

/// What to do about a connection that was not made.
fn no_connection(destination: &Destination, complaints: &[String]) -> String {
    let Destination { address, odd_host, .. } = destination;
    let reason = complaints.join(" ");
    let advice = if reason.contains("HOST IDENTIFICATION HAS CHANGED")
        || reason.contains("Host key verification failed")
    {
        format!(
            "the host key is not the known one: if the address was another instance's before, ssh-keygen -R {address}"
        )
    } else {
        format!("ask for access: piu request-access {address} REASON -O {odd_host}")
    };
    format!("{reason} ({advice})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_is_called_over_the_bastion() {
        let destination = Destination::new("jdoe", "odd.example.org", "172.31.0.1").unwrap();
        let query = Query::new(&["docker.service".to_owned()], Some(5), 1_700_000_000.9, true).unwrap();
        let words = arguments(&destination, &query).join(" ");
        assert_eq!(
            words,
            "-o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 -o StrictHostKeyChecking=accept-new -J jdoe@odd.example.org \
             jdoe@172.31.0.1 journalctl --no-pager --quiet --utc --output=short-iso --since=@1700000000 --lines=5 --follow \
             --unit='docker.service'"
        );
        let query = Query::new(&[], None, 0.0, true).unwrap();
        assert!(query.words.contains(&"--no-tail".to_owned()));
        let shared = Destination::new("ubuntu", "odd@odd.example.org", "172.31.0.1").unwrap();
        assert_eq!(
            (shared.jump.as_str(), shared.host.as_str()),
            ("odd@odd.example.org", "ubuntu@172.31.0.1")
        );
    }

    #[test]
    fn names_are_no_options_and_no_commands() {
        for (user, odd_host) in [
            ("-oProxyCommand=x", "odd"),
            ("jdoe", "-oProxyCommand=x"),
            ("jdoe", "odd;reboot"),
            ("jdoe", "a@b@c"),
            ("", "odd"),
            ("jdoe", "@odd"),
        ] {
            assert!(
                Destination::new(user, odd_host, "172.31.0.1").is_err(),
                "{user} {odd_host}"
            );
        }
        for unit in ["", "a'; reboot; '", "a\nb"] {
            assert!(Query::new(&[unit.to_owned()], None, 0.0, false).is_err(), "{unit}");
        }
    }

    #[test]
    fn a_changed_host_key_has_another_remedy() {
        let destination = Destination::new("jdoe", "odd.example.org", "172.31.0.1").unwrap();
        for (complaint, expected) in [
            (
                "Permission denied (publickey).",
                "Permission denied (publickey). (ask for access: piu request-access 172.31.0.1 REASON -O odd.example.org)",
            ),
            (
                "Host key verification failed.",
                "Host key verification failed. (the host key is not the known one: if the address was another instance's before, \
                 ssh-keygen -R 172.31.0.1)",
            ),
        ] {
            assert_eq!(no_connection(&destination, &[complaint.to_owned()]), expected);
        }
    }
}
