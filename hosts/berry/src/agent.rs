//! The agent itself: rounds in which the files of every application are compared with what its store has.

use std::path::Path;
use std::time::Duration;

use sd_notify::NotifyState;
use stups_aws::SecretObject;
use stups_terminal::{Failure, until_interrupted};

use crate::applications::{self, Application, Target, load_config};
use crate::cli::CopyArguments;
use crate::local_files::{Fingerprint, LocalFiles, Staged};
use crate::log::Log;
use crate::ownership::Ownership;
use crate::pause::with_jitter;
use crate::sessions::Sessions;
use crate::source::{self, Credentials, Logged, OBJECTS};
use crate::store::BucketRegions;

/// Copies credentials, once or until it is told to end. Returns the exit code.
pub(crate) async fn run(arguments: &CopyArguments) -> u8 {
    let log = Log::to_stderr(arguments.source.silent);
    let mut agent = match Agent::new(arguments, &log) {
        Ok(agent) => agent,
        Err(error) => {
            log.error(&format!("Usage Error: {error}"));
            return 1;
        }
    };
    let interval = Duration::from_secs(arguments.source.interval);
    let work: Result<u8, Failure> = until_interrupted(async { Ok(agent.work(arguments.once, interval).await) }).await;
    match work {
        Ok(exit_code) => exit_code,
        // Nobody's credentials are there just because berry was told to end while it fetched them.
        Err(_) if arguments.once => 1,
        Err(_) => {
            tell_service_manager(NotifyState::Stopping);
            0
        }
    }
}

/// Tells systemd, if it is there and wants to know.
pub(crate) fn tell_service_manager(state: NotifyState<'_>) {
    // It is no reason to stop when it doesn't listen.
    let _ = sd_notify::notify(&[state]);
}

struct Agent<'log> {
    applications: Vec<ApplicationFiles>,
    sessions: Sessions,
    regions: BucketRegions,
    log: &'log Log,
}

/// One application and its files.
struct ApplicationFiles {
    application: Application,
    files: LocalFiles,
    /// what is known of each of [`OBJECTS`]
    known: [Option<Known>; OBJECTS.len()],
}

/// The version of an object that is in its file, and which file that is.
struct Known {
    version: String,
    file: Fingerprint,
}

/// What became of credentials that were fetched.
enum Outcome {
    /// they are beside the file
    New(Staged),
    /// the file, which is this one, had them
    Same(Fingerprint),
    /// the file had them, but another mode or owner
    Restricted,
}

/// How a round went.
#[derive(Clone, Copy, Default)]
struct Round {
    failures: usize,
    /// nothing that could pass by itself
    usage_errors: usize,
}

impl<'log> Agent<'log> {
    fn new(arguments: &CopyArguments, log: &'log Log) -> Result<Self, String> {
        let source = &arguments.source;
        let config = load_config(&source.config_file, log);
        let (owner, group) = (arguments.owner.as_deref(), arguments.group.as_deref());
        let targets = applications::all(source, &config, &arguments.local_directory, owner, group)?;
        Ok(Self {
            applications: targets
                .into_iter()
                .map(ApplicationFiles::new)
                .collect::<Result<_, _>>()?,
            sessions: Sessions::new(
                source.region.clone().or(config.region),
                source.aws_credentials_file.clone(),
            ),
            regions: BucketRegions::default(),
            log,
        })
    }

    async fn work(&mut self, once: bool, interval: Duration) -> u8 {
        let first = self.round().await;
        if once || first.usage_errors > 0 {
            return u8::from(first.failures > 0);
        }
        tell_service_manager(NotifyState::Ready);
        loop {
            tokio::time::sleep(with_jitter(interval)).await;
            self.round().await;
        }
    }

    async fn round(&mut self) -> Round {
        let mut round = Round::default();
        for application in &mut self.applications {
            match self.sessions.get(&application.application).await {
                Ok(session) => round.failures += application.round(&session, &mut self.regions, self.log).await,
                Err(error) => {
                    self.log.error(&format!("Usage Error: {error}"));
                    round.failures += 1;
                    round.usage_errors += 1;
                }
            }
        }
        round
    }
}

