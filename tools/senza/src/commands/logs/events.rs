//! Reading log groups: the events of all sources as one, oldest first, page by page.

use std::collections::VecDeque;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{StreamExt, TryStreamExt};
use stups_aws::Session;
use stups_aws::cloudwatchlogs::types::FilteredLogEvent;

use super::sources::Source;
use crate::Error;

/// How many pages are asked for at the same time.
const CALLS_AT_A_TIME: usize = 8;

/// Which events are wanted.
#[derive(Clone, Debug)]
pub(super) struct Query {
    /// not older than this, milliseconds since the epoch
    pub(super) start: i64,
    /// what CloudWatch has to match; all events without one
    pub(super) pattern: Option<String>,
}

/// One log event.
#[derive(Debug)]
pub(super) struct LogEvent<'a> {
    pub(super) source: &'a Source,
    pub(super) stream: String,
    /// milliseconds since the epoch
    pub(super) timestamp: i64,
    /// CloudWatch's own, unique in an account
    pub(super) id: String,
    pub(super) message: String,
}

/// Which page comes next.
#[derive(Debug)]
enum NextPage {
    First,
    With(String),
    None,
}

/// The events of one source. One page of them is in memory.
#[derive(Debug)]
struct Pages<'a> {
    session: &'a Session,
    source: &'a Source,
    query: &'a Query,
    next: NextPage,
    page: VecDeque<LogEvent<'a>>,
}

impl<'a> Pages<'a> {
    fn needs_page(&self) -> bool {
        self.page.is_empty() && !matches!(self.next, NextPage::None)
    }

    /// Reads pages until one has events; CloudWatch may send many empty ones while it searches.
    async fn fill(&mut self) -> Result<(), Error> {
        while self.needs_page() {
            self.read_page().await?;
        }
        Ok(())
    }

    async fn read_page(&mut self) -> Result<(), Error> {
        let token = match std::mem::replace(&mut self.next, NextPage::None) {
            NextPage::With(token) => Some(token),
            NextPage::First | NextPage::None => None,
        };
        let answer = self
            .session
            .logs()
            .filter_log_events()
            .log_group_name(&self.source.group)
            .set_log_stream_name_prefix(self.source.stream_prefix.clone())
            .start_time(self.query.start)
            .set_filter_pattern(self.query.pattern.clone())
            .set_next_token(token.clone())
            .send()
            .await;
        let answer = match answer.map_err(stups_aws::Error::from) {
            Ok(answer) => answer,
            // Nobody has written anything yet.
            Err(error) if error.has_code("ResourceNotFoundException") && !self.source.is_named => return Ok(()),
            Err(error) if error.has_code("ResourceNotFoundException") => {
                return Err(Error::Fatal(format!("Log group {} not found!", self.source.group)));
            }
            Err(error) => return Err(error.into()),
        };
        let source = self.source;
        let events = answer.events.unwrap_or_default().into_iter();
        let mut page: Vec<LogEvent<'a>> = events.filter_map(|event| log_event(source, event)).collect();
        // By time already at AWS; not so where only the streams' events are in order.
        page.sort_by_key(|event| event.timestamp);
        self.page = page.into();
        self.next = match answer.next_token {
            // The same token again would be the same page again.
            Some(next) if token.as_ref() != Some(&next) => NextPage::With(next),
            _ => NextPage::None,
        };
        Ok(())
    }
}

/// The event, if it is the source's.
fn log_event(source: &Source, event: FilteredLogEvent) -> Option<LogEvent<'_>> {
    let stream = event.log_stream_name.unwrap_or_default();
    let prefix = source.stream_prefix.as_deref().unwrap_or_default();
    stream.starts_with(prefix).then(|| LogEvent {
        source,
        stream,
        timestamp: event.timestamp.unwrap_or_default(),
        id: event.event_id.unwrap_or_default(),
        message: event.message.unwrap_or_default(),
    })
}

/// The events of several sources in the order of their times.
#[derive(Debug)]
pub(super) struct Merged<'a>(Vec<Pages<'a>>);

impl<'a> Merged<'a> {
    /// Nothing is read yet.
    pub(super) fn new(session: &'a Session, sources: &'a [Source], query: &'a Query) -> Self {
        let pages = sources.iter().map(|source| Pages {
            session,
            source,
            query,
            next: NextPage::First,
            page: VecDeque::new(),
        });
        Self(pages.collect())
    }

    /// The next event; nothing when all have been read.
    pub(super) async fn next(&mut self) -> Result<Option<LogEvent<'a>>, Error> {
        // Boxed: a stream of the closure's own futures would not be `Send` for every lifetime.
        let waiting = self.0.iter_mut().filter(|pages| pages.needs_page());
        let fills: Vec<BoxFuture<'_, Result<(), Error>>> = waiting.map(|pages| pages.fill().boxed()).collect();
        futures::stream::iter(fills)
            .buffer_unordered(CALLS_AT_A_TIME)
            .try_collect::<Vec<()>>()
            .await?;
        let with_events = self.0.iter_mut().filter(|pages| !pages.page.is_empty());
        let earliest = with_events.min_by_key(|pages| pages.page.front().map(|event| event.timestamp));
        Ok(earliest.and_then(|pages| pages.page.pop_front()))
    }
}
