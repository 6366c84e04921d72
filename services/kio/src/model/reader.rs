//! Reading single applications, many requests with one query.
//!
//! Every other service asks for single applications all the time. While a query is under way, further requests gather; the next
//! query answers them all. Nothing is kept: an answer is from a query that began after its request, so what was written before
//! is in it, on whichever instance.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use stups_server::{Error, PerServingThread};
use stups_store::{Held, Store};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::application::Model;
use super::list::{COLUMNS, Sql};

/// No query is for more applications.
const LARGEST_BATCH: usize = 256;

/// Requests beyond so many wait until there is room.
const QUEUE: usize = 4096;

/// For how long a connection is kept while one question comes right after the other: the pool renews those that it gets back.
const LONGEST_HOLD: Duration = Duration::from_secs(1);

/// For how long nobody may ask until the connection goes back.
const BREATH: Duration = Duration::from_millis(1);

/// How often others have their turn before a query, as long as each time brings further questions.
const TURNS: usize = 16;

/// An application as it is answered.
#[derive(Clone, Debug)]
pub(crate) struct Detail {
    pub(crate) revision: i64,
    /// JSON.
    pub(crate) body: Bytes,
}

type Answer = Result<Option<Arc<Detail>>, Error>;

struct Question {
    id: String,
    answer: oneshot::Sender<Answer>,
}

/// Who asks on one serving thread asks together: between two of them each question and each answer would wake the other.
pub(crate) struct Reader {
    store: Store,
    questions: PerServingThread<mpsc::Sender<Question>>,
}

impl Reader {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            questions: PerServingThread::default(),
        }
    }

    /// The application, if there is one. Must be called inside a tokio runtime.
    pub(crate) async fn read(&self, id: &str) -> Answer {
        let questions = self.questions.get_or_init(|| {
            let (questions, received) = mpsc::channel(QUEUE);
            tokio::spawn(answer_all(self.store.clone(), received));
            questions
        });
        let (answer, answered) = oneshot::channel();
        let question = Question {
            id: id.to_owned(),
            answer,
        };
        // Both ends live as long as the service does.
        questions.send(question).await.map_err(|_| Error::internal())?;
        answered.await.map_err(|_| Error::internal())?
    }
}

async fn answer_all(store: Store, mut received: mpsc::Receiver<Question>) {
    let mut questions = Vec::with_capacity(LARGEST_BATCH);
    while !questions.is_empty() || received.recv_many(&mut questions, LARGEST_BATCH).await > 0 {
        let mut held = None;
        let given_back = Instant::now() + LONGEST_HOLD;
        while !questions.is_empty() && Instant::now() < given_back {
            gather(&mut received, &mut questions).await;
            let answers = query(&store, &mut held, &questions).await;
            for Question { id, answer } in questions.drain(..) {
                let found = answers
                    .as_ref()
                    .map(|answers| answers.get(&id).cloned())
                    .map_err(Clone::clone);
                // Who asked may have gone meanwhile.
                let _ = answer.send(found);
            }
            // When the time is over nothing is lost: what was received is in the list.
            let _ = timeout(BREATH, received.recv_many(&mut questions, LARGEST_BATCH)).await;
        }
    }
}

/// Lets those ask who are about to: a query for many costs little more than one for a few. Ends when nobody comes any more.
async fn gather(received: &mut mpsc::Receiver<Question>, questions: &mut Vec<Question>) {
    for _ in 0..TURNS {
        let before = questions.len();
        // All who are ready have their turn, also those whose requests have just arrived.
        tokio::task::yield_now().await;
        while questions.len() < LARGEST_BATCH
            && let Ok(question) = received.try_recv()
        {
            questions.push(question);
        }
        if questions.len() == before {
            return;
        }
    }
}

async fn query(
    store: &Store,
    held: &mut Option<Held>,
    questions: &[Question],
) -> Result<HashMap<String, Arc<Detail>>, Error> {
    let mut ids: Vec<&str> = questions.iter().map(|question| question.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut sql = Sql::default();
    if let [id] = ids.as_slice() {
        sql.condition("a.id =", *id);
    } else {
        let list = serde_json::to_string(&ids).map_err(|_| Error::internal())?;
        // One value, so that the statement is the same for every number of them and prepared once.
        let list = sql.value(list);
        sql.text(match store.dialect() {
            stups_store::Dialect::Sqlite => format!("a.id IN (SELECT value FROM json_each({list}))"),
            stups_store::Dialect::PostgreSql => {
                format!("a.id IN (SELECT json_array_elements_text(CAST({list} AS json)))")
            }
        });
    }
    let text = format!("SELECT {COLUMNS} FROM applications a{}", sql.where_clause());
    let statement = sql.statement(store.connection().get_database_backend(), text);
    let connection = match held {
        Some(connection) => connection,
        None => held.insert(store.hold().await?),
    };
    let models = connection.all::<Model>(statement).await;
    if models.is_err() {
        *held = None;
    }
    models?
        .into_iter()
        .map(|model| Ok((model.id.clone(), Arc::new(detail(model)?))))
        .collect()
}

fn detail(model: Model) -> Result<Detail, Error> {
    let revision = model.revision;
    let body = serde_json::to_vec(&model.detail()).map_err(|_| Error::internal())?;
    Ok(Detail {
        revision,
        body: body.into(),
    })
}
