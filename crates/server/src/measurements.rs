//! What is measured, in the form of Prometheus.

use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::Duration;

use axum::http::Method;
use metrics::{Histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

const REQUESTS: &str = "stups_http_request_duration_seconds";
const BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// How often what was measured is sorted into buckets, so that it does not pile up when nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);

/// The process's measurements; installed the first time that somebody asks.
pub(crate) fn process() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE.get_or_init(install).as_ref()
}

fn install() -> Option<PrometheusHandle> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(REQUESTS.to_owned()), &BUCKETS)
        .ok()?;
    let handle = builder.install_recorder().ok()?;
    metrics::describe_histogram!(REQUESTS, metrics::Unit::Seconds, "Time until an answer begins.");
    metrics::describe_gauge!("stups_http_requests_in_flight", "Requests that are being worked on.");
    metrics::describe_gauge!("stups_http_connections", "Connections of callers.");
    metrics::describe_counter!(
        "stups_http_connections_refused_total",
        "Connections that were refused because there were too many."
    );
    metrics::describe_gauge!("stups_access_log_lost_lines", "Lines of the access log that were lost.");
    metrics::describe_gauge!("process_resident_memory_bytes", metrics::Unit::Bytes, "Memory in use.");
    let upkeep = handle.clone();
    let keeper = std::thread::Builder::new().name("metrics".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(UPKEEP);
            upkeep.run_upkeep();
        }
    });
    drop(keeper);
    Some(handle)
}

/// What `/metrics` answers.
pub(crate) fn render(service: &'static str, in_flight: usize) -> String {
    gauge!("stups_http_requests_in_flight", "service" => service).set(in_flight as f64);
    gauge!("stups_access_log_lost_lines").set(crate::access_log::lost() as f64);
    if let Some(bytes) = resident_memory() {
        gauge!("process_resident_memory_bytes").set(bytes as f64);
    }
    process().map(PrometheusHandle::render).unwrap_or_default()
}

/// The resident set of this process, where the system tells it (Linux).
fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024)
}

/// A route's method and status, and where their durations are counted.
type Known = (&'static str, u16, Histogram);

/// The measurements of one service's requests. Looking one up allocates nothing once it is known.
pub(crate) struct Requests {
    service: &'static str,
    known: RwLock<HashMap<String, Vec<Known>>>,
}

impl Requests {
    pub(crate) fn new(service: &'static str) -> Self {
        process();
        Self {
            service,
            known: RwLock::default(),
        }
    }

    /// Notes a request to a route, by its template.
    pub(crate) fn note(&self, route: &str, method: &Method, status: u16, took: Duration) {
        let method = known_method(method);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let found = known
            .get(route)
            .and_then(|entries| entries.iter().find(|(of, with, _)| *of == method && *with == status));
        if let Some((_, _, histogram)) = found {
            histogram.record(took);
            return;
        }
        drop(known);
        let histogram = histogram!(
            REQUESTS,
            "service" => self.service, "route" => route.to_owned(), "method" => method, "status" => status.to_string()
        );
        histogram.record(took);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known
            .entry(route.to_owned())
            .or_default()
            .push((method, status, histogram));
    }
}

/// The method's name; one for all that nobody has heard of, so that callers cannot make up measurements.
pub(crate) fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::PUT => "PUT",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
