//! One line per request, written by a thread of its own: no request waits for a disk, and a log that cannot keep up loses lines
//! (and counts them) instead of memory.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use stups_auth::Caller;

use crate::log_fields::{LogFields, LogValue};

/// How many bytes of lines wait to be written at most.
const WAITING: usize = 4 << 20;

/// How long lines gather until they are written.
const GATHER: Duration = Duration::from_millis(10);

/// How the access log and the other logs look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line: for machines.
    #[default]
    Json,
    /// For a person at a terminal.
    Human,
}

/// Parameters whose values are secrets, wherever they appear in a query.
const SECRET_PARAMETERS: [&str; 12] = [
    "access_token",
    "assertion",
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "id_token",
    "id_token_hint",
    "password",
    "refresh_token",
    "token",
    "user_code",
];

/// What is told about a request.
pub(crate) struct Line<'a> {
    pub(crate) service: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) status: u16,
    pub(crate) duration: Duration,
    pub(crate) address: Option<IpAddr>,
    pub(crate) caller: Option<&'a Caller>,
    /// What the service tells beside that.
    pub(crate) fields: Option<&'a LogFields>,
}

struct Log {
    format: LogFormat,
    state: Mutex<State>,
    filled: Condvar,
    lost: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Whether the thread is writing lines that it has taken.
    writing: bool,
}

static LOG: OnceLock<Arc<Log>> = OnceLock::new();

/// Starts the access log of this process. Without it, requests leave no lines. Does nothing the second time.
pub(crate) fn start(format: LogFormat, output: impl io::Write + Send + 'static) {
    let log = Arc::new(Log {
        format,
        state: Mutex::default(),
        filled: Condvar::new(),
        lost: AtomicU64::new(0),
    });
    if LOG.set(log.clone()).is_ok() {
        let writer = std::thread::Builder::new().name("access-log".to_owned());
        // Without a thread the lines are lost and counted, which is no reason not to start.
        drop(writer.spawn(move || write_forever(&log, output)));
    }
}

/// Waits until every line has been written, for at most `patience`.
pub(crate) fn flush(patience: Duration) {
    let Some(log) = LOG.get() else { return };
    let state = log.state.lock().unwrap_or_else(PoisonError::into_inner);
    let unwritten = |state: &mut State| state.writing || !state.waiting.is_empty();
    drop(log.filled.wait_timeout_while(state, patience, unwritten));
}

/// How many lines were lost.
pub(crate) fn lost() -> u64 {
    LOG.get().map_or(0, |log| log.lost.load(Ordering::Relaxed))
}

thread_local! {
    /// Where a line is put together: not while others wait for the lock.
    static DRAFT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// The second that was written last, since 1970 UTC, and its text without the zone.
    static SECOND: RefCell<(i64, String)> = const { RefCell::new((0, String::new())) };
}

/// Writes the time in RFC 3339 with milliseconds. A busy service writes thousands of lines in a second, whose text is made once.
fn write_time(now: Timestamp, out: &mut Vec<u8>) {
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != now.as_second() || text.is_empty() {
            *second = now.as_second();
            *text = format!("{now:.0}");
            text.truncate(text.len().saturating_sub(1));
        }
        out.extend_from_slice(text.as_bytes());
        out.push(b'.');
        out.extend_from_slice(&three_digits(now.subsec_millisecond().unsigned_abs()));
        out.push(b'Z');
    });
}

/// The last three digits of a number.
fn three_digits(number: impl Into<u32>) -> [u8; 3] {
    let number = number.into();
    [100, 10, 1].map(|place| b'0' + (number / place % 10) as u8)
}

/// Notes a request.
pub(crate) fn write(line: &Line<'_>) {
    let Some(log) = LOG.get() else { return };
    DRAFT.with_borrow_mut(|draft| {
        draft.clear();
        match log.format {
            LogFormat::Json => json(line, draft),
            LogFormat::Human => human(line, draft),
        }
        log.add(draft);
    });
}

