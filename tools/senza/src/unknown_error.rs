//! What is done about an error that nobody expected: it is written to a file, or sent to Sentry where that is configured.

#[cfg(test)]
mod tests;

use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::error::Error as StdError;
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use sentry_types::Dsn;
use sentry_types::protocol::v7::{Envelope, Event, Exception, Level};

use crate::settings::Settings;
use crate::{Error, http};

const AGENT: &str = concat!("senza/", env!("CARGO_PKG_VERSION"));
const RELEASE: &str = concat!("senza@", env!("CARGO_PKG_VERSION"));
/// Nobody waits longer for Sentry.
const PATIENCE: Duration = Duration::from_secs(3);
/// What the environment may hold that must not get anywhere.
const SECRETS: [&str; 4] = [
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "SPOTINST_TOKEN",
];
/// Shorter values can't be told from the words around them.
const SHORTEST_SECRET: usize = 3;

thread_local! {
    /// Where this thread met the last unknown error.
    static ORIGIN: RefCell<Option<Backtrace>> = const { RefCell::new(None) };
}

/// Where the process panicked last.
static PANIC: Mutex<Option<(String, Backtrace)>> = Mutex::new(None);

/// Remembers where an unknown error came from: when it is reported that is long past.
pub(crate) fn note_origin() {
    ORIGIN.set(Some(Backtrace::force_capture()));
}

/// From now on a panic is noted, not printed. Its words are left out, for they may quote what was worked on.
pub(crate) fn note_panics() {
    panic::set_hook(Box::new(|information| {
        let place = information.location().map(ToString::to_string).unwrap_or_default();
        let mut noted = PANIC.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *noted = Some((place, Backtrace::force_capture()));
    }));
}

/// What became of a command that panicked.
pub(crate) fn of_panic() -> Error {
    let noted = PANIC.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    let (place, backtrace) = noted.unzip();
    ORIGIN.set(backtrace);
    Error::Panic(place.unwrap_or_default())
}

/// An unknown error, and in which command it was met.
#[derive(Debug)]
pub(crate) struct Report {
    command: String,
    /// what it is called in lists: `ec2 DescribeImages InternalError`
    title: String,
    /// the error, and what caused it
    chain: Vec<String>,
    backtrace: String,
}

impl Report {
    /// Of the error that ended `command`, called with `words`: what they set by name stays out of it.
    pub(crate) fn new(command: &str, words: &[String], error: &Error) -> Self {
        let secrets = secrets(words, |name| std::env::var(name).ok());
        let mask = |text: &str| {
            secrets
                .iter()
                .fold(text.to_owned(), |text, secret| text.replace(secret, "****"))
        };
        let backtrace = ORIGIN.take().unwrap_or_else(Backtrace::force_capture);
        Self {
            command: command.to_owned(),
            title: match error {
                Error::Aws(error) => {
                    let code = error.code.as_deref().unwrap_or_default();
                    format!("{} {} {code}", error.service, error.operation)
                        .trim_end()
                        .to_owned()
                }
                _ => "internal error".to_owned(),
            },
            chain: chain(error).iter().map(|error| mask(error)).collect(),
            backtrace: mask(&backtrace.to_string()),
        }
    }

    /// Puts it where it can be found, and says where that is. Where Sentry does not take it that is a file.
    pub(crate) async fn deliver(&self, settings: &Settings) -> String {
        let Some(dsn) = settings.text("sentry", "endpoint") else {
            return self.store();
        };
        match self.send(dsn).await {
            Ok(event) => format!("This error was sent to Sentry as event {event}."),
            Err(reason) => format!("Sentry did not take this error: {reason}. {}", self.store()),
        }
    }

    /// Whether somebody wants to know, though the person has seen it all.
    pub(crate) async fn deliver_to_sentry(&self, settings: &Settings) {
        if let Some(dsn) = settings.text("sentry", "endpoint") {
            let _ = self.send(dsn).await;
        }
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{AGENT}, senza {}\n{} {}\n\n",
            self.command,
            std::env::consts::OS,
            std::env::consts::ARCH
        );
        for (depth, error) in self.chain.iter().enumerate() {
            let cause = if depth > 0 { "Caused by: " } else { "" };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{cause}{error}");
        }
        let _ = write!(text, "\nBacktrace:\n{}", self.backtrace);
        text
    }

    fn store(&self) -> String {
        match self.write() {
            Ok(path) => format!("Please create an issue with the content of {}", path.display()),
            Err(error) => format!("Its details could not be stored: {error}"),
        }
    }

    /// A file that only the caller can read.
    fn write(&self) -> std::io::Result<PathBuf> {
        let mut file = tempfile::Builder::new().prefix("senza-traceback-").tempfile()?;
        file.write_all(self.text().as_bytes())?;
        let (_, path) = file.keep()?;
        Ok(path)
    }

    /// Returns the event's id.
    async fn send(&self, dsn: &str) -> Result<String, String> {
        let dsn: Dsn = dsn.parse().map_err(|_| "sentry.endpoint is not a DSN".to_owned())?;
        let event = self.event();
        let id = event.event_id.simple().to_string();
        let mut body = Vec::new();
        Envelope::from(event)
            .to_writer(&mut body)
            .map_err(|error| error.to_string())?;
        let client = http::client(PATIENCE).map_err(|error| http::cause(&error))?;
        let request = client
            .post(dsn.envelope_api_url().as_str())
            .header("Content-Type", "application/x-sentry-envelope")
            .header("X-Sentry-Auth", dsn.to_auth(Some(AGENT)).to_string())
            .body(body);
        let answer = request.send().await.map_err(|error| http::cause(&error))?;
        if answer.status().is_success() {
            Ok(id)
        } else {
            Err(format!("it answered {}", answer.status()))
        }
    }

    fn event(&self) -> Event<'static> {
        let tags = [
            ("command", self.command.as_str()),
            ("os", std::env::consts::OS),
            ("arch", std::env::consts::ARCH),
        ];
        let exceptions: Vec<Exception> = self
            .chain
            .iter()
            // Sentry wants the innermost cause first.
            .rev()
            .map(|error| Exception {
                ty: self.title.clone(),
                value: Some(error.clone()),
                ..Exception::default()
            })
            .collect();
        Event {
            level: Level::Error,
            release: Some(RELEASE.into()),
            transaction: Some(format!("senza {}", self.command)),
            exception: exceptions.into(),
            tags: tags.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            extra: [("backtrace".to_owned(), self.backtrace.clone().into())].into(),
            ..Event::default()
        }
    }
}

/// The error in words, and what caused it.
fn chain(error: &dyn StdError) -> Vec<String> {
    let mut chain = vec![error.to_string()];
    let mut deeper = error.source();
    while let Some(cause) = deeper {
        chain.push(cause.to_string());
        deeper = cause.source();
    }
    chain
}

/// What is kept out of reports: values that the command line sets by name, and the environment's credentials.
fn secrets(words: &[String], environment: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let named = words
        .iter()
        .filter_map(|word| word.split_once('='))
        .map(|(_, value)| value.to_owned());
    let mut secrets: Vec<String> = named
        .chain(SECRETS.iter().filter_map(|name| environment(name)))
        .collect();
    secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
    // A secret that is part of another one must not leave the rest of it behind.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}
