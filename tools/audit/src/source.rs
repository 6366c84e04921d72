//! Where the records come from.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::PathBuf;

use secrecy::SecretString;
use stups_api::client::Client;
use stups_store::audit::Record;
use stups_terminal::Failure;
use url::Url;

/// Records of one request.
const PAGE: usize = 1000;

/// No record is longer.
const LONGEST_LINE: u64 = 16 << 20;

/// Where a trail is.
#[derive(Debug, clap::Args)]
pub(crate) struct TrailArguments {
    /// A file, - for standard input, or the URL of a service: `https://kio.example.org`
    #[arg(value_name = "FILE|URL|-")]
    trail: String,
    /// The name of the token in OAUTH2_ACCESS_TOKENS (name=token,...) that the service is asked with
    #[arg(long, value_name = "NAME", default_value = "audit")]
    token_name: String,
    /// A file with the token that the service is asked with
    #[arg(long, value_name = "FILE", conflicts_with = "token_name")]
    token_file: Option<PathBuf>,
}

/// Records, one after the other.
pub(crate) enum Source {
    Lines(Lines),
    Service(Box<Service>),
}

impl Source {
    /// The records of the trail. A service is asked for those of `query` alone, beside the page that it is asked for anyway.
    pub(crate) fn open(arguments: &TrailArguments, query: Vec<(&'static str, String)>) -> Result<Self, Failure> {
        let trail = arguments.trail.as_str();
        if trail == "-" {
            return Ok(Self::Lines(Lines::new(
                "standard input",
                Box::new(BufReader::new(std::io::stdin())),
            )));
        }
        if trail.starts_with("https://") || trail.starts_with("http://") {
            let service = Service::new(trail, arguments.token()?, query)?;
            return Ok(Self::Service(Box::new(service)));
        }
        let file = File::open(trail).map_err(|error| Failure::application(format!("{trail}: {error}")))?;
        Ok(Self::Lines(Lines::new(trail, Box::new(BufReader::new(file)))))
    }

    /// The next record; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Record>, Failure> {
        match self {
            Self::Lines(lines) => lines.next(),
            Self::Service(service) => service.next().await,
        }
    }
}

impl TrailArguments {
    fn token(&self) -> Result<SecretString, Failure> {
        let token = if let Some(path) = &self.token_file {
            std::fs::read_to_string(path)
                .map_err(|error| Failure::application(format!("{}: {error}", path.display())))?
        } else {
            let name = &self.token_name;
            let tokens = std::env::var("OAUTH2_ACCESS_TOKENS").unwrap_or_default();
            let found = tokens
                .split(',')
                .filter_map(|entry| entry.trim().split_once('='))
                .find(|(key, _)| key == name);
            let (_, token) = found.ok_or_else(|| {
                Failure::usage(format!(
                    "OAUTH2_ACCESS_TOKENS has no token named {name:?}; give one with --token-file."
                ))
            })?;
            token.to_owned()
        };
        Ok(SecretString::from(token.trim()))
    }
}

/// JSON lines.
pub(crate) struct Lines {
    name: String,
    number: u64,
    input: Box<dyn BufRead>,
}

impl Lines {
    fn new(name: &str, input: Box<dyn BufRead>) -> Self {
        Self {
            name: name.to_owned(),
            number: 0,
            input,
        }
    }

    fn next(&mut self) -> Result<Option<Record>, Failure> {
        loop {
            let mut line = Vec::new();
            let mut bounded = (&mut self.input).take(LONGEST_LINE);
            bounded
                .read_until(b'\n', &mut line)
                .map_err(|error| Failure::application(format!("{}: {error}", self.name)))?;
            if line.is_empty() {
                return Ok(None);
            }
            self.number += 1;
            if line.trim_ascii().is_empty() {
                continue;
            }
            return serde_json::from_slice(&line).map(Some).map_err(|error| {
                Failure::application(format!(
                    "{}, line {}, is no audit record: {error}",
                    self.name, self.number
                ))
            });
        }
    }
}

/// A service that is asked page by page.
pub(crate) struct Service {
    client: Client,
    path: &'static [&'static str],
    query: Vec<(&'static str, String)>,
    waiting: VecDeque<Record>,
    last: i64,
}

impl Service {
    fn new(url: &str, token: SecretString, query: Vec<(&'static str, String)>) -> Result<Self, Failure> {
        let base: Url = url.parse().map_err(|error| Failure::usage(format!("{url}: {error}")))?;
        // Who copies the address of the trail itself means the same.
        let path: &[&str] = if base.path().trim_end_matches('/').ends_with("/audit") {
            &[]
        } else {
            &["audit"]
        };
        let client = Client::new(base)
            .map_err(|error| Failure::application(error.to_string()))?
            .with_tokens(token);
        Ok(Self {
            client,
            path,
            query,
            waiting: VecDeque::new(),
            last: 0,
        })
    }

    async fn next(&mut self) -> Result<Option<Record>, Failure> {
        if self.waiting.is_empty() {
            let mut query = self.query.clone();
            query.extend([("after", self.last.to_string()), ("limit", PAGE.to_string())]);
            let page: Vec<Record> = self
                .client
                .get(self.path)
                .query(&query)
                .send()
                .await
                .map_err(|error| Failure::application(error.to_string()))?;
            // One that does not lead on would be asked for again and again.
            if page.last().is_some_and(|last| last.sequence <= self.last) {
                return Err(Failure::application(format!(
                    "The service sends records again that follow {}",
                    self.last
                )));
            }
            self.waiting = page.into();
        }
        let next = self.waiting.pop_front();
        if let Some(record) = &next {
            self.last = record.sequence;
        }
        Ok(next)
    }
}