impl Log {
    fn add(&self, line: &[u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.waiting.len() >= WAITING {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let idle = state.waiting.is_empty();
        state.waiting.extend_from_slice(line);
        drop(state);
        if idle {
            self.filled.notify_all();
        }
    }
}

fn write_forever(log: &Log, mut output: impl io::Write) {
    let mut lines = Vec::new();
    loop {
        let state = log.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(state) = log.filled.wait_while(state, |state| state.waiting.is_empty()) else {
            return;
        };
        // One write for many lines: a busy service would wake this thread for each otherwise.
        drop(state);
        std::thread::sleep(GATHER);
        let mut state = log.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.waiting, &mut lines);
        state.writing = true;
        drop(state);
        // Nobody is left to tell when the log itself cannot be written.
        let _ = output.write_all(&lines).and_then(|()| output.flush());
        lines.clear();
        log.state.lock().unwrap_or_else(PoisonError::into_inner).writing = false;
        log.filled.notify_all();
    }
}

fn json(line: &Line<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time\":\"");
    write_time(Timestamp::now(), out);
    for (name, value) in [
        ("service", line.service),
        ("request_id", line.request_id),
        ("method", line.method),
    ] {
        for part in ["\",\"", name, "\":\"", value] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    out.extend_from_slice(b"\",\"path\":");
    let _ = serde_json::to_writer(&mut *out, line.path);
    if let Some(query) = line.query {
        out.extend_from_slice(b",\"query\":");
        let _ = serde_json::to_writer(&mut *out, &*redacted(query));
    }
    // By serde_json and not by `write!`, which takes several times as long for a number.
    out.extend_from_slice(b",\"status\":");
    let _ = serde_json::to_writer(&mut *out, &line.status);
    out.extend_from_slice(b",\"duration_ms\":");
    let _ = serde_json::to_writer(&mut *out, &line.duration.as_millis());
    out.push(b'.');
    out.extend_from_slice(&three_digits(line.duration.subsec_micros() % 1000));
    if let Some(address) = line.address {
        out.extend_from_slice(b",\"address\":");
        let _ = serde_json::to_writer(&mut *out, &address);
    }
    if let Some(caller) = line.caller {
        out.extend_from_slice(b",\"realm\":");
        let _ = serde_json::to_writer(&mut *out, &caller.realm);
        out.extend_from_slice(b",\"uid\":");
        let _ = serde_json::to_writer(&mut *out, &caller.uid);
    }
    for (name, value) in line.fields.into_iter().flat_map(|fields| &fields.0) {
        let _ = write!(out, r#","{name}":"#);
        let _ = match value {
            LogValue::Text(text) => serde_json::to_writer(&mut *out, text),
            LogValue::Number(number) => serde_json::to_writer(&mut *out, number),
        };
    }
    out.extend_from_slice(b"}\n");
}

fn human(line: &Line<'_>, out: &mut Vec<u8>) {
    let mut text = format!(
        "{:.3} {} {} {} {}",
        Timestamp::now(),
        line.service,
        line.status,
        line.method,
        line.path.escape_default()
    );
    if let Some(query) = line.query {
        let _ = write!(text, "?{}", redacted(query).escape_default());
    }
    let _ = write!(text, " {:.1} ms", line.duration.as_secs_f64() * 1000.0);
    if let Some(caller) = line.caller {
        let _ = write!(
            text,
            " {}/{}",
            caller.realm.escape_default(),
            caller.uid.escape_default()
        );
    }
    for (name, value) in line.fields.into_iter().flat_map(|fields| &fields.0) {
        let _ = match value {
            LogValue::Text(value) => write!(text, " {name}={}", value.escape_default()),
            LogValue::Number(number) => write!(text, " {name}={number}"),
        };
    }
    let _ = writeln!(out, "{text} {}", line.request_id);
}

/// The query without secrets. Names are decoded before they are compared.
fn redacted(query: &str) -> Cow<'_, str> {
    let secret = |name: &str| SECRET_PARAMETERS.iter().any(|secret| name.eq_ignore_ascii_case(secret));
    if !url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| secret(&name)) {
        return Cow::Borrowed(query);
    }
    let mut clean = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        clean.append_pair(&name, if secret(&name) { "REDACTED" } else { &value });
    }
    Cow::Owned(clean.finish())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn line() -> Line<'static> {
        Line {
            service: "kio",
            request_id: "r-1",
            method: "GET",
            path: "/apps/\"x\"",
            query: Some("access_token=secret&search=a"),
            status: 200,
            duration: Duration::from_micros(1500),
            address: Some([127, 0, 0, 1].into()),
            caller: None,
            fields: None,
        }
    }

    #[test]
    fn a_json_line_is_json_without_secrets() {
        let mut out = Vec::new();
        json(&line(), &mut out);
        let mut value: Value = serde_json::from_slice(&out).unwrap();
        let time = value.as_object_mut().unwrap().shift_remove("time").unwrap();
        assert!(time.as_str().unwrap().parse::<Timestamp>().is_ok());
        assert_eq!(
            value,
            json!({"service": "kio", "request_id": "r-1", "method": "GET", "path": "/apps/\"x\"",
                   "query": "access_token=REDACTED&search=a", "status": 200, "duration_ms": 1.5, "address": "127.0.0.1"})
        );
    }

    #[test]
    fn what_a_service_adds_comes_last() {
        let fields = LogFields::default()
            .text("repository", "a\"b\u{1b}")
            .number("bytes", u64::MAX);
        let line = Line {
            fields: Some(&fields),
            ..line()
        };
        let mut out = Vec::new();
        json(&line, &mut out);
        let value: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(
            (&value["repository"], &value["bytes"]),
            (&json!("a\"b\u{1b}"), &json!(u64::MAX))
        );
        out.clear();
        human(&line, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains(r#" repository=a\"b\u{1b} bytes=18446744073709551615 r-1"#),
            "{text}"
        );
    }

    #[test]
    fn times_have_milliseconds() {
        for (time, expected) in [
            ("2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.678Z"),
            ("2026-01-02T03:04:05.001Z", "2026-01-02T03:04:05.001Z"),
            ("2026-01-02T03:04:06Z", "2026-01-02T03:04:06.000Z"),
            ("2026-01-02T03:04:05.999999Z", "2026-01-02T03:04:05.999Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        ] {
            let mut out = Vec::new();
            write_time(time.parse().unwrap(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn a_human_line_is_one_line_without_secrets() {
        let mut out = Vec::new();
        human(
            &Line {
                path: "/a\u{1b}[0m",
                ..line()
            },
            &mut out,
        );
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(
            text.contains("?access_token=REDACTED&search=a 1.5 ms") && !text.contains('\u{1b}'),
            "{text}"
        );
    }

    #[test]
    fn secrets_are_found_however_they_are_written() {
        for query in [
            "access_token=s3cret",
            "a=1&access%5Ftoken=s3cret",
            "Access_Token=s3cret",
            "code=s3cret",
            "token=s3cret",
        ] {
            assert!(!redacted(query).contains("s3cret"), "{query}");
        }
        assert_eq!(redacted("search=a+b&team_id=x"), "search=a+b&team_id=x");
    }
}
