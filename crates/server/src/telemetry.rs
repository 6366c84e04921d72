//! Logs and traces of a process.

use std::io::{self, IsTerminal as _};
use std::str::FromStr as _;
use std::time::Duration;

use axum::http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::{Directive, EnvFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, fmt};

use crate::access_log::{self, LogFormat};
use crate::{StartError, measurements};

/// The spans of requests: what is exported.
pub(crate) const REQUEST_TARGET: &str = "stups::request";

/// How long the last lines and spans may take to get out.
const PATIENCE: Duration = Duration::from_secs(2);

/// Logs and traces, until dropped.
#[must_use = "logs and traces end when it is dropped"]
#[derive(Debug)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

/// Starts the logs of this process on standard error (JSON, or for a person when that is a terminal and no format is given),
/// its metrics, and the export of traces when `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` says where
/// to. `STUPS_LOG` (as `RUST_LOG`) says how much is logged: by default `info`, at a
/// terminal `warn`.
pub fn start_telemetry(format: Option<LogFormat>) -> Result<Telemetry, StartError> {
    let terminal = io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal { LogFormat::Human } else { LogFormat::Json });
    measurements::process();
    access_log::start(format, io::stderr());
    let provider = exporter()?;
    let exports = provider.is_some();
    let exported = provider
        .as_ref()
        .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("stups")))
        // Around the layer that may not be there: a registry with a layer that has no filter takes every span.
        .with_filter(filter_fn(move |metadata| {
            exports && metadata.target() == REQUEST_TARGET
        }));
    // Spans of requests are for the exporter: a log that took them would pay for each request what an access log line costs.
    let unlogged =
        Directive::from_str(&format!("{REQUEST_TARGET}=off")).map_err(|error| StartError::Other(error.to_string()))?;
    // A person at a terminal wants to hear of trouble only.
    let usual = if format == LogFormat::Human { "warn" } else { "info" };
    let filter = EnvFilter::try_from_env("STUPS_LOG")
        .unwrap_or_else(|_| EnvFilter::new(usual))
        .add_directive(unlogged);
    let registry = Registry::default().with(exported);
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(terminal);
    let installed = match format {
        LogFormat::Json => registry
            .with(lines.json().flatten_event(true).with_filter(filter))
            .try_init(),
        LogFormat::Human => registry
            .with(lines.compact().with_target(false).with_filter(filter))
            .try_init(),
    };
    // Fails only when the process has a log already.
    drop(installed);
    Ok(Telemetry { provider })
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = &self.provider {
            let _ = provider.shutdown_with_timeout(PATIENCE);
        }
        access_log::flush(PATIENCE);
    }
}

fn exporter() -> Result<Option<SdkTracerProvider>, StartError> {
    let configured = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
        .iter()
        .any(|name| std::env::var(name).is_ok_and(|value| !value.is_empty()));
    if !configured {
        return Ok(None);
    }
    // The exporter's HTTP client takes the process's provider. Fails when it is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .build()
        .map_err(|error| StartError::Other(format!("traces cannot be exported: {error}")))?;
    // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
    let resource = Resource::builder();
    let resource = if std::env::var_os("OTEL_SERVICE_NAME").is_some() {
        resource
    } else {
        resource.with_service_name("stups")
    };
    Ok(Some(
        SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build(),
    ))
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

/// The span of a request, below the caller's when it says so (`traceparent`). Disabled, and free, unless traces are exported.
pub(crate) fn span(service: &str, method: &str, route: &str, request_id: &str, headers: &HeaderMap) -> Span {
    let span = tracing::info_span!(
        target: REQUEST_TARGET,
        "request",
        otel.name = tracing::field::Empty,
        otel.kind = "server",
        service.name = service,
        http.request.method = method,
        http.route = route,
        http.response.status_code = tracing::field::Empty,
        request_id,
    );
    if !span.is_disabled() {
        span.record("otel.name", format_args!("{method} {route}").to_string());
        let _ = span.set_parent(TraceContextPropagator::new().extract(&Headers(headers)));
    }
    span
}