impl ApplicationFiles {
    fn new(target: Target) -> Result<Self, String> {
        let Target {
            application,
            directory,
            owner,
            group,
        } = target;
        check_directory(&directory)?;
        let ownership = Ownership::resolve(owner.as_deref(), group.as_deref())?;
        Ok(Self {
            application,
            files: LocalFiles::new(directory, ownership),
            known: [const { None }; OBJECTS.len()],
        })
    }

    /// Returns how much has failed. What fails for one object does not keep the other from being copied; but when both are new, both
    /// are on the disk before the first is put in its place, so that they differ for no longer than two renames take.
    async fn round(&mut self, session: &stups_aws::Session, regions: &mut BucketRegions, log: &Log) -> usize {
        let mut fetched = Vec::new();
        let mut failures = 0;
        for (index, object) in OBJECTS.into_iter().enumerate() {
            let known = self.known_version(index);
            match source::fetch(session, &self.application, object, known.as_deref(), regions, log).await {
                Ok(Some(credentials)) => fetched.push((index, credentials)),
                Ok(None) => {}
                Err(Logged) => failures += 1,
            }
        }
        failures + self.write(fetched, log)
    }

    /// The version that the file has, if it is still the file that was left there.
    fn known_version(&mut self, index: usize) -> Option<String> {
        let known = self.known.get_mut(index)?;
        let object = OBJECTS.get(index)?;
        *known = known
            .take()
            .filter(|known| self.files.fingerprint(*object).as_ref() == Some(&known.file));
        known.as_ref().map(|known| known.version.clone())
    }

    /// Writes what differs from the files. Returns how much has failed.
    fn write(&mut self, fetched: Vec<(usize, Credentials)>, log: &Log) -> usize {
        let mut staged = Vec::new();
        let mut known = Vec::new();
        let mut failures = 0;
        for (index, credentials) in fetched {
            let object = OBJECTS[index];
            match self.stage(object, &credentials, log) {
                Ok(outcome) => {
                    let file = match outcome {
                        Outcome::New(new) => {
                            let file = new.fingerprint.clone();
                            staged.push(new);
                            Some(file)
                        }
                        Outcome::Same(file) => Some(file),
                        Outcome::Restricted => None,
                    };
                    known.push((index, credentials.version.zip(file)));
                }
                Err(error) => {
                    self.failed(object, &error, log);
                    failures += 1;
                }
            }
        }
        if failures > 0 {
            // One new file beside an old one is what staging is there to avoid.
            return failures;
        }
        let objects: Vec<SecretObject> = staged.iter().map(|staged| staged.object).collect();
        if !objects.is_empty() {
            if let Err(error) = self.files.replace(staged) {
                for object in &objects {
                    self.failed(*object, &error, log);
                }
                return objects.len();
            }
            for object in objects {
                source::rotated(log, object, &self.application);
            }
        }
        for (index, known) in known {
            self.known[index] = known.map(|(version, file)| Known { version, file });
        }
        0
    }

    /// Compares credentials with their file, and puts new ones beside it.
    fn stage(&self, object: SecretObject, credentials: &Credentials, log: &Log) -> std::io::Result<Outcome> {
        match self.files.read(object) {
            Some((old, file)) if old == credentials.object() => {
                if !self.files.restrict(object)? {
                    return Ok(Outcome::Same(file));
                }
                let (name, id) = (object.file_name(), &self.application.id);
                log.info(&format!("Set mode and owner of {name} of {id}"));
                Ok(Outcome::Restricted)
            }
            _ => self.files.stage(object, &credentials.text).map(Outcome::New),
        }
    }

    fn failed(&self, object: SecretObject, error: &std::io::Error, log: &Log) {
        let path = self.files.directory().join(object.file_name());
        source::failed(log, object, &format!("{}: {error}", path.display()));
    }
}

fn check_directory(directory: &Path) -> Result<(), String> {
    match std::fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(format!("{} is not a directory", directory.display())),
        Err(error) => Err(format!(
            "The local directory {} can't be used: {error}",
            directory.display()
        )),
    }
}
