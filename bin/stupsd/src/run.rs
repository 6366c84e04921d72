//! From settings to running services, and back.

use std::future::Future;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use stups_server::{Environment, SHUTDOWN_PATIENCE, ServingThreads, Tls, start_telemetry};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::{ServiceSettings, Settings};
use crate::listen::{Listening, bind};
use crate::service::{Config, Name, build};
use crate::welcome::{Running, welcome};

/// How long the databases may take to be closed. What is committed is safe without it.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// Runs the services until the process is told to stop.
pub(crate) fn run(settings: Settings) -> anyhow::Result<()> {
    let telemetry = start_telemetry(settings.log_format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = Arc::new(ServingThreads::start(threads)?);
    let result = runtime.block_on(run_services(settings, &threads));
    runtime.shutdown_background();
    // After everything else: connections to databases may have been opened on them.
    drop(threads);
    drop(telemetry);
    result
}

async fn run_services(mut settings: Settings, threads: &Arc<ServingThreads>) -> anyhow::Result<()> {
    // Asked for before anything starts: a signal during the start must not be lost.
    let told = told_to_stop()?;
    directory(&settings.data_directory)?;
    let mut listening = Vec::new();
    for service in &settings.services {
        listening.push(bind(&settings, service).await?);
    }
    introduce(&mut settings, &listening);

    let (stop, stopping) = watch::channel(false);
    let mut serving = JoinSet::new();
    let mut jobs = Vec::new();
    let mut stores = Vec::new();
    let mut running = Vec::new();
    let mut administrator = None;
    let mut identity = None;
    for (
        service,
        Listening {
            listener, public_url, ..
        },
    ) in settings.services.iter().zip(listening)
    {
        let environment: Environment = service.environment(&settings, public_url.clone());
        let tls = tls(service)?;
        let built = build(&service.config, &environment, identity.as_ref()).await?;
        administrator = administrator.or(built.administrator);
        identity = identity.or(built.identity);
        let built = built.built;
        jobs.push(built.jobs.start());
        stores.extend(built.store);
        let mut stopping = stopping.clone();
        let shutdown = async move { drop(stopping.wait_for(|stop| *stop).await) };
        let (name, threads) = (service.name, Arc::clone(threads));
        serving.spawn(async move {
            let served = threads.serve_within(&environment.limits, listener, built.router, tls, shutdown);
            served.await.with_context(|| format!("{name} stopped"))
        });
        running.push(Running { name, url: public_url });
    }
    // Without a reader the services run all the same.
    let _ = std::io::stdout().write_all(welcome(&running, administrator.as_ref()).as_bytes());
    drop(administrator);

    let mut result = Ok(());
    tokio::select! {
        () = told => {}
        Some(ended) = serving.join_next() => result = ended.unwrap_or_else(|panic| Err(anyhow!(panic))),
    }
    let _ = stop.send(true);
    while let Some(ended) = serving.join_next().await {
        result = result.and(ended.unwrap_or_else(|panic| Err(anyhow!(panic))));
    }
    for jobs in jobs {
        jobs.stop(SHUTDOWN_PATIENCE).await;
    }
    for store in stores {
        if !matches!(tokio::time::timeout(CLOSE_PATIENCE, store.close()).await, Ok(Ok(()))) {
            tracing::warn!("a database was not closed in order; the next start looks through what was written last");
        }
    }
    result
}

/// Tells services of this process about each other, as far as the settings do not.
fn introduce(settings: &mut Settings, listening: &[Listening]) {
    let url_of = |name: Name| {
        let place = settings.services.iter().position(|service| service.name == name)?;
        listening.get(place).map(|listening| listening.inside_url.clone())
    };
    let identity = url_of(Name::Identity);
    let salt = settings.services.iter().find_map(|service| match &service.config {
        Config::Identity(config) => Some(config.revocation.hashing_salt.clone()),
        _ => None,
    });
    let [kio, essentials, mint] = [Name::Kio, Name::Essentials, Name::Mint].map(url_of);
    let told: Vec<(Name, String)> = settings
        .services
        .iter()
        .zip(listening)
        .filter(|(service, _)| service.name != Name::Identity)
        .map(|(service, listening)| {
            (
                service.name,
                listening.public_url.as_str().trim_end_matches('/').to_owned(),
            )
        })
        .collect();
    for service in &mut settings.services {
        if let Config::Identity(config) = &mut service.config {
            for (name, url) in &told {
                let section = config.autoconfig.entry(name.as_str().to_owned()).or_default();
                section.entry("url".to_owned()).or_insert_with(|| url.as_str().into());
            }
        }
        if let Config::Essentials(config) = &mut service.config {
            config.kio_url = config.kio_url.take().or_else(|| kio.clone());
            config.mint_url = config.mint_url.take().or_else(|| mint.clone());
        }
        if let Config::Mint(config) = &mut service.config {
            config.kio_url = config.kio_url.take().or_else(|| kio.clone());
            config.essentials_url = config.essentials_url.take().or_else(|| essentials.clone());
        }
        let common = &mut service.common;
        if service.name != Name::Identity && common.identity_url.is_none() {
            common.identity_url.clone_from(&identity);
            common.revocation_salt = common.revocation_salt.take().or_else(|| salt.clone());
        }
    }
}

fn tls(service: &ServiceSettings) -> anyhow::Result<Option<Tls>> {
    match (&service.common.tls_certificate, &service.common.tls_key) {
        (Some(certificate), Some(key)) => Ok(Some(Tls::load(certificate, key)?)),
        _ => Ok(None),
    }
}

/// Makes the data directory, for this user alone.
fn directory(path: &Path) -> anyhow::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .with_context(|| format!("{} cannot be made", path.display()))
}

/// Completes when the process is asked to stop: Ctrl-C, and SIGTERM where there is one.
#[cfg(unix)]
fn told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}
