//! `stups audit export`

use jiff::Timestamp;
use stups_store::audit::Record;
use stups_terminal::{Failure, Terminal};

use crate::source::{Source, TrailArguments};

/// Print the records of a trail as JSON lines, oldest first
///
/// The trail is a file of JSON lines, standard input (-), or a service. What is printed without a filter can be checked later
/// by `stups audit verify`, without the service.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    trail: TrailArguments,
    /// Only what was done to this: an application's id, a user's /realm/uid
    #[arg(long)]
    subject: Option<String>,
    /// Only what this caller did: /employees/jdoe
    #[arg(long, value_name = "/REALM/UID")]
    actor: Option<String>,
    /// Not recorded before this time of RFC 3339: 2027-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Recorded before this time of RFC 3339
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
}

impl ExportArguments {
    /// As a service takes it.
    fn query(&self) -> Vec<(&'static str, String)> {
        let milliseconds = |time: &Option<Timestamp>| time.map(|time| time.as_millisecond().to_string());
        let filters = [
            ("subject", self.subject.clone()),
            ("actor", self.actor.clone()),
            ("since", milliseconds(&self.since)),
            ("until", milliseconds(&self.until)),
        ];
        let given = filters.into_iter().filter_map(|(name, value)| Some((name, value?)));
        given.collect()
    }

    /// The same for what no service has chosen.
    fn is_wanted(&self, record: &Record) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        is(&self.subject, &record.event.subject)
            && is(&self.actor, &record.event.actor.name())
            && self
                .since
                .is_none_or(|since| record.recorded_at >= since.as_millisecond())
            && self
                .until
                .is_none_or(|until| record.recorded_at < until.as_millisecond())
    }
}

pub(crate) async fn run(terminal: &Terminal, arguments: &ExportArguments) -> Result<(), Failure> {
    let mut source = Source::open(&arguments.trail, arguments.query())?;
    while let Some(record) = source.next().await? {
        if arguments.is_wanted(&record) {
            let line = serde_json::to_string(&record).map_err(|error| Failure::application(error.to_string()))?;
            terminal.print(&format!("{line}\n"));
        }
        // Whoever reads it has seen enough.
        if terminal.stdout_is_closed() {
            break;
        }
    }
    Ok(())
}
