//! Who is let in: so many connections at once, and none that says nothing for too long.
//!
//! Without a bound a flood of connections, or of clients that send a byte a minute, takes every file that the process may open;
//! then it can no more reach its database either.

use std::future::{Future, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_server::accept::Accept;
use metrics::{Gauge, counter, gauge};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

use crate::Limits;
use crate::entrances::{Seat, Seated};

const CONNECTIONS: &str = "stups_http_connections";
const REFUSED: &str = "stups_http_connections_refused_total";

/// Files that a process opens beside its callers' connections: databases, other services, logs.
const OTHER_FILES: usize = 256;

/// How many of the connections that are too many are told so at a time; the rest find themselves disconnected.
const EXPLAINED: usize = 64;

/// How long it may take to tell them.
const EXPLAINED_WITHIN: Duration = Duration::from_secs(1);

const EXPLANATION: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/json\r\n\
    retry-after: 1\r\n\
    connection: close\r\n\
    content-length: 90\r\n\r\n\
    {\"message\":\"The service has more connections than it can bear. Try again.\",\"details\":null}";

/// How many connections each of so many services may have, as far as the system lets this process open files (Linux; `None`
/// where that is not known).
pub fn open_files_share(services: usize) -> Option<usize> {
    share(&std::fs::read_to_string("/proc/self/limits").ok()?, services)
}

/// `Max open files            1024                 524288               files`
fn share(limits: &str, services: usize) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let files: usize = line.split_whitespace().next()?.parse().ok()?;
    Some((files.saturating_sub(OTHER_FILES) / services.max(1)).max(1))
}

/// Lets connections in while there are places.
#[derive(Clone)]
pub(crate) struct Doorkeeper {
    places: Arc<Semaphore>,
    explanations: Arc<Semaphore>,
    silence: Silence,
    /// Whether callers without a place can be told in plain HTTP.
    plain: bool,
    count: Gauge,
}

impl Doorkeeper {
    pub(crate) fn new(limits: &Limits, plain: bool) -> Self {
        Self {
            places: Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS))),
            explanations: Arc::new(Semaphore::new(EXPLAINED)),
            silence: Silence {
                look: limits.keep_alive + LEEWAY,
                end: limits.silence(),
            },
            plain,
            count: gauge!(CONNECTIONS),
        }
    }
}

impl<S: Send + 'static> Accept<Seated, S> for Doorkeeper {
    type Stream = Connection<TcpStream>;
    type Service = S;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, S)>> + Send>>;

    fn accept(&self, Seated { stream, seat }: Seated, service: S) -> Self::Future {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            let place = Place::new(place, self.count.clone(), seat);
            let accepted = stream
                .set_nodelay(true)
                .map(|()| (Connection::new(stream, self.silence, place), service));
            return Box::pin(ready(accepted));
        }
        counter!(REFUSED).increment(1);
        let explanation = Arc::clone(&self.explanations).try_acquire_owned().ok();
        let explanation = explanation.filter(|_| self.plain);
        Box::pin(async move {
            if let Some(_explanation) = explanation {
                // Who does not listen is not waited for.
                let _ = tokio::time::timeout(EXPLAINED_WITHIN, explain(stream)).await;
            }
            Err(io::Error::other("there are too many connections"))
        })
    }
}

/// Answers the request that is on its way: closing before it is read would take the answer back.
async fn explain(mut stream: TcpStream) -> io::Result<()> {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await?;
    stream.write_all(EXPLANATION).await?;
    stream.shutdown().await
}

/// A place, counted. Free again when dropped.
pub(crate) struct Place {
    count: Gauge,
    _permit: OwnedSemaphorePermit,
    _seat: Seat,
}

