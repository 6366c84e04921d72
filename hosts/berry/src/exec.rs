//! `berry exec`: a program with credentials in its environment, restarted or signalled when they were rotated.

use std::future::pending;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::Signal;
use sd_notify::NotifyState;
use tokio::signal::unix::{self, SignalKind};

use crate::agent::tell_service_manager;
use crate::applications::{self, Application, load_config};
use crate::child::{Child, exit_code, exit_code_of_failure};
use crate::cli::{ExecArguments, OnRotation};
use crate::environment::{self, Variables};
use crate::log::Log;
use crate::pause::with_jitter;
use crate::sessions::Sessions;
use crate::source::{self, Credentials, Logged, OBJECTS};
use crate::store::BucketRegions;

/// Runs the program. Returns its exit code, or why it could not be started.
pub(crate) async fn run(arguments: &ExecArguments) -> u8 {
    let log = Log::to_stderr(arguments.source.silent);
    // Listening starts before there is anything to end.
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            log.error(&format!("Can't listen for signals: {error}"));
            return 1;
        }
    };
    let mut credentials = match Watch::new(arguments, &log) {
        Ok(credentials) => credentials,
        Err(error) => {
            log.error(&format!("Usage Error: {error}"));
            return 1;
        }
    };
    let fetched = tokio::select! {
        fetched = credentials.fetch() => fetched,
        signal = signals.received_to_end() => return 128 + signal as u8,
    };
    if fetched.failures > 0 {
        return 1;
    }
    supervise(arguments, credentials, signals, &log)
        .await
        .unwrap_or_else(|error| {
            let program = arguments.command.first().map(|program| program.display().to_string());
            log.error(&format!("Can't run {}: {error}", program.unwrap_or_default()));
            exit_code_of_failure(&error)
        })
}

/// Starts the program and stays with it to its end.
async fn supervise(
    arguments: &ExecArguments,
    mut credentials: Watch<'_>,
    mut signals: Signals,
    log: &Log,
) -> io::Result<u8> {
    let mut child = Child::start(&arguments.command, &credentials.variables())?;
    tell_service_manager(NotifyState::Ready);
    let mut is_ending = false;
    loop {
        let end = {
            let rotation = credentials.rotation(arguments.on_rotation);
            tokio::pin!(rotation);
            loop {
                tokio::select! {
                    biased;
                    status = child.wait() => break Some(status?),
                    signal = signals.received() => {
                        child.signal(signal);
                        if is_to_end(signal) {
                            tell_service_manager(NotifyState::Stopping);
                            is_ending = true;
                        }
                    }
                    // Who was told to end is not restarted.
                    () = &mut rotation, if !is_ending => break None,
                }
            }
        };
        if let Some(status) = end {
            return Ok(exit_code(status));
        }
        match arguments.on_rotation {
            OnRotation::None => {}
            OnRotation::Signal => {
                log.info(&format!("Sending {} to the program", arguments.signal));
                child.signal(arguments.signal);
            }
            OnRotation::Restart => {
                log.info("Restarting the program");
                let grace = Duration::from_secs(arguments.grace);
                if let Some(status) = end_for_restart(&mut child, grace, &mut signals).await? {
                    return Ok(exit_code(status));
                }
                child = Child::start(&arguments.command, &credentials.variables())?;
            }
        }
    }
}

/// Ends the program so that it can be started anew. Returns its status when berry was told to end meanwhile.
async fn end_for_restart(child: &mut Child, grace: Duration, signals: &mut Signals) -> io::Result<Option<ExitStatus>> {
    let end = child.end(grace);
    tokio::pin!(end);
    tokio::select! {
        status = &mut end => status.map(|_| None),
        _ = signals.received_to_end() => {
            tell_service_manager(NotifyState::Stopping);
            end.await.map(Some)
        }
    }
}

