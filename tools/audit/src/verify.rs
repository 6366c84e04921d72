//! `stups audit verify`

use stups_store::audit::Chain;
use stups_terminal::{Failure, Terminal};

use crate::source::{Source, TrailArguments};

/// Check that no record of a trail was changed, removed, added or moved, and name the first one that was
///
/// The trail is a file of JSON lines, standard input (-), or a service that is asked for all of its records. Whether records
/// were cut off at the end shows the head: the hash of the last record, printed by an earlier check and kept elsewhere.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    trail: TrailArguments,
    /// The trail must be this service's
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// The trail must end with the record of this hash
    #[arg(long, value_name = "HASH", value_parser = hash)]
    expect_head: Option<String>,
    /// The trail must contain the record of this hash: it has grown since, and nothing before was changed
    #[arg(long, value_name = "HASH", value_parser = hash)]
    expect_record: Option<String>,
}

pub(crate) async fn run(terminal: &Terminal, arguments: &VerifyArguments) -> Result<(), Failure> {
    let mut source = Source::open(&arguments.trail, Vec::new())?;
    let mut chain = arguments.service.as_deref().map_or_else(Chain::new, Chain::of);
    // Every trail has grown from the empty one.
    let expected = arguments.expect_record.as_deref();
    let mut expected = expected.filter(|hash| *hash != chain.head());
    while let Some(record) = source.next().await? {
        chain
            .check(&record)
            .map_err(|broken| Failure::application(broken.to_string()))?;
        if expected == Some(chain.head()) {
            expected = None;
        }
    }
    if let Some(head) = &arguments.expect_head {
        chain
            .ends_with(head)
            .map_err(|broken| Failure::application(broken.to_string()))?;
    }
    if let Some(hash) = expected {
        return Err(Failure::application(format!("No record has the hash {hash}")));
    }
    let service = chain
        .service()
        .map(|service| format!(" of {service}"))
        .unwrap_or_default();
    terminal.print(&format!(
        "{} records{service} are as they were written. Head: {}\n",
        chain.length(),
        chain.head()
    ));
    Ok(())
}

fn hash(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text)
    } else {
        Err("a hash has 64 hexadecimal digits".to_owned())
    }
}