impl Place {
    fn new(permit: OwnedSemaphorePermit, count: Gauge, seat: Seat) -> Self {
        count.increment(1.0);
        Self {
            count,
            _permit: permit,
            _seat: seat,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.count.decrement(1.0);
    }
}

/// What becomes of a connection that is silent for so long.
#[derive(Clone, Copy, Debug)]
struct Silence {
    /// Its task is woken: what runs over it may have waited long enough ([`crate::head_deadline`]).
    look: Duration,
    /// It breaks.
    end: Duration,
}

/// The protocol's own clock starts when it has read or written; a look before it is over would find nothing.
const LEEWAY: Duration = Duration::from_millis(50);

/// A connection that breaks when nothing could be read or written for too long, whatever protocol runs over it: also before it
/// is known which, and when the other side does not take what it asked for.
pub(crate) struct Connection<I, P = Place> {
    io: I,
    silence: Silence,
    /// When something was last read or written.
    active: Instant,
    /// When to look whether that is too long ago.
    alarm: Pin<Box<Sleep>>,
    _place: P,
}

impl<I, P> Connection<I, P> {
    fn new(io: I, silence: Silence, place: P) -> Self {
        Self {
            io,
            silence,
            active: Instant::now(),
            alarm: Box::pin(tokio::time::sleep(silence.look.min(silence.end))),
            _place: place,
        }
    }

    /// Notes progress; an error when there was none for too long. The alarm is set again only when it has gone off: a busy
    /// connection costs a look at the clock.
    fn watched<T>(&mut self, cx: &mut Context<'_>, progress: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.active = Instant::now();
            return progress;
        }
        loop {
            ready!(self.alarm.as_mut().poll(cx));
            let (now, look, end) = (
                Instant::now(),
                self.active + self.silence.look,
                self.active + self.silence.end,
            );
            if end <= now {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.alarm.as_mut().reset(if now < look { look.min(end) } else { end });
        }
    }
}

impl<I: AsyncRead + Unpin, P: Unpin> AsyncRead for Connection<I, P> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.io).poll_read(cx, buffer);
        self.watched(cx, progress)
    }
}

impl<I: AsyncWrite + Unpin, P: Unpin> AsyncWrite for Connection<I, P> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.io).poll_write(cx, buffer);
        self.watched(cx, progress)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.io).poll_write_vectored(cx, buffers);
        self.watched(cx, progress)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    #[test]
    fn the_explanation_is_as_long_as_it_says() {
        let text = std::str::from_utf8(EXPLANATION).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{head} {}",
            body.len()
        );
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }

    #[test]
    fn services_share_the_files_that_may_be_opened() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             95694                95694                processes \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(share(limits, 1), Some(768));
        assert_eq!(share(limits, 2), Some(384));
        assert_eq!(share(&limits.replace("1024", "100"), 2), Some(1));
        assert_eq!(share("", 2), None);
    }

    fn for_long(time: Duration) -> Silence {
        Silence { look: time, end: time }
    }

    #[tokio::test]
    async fn a_connection_that_is_silent_wakes_its_task_before_it_breaks() {
        let (_other, one) = duplex(16);
        let silence = Silence {
            look: Duration::from_millis(20),
            end: Duration::from_hours(1),
        };
        let mut one = Connection::new(one, silence, ());
        let mut polls = 0;
        let woken = std::future::poll_fn(|cx| {
            polls += 1;
            let mut byte = [0];
            let read = Pin::new(&mut one).poll_read(cx, &mut ReadBuf::new(&mut byte));
            assert!(read.is_pending());
            if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
        });
        woken.await;
        assert!(one.alarm.deadline() > Instant::now() + Duration::from_mins(59));
    }

    #[tokio::test]
    async fn a_connection_that_is_silent_for_too_long_breaks() {
        let (_other, one) = duplex(16);
        let mut one = Connection::new(one, for_long(Duration::from_millis(20)), ());
        let error = one.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn who_does_not_take_what_is_written_is_not_waited_for() {
        let (_other, one) = duplex(16);
        let mut one = Connection::new(one, for_long(Duration::from_millis(20)), ());
        let error = one.write_all(&[0; 1000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_connection_that_was_busy_when_the_alarm_went_off_lives_on() {
        let (mut other, one) = duplex(16);
        let mut one = Connection::new(one, for_long(Duration::from_hours(1)), ());
        // The alarm of an hour ago: something was heard since.
        one.alarm.as_mut().reset(Instant::now());
        one.alarm.as_mut().await;
        other.write_u8(7).await.unwrap();
        assert_eq!(one.read_u8().await.unwrap(), 7);
        assert!(futures::poll!(Box::pin(one.read_u8())).is_pending());
        assert!(one.alarm.deadline() > Instant::now() + Duration::from_mins(59));
    }
}