/// The credentials of one application, and what is known of them.
struct Watch<'log> {
    application: Application,
    sessions: Sessions,
    regions: BucketRegions,
    current: [Option<Credentials>; OBJECTS.len()],
    interval: Duration,
    log: &'log Log,
}

/// What came of asking.
#[derive(Default)]
struct Fetched {
    failures: usize,
    is_changed: bool,
}

impl<'log> Watch<'log> {
    fn new(arguments: &ExecArguments, log: &'log Log) -> Result<Self, String> {
        let source = &arguments.source;
        let config = load_config(&source.config_file, log);
        Ok(Self {
            application: applications::one(source, &config)?,
            sessions: Sessions::new(
                source.region.clone().or(config.region),
                source.aws_credentials_file.clone(),
            ),
            regions: BucketRegions::default(),
            current: [const { None }; OBJECTS.len()],
            interval: Duration::from_secs(source.interval),
            log,
        })
    }

    /// Asks once for each object. Failures are logged.
    async fn fetch(&mut self) -> Fetched {
        let mut fetched = Fetched::default();
        let session = match self.sessions.get(&self.application).await {
            Ok(session) => session,
            Err(error) => {
                self.log.error(&format!("Usage Error: {error}"));
                fetched.failures = 1;
                return fetched;
            }
        };
        for (current, object) in self.current.iter_mut().zip(OBJECTS) {
            let known = current.as_ref().and_then(|current| current.version.as_deref());
            let application = &self.application;
            match source::fetch(&session, application, object, known, &mut self.regions, self.log).await {
                Ok(Some(new)) => {
                    let is_other = |old: &Credentials| old.object() != new.object();
                    if current.as_ref().is_none_or(is_other) {
                        // The first ones were not rotated.
                        if current.is_some() {
                            source::rotated(self.log, object, application);
                        }
                        fetched.is_changed = true;
                    }
                    *current = Some(new);
                }
                Ok(None) => {}
                Err(Logged) => fetched.failures += 1,
            }
        }
        fetched
    }

    /// Asks again and again until credentials were rotated; for ever when nobody wants to know.
    async fn rotation(&mut self, on_rotation: OnRotation) {
        if on_rotation == OnRotation::None {
            pending::<()>().await;
        }
        loop {
            tokio::time::sleep(with_jitter(self.interval)).await;
            if self.fetch().await.is_changed {
                return;
            }
        }
    }

    fn variables(&self) -> Variables {
        let mut variables = Variables::new();
        for credentials in self.current.iter().flatten() {
            for name in environment::add(&mut variables, &credentials.object()) {
                self.log
                    .warning(&format!("\"{name}\" can't be the name of a variable and is left out"));
            }
        }
        variables
    }
}

/// The signals that are handed on to the program.
struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    quit: unix::Signal,
    hang_up: unix::Signal,
    user_1: unix::Signal,
    user_2: unix::Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
            quit: unix::signal(SignalKind::quit())?,
            hang_up: unix::signal(SignalKind::hangup())?,
            user_1: unix::signal(SignalKind::user_defined1())?,
            user_2: unix::signal(SignalKind::user_defined2())?,
        })
    }

    /// The next one.
    async fn received(&mut self) -> Signal {
        tokio::select! {
            Some(()) = self.terminate.recv() => Signal::SIGTERM,
            Some(()) = self.interrupt.recv() => Signal::SIGINT,
            Some(()) = self.quit.recv() => Signal::SIGQUIT,
            Some(()) = self.hang_up.recv() => Signal::SIGHUP,
            Some(()) = self.user_1.recv() => Signal::SIGUSR1,
            Some(()) = self.user_2.recv() => Signal::SIGUSR2,
            else => pending().await,
        }
    }

    /// The next one that means the end; others are passed over.
    async fn received_to_end(&mut self) -> Signal {
        loop {
            let signal = self.received().await;
            if is_to_end(signal) {
                return signal;
            }
        }
    }
}

fn is_to_end(signal: Signal) -> bool {
    matches!(signal, Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT)
}
