//! The audit trail of issued tokens. No token leaves without its record; tokens that are issued at the same moment share one
//! commit, so that the chain does not make them queue for the disk one by one.

use stups_server::Error;
use stups_store::Store;
use stups_store::audit::Event;
use tokio::sync::{mpsc, oneshot};

/// How many records one commit takes.
const BATCH: usize = 256;

type Entry = (Event, oneshot::Sender<Result<(), Error>>);

/// Records the issue of tokens whose grant writes nothing else.
#[derive(Clone, Debug)]
pub struct IssueLog(mpsc::Sender<Entry>);

impl IssueLog {
    /// Starts recording; it ends with the last clone.
    pub fn start(store: Store) -> Self {
        let (sender, receiver) = mpsc::channel(4 * BATCH);
        tokio::spawn(record(store, receiver));
        Self(sender)
    }

    /// Returns when the event is in the audit trail for good.
    pub async fn record(&self, event: Event) -> Result<(), Error> {
        let (done, recorded) = oneshot::channel();
        self.0.send((event, done)).await.map_err(|_| Error::internal())?;
        recorded.await.map_err(|_| Error::internal())?
    }
}

/// Takes all that came in while the last batch was written.
async fn record(store: Store, mut entries: mpsc::Receiver<Entry>) {
    let mut batch = Vec::with_capacity(BATCH);
    while entries.recv_many(&mut batch, BATCH).await > 0 {
        let (events, waiting): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        let outcome = commit(&store, events).await;
        for done in waiting {
            // Who went away in the meantime gets no token, and the record says that one was made: the safe side.
            drop(done.send(outcome.clone()));
        }
    }
}

async fn commit(store: &Store, events: Vec<Event>) -> Result<(), Error> {
    store.write().await?.commit_all(events).await?;
    Ok(())
}
