//! What is checked before a stack is created: that the account has room for it, that the application is registered and the caller's,
//! that its image is there, can't change any more, and was built from committed source.

mod application;
mod image;
mod quota;
mod services;
mod source;
mod subject;
#[cfg(test)]
mod tests;

use stups_terminal::{Failure, Terminal};

use crate::Error;
use crate::context::Context;
use crate::template::StackRequest;
use services::Services;
pub(crate) use subject::Subject;

/// A check, by the name that switches it off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Check {
    /// the account's limits leave room for the stack
    Quota,
    /// the application is in Kio and active
    Application,
    /// its team is the caller's
    Team,
    /// the image exists in its registry
    Image,
    /// its tag can't move to another image
    Tag,
    /// it was built from committed source
    Source,
}

impl Check {
    fn name(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Application => "application",
            Self::Team => "team",
            Self::Image => "image",
            Self::Tag => "tag",
            Self::Source => "source",
        }
    }
}

/// Which checks are made.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct CheckArguments {
    /// Do not make this check; may be repeated
    #[arg(
        long = "skip-check",
        value_enum,
        value_name = "CHECK",
        env = "SENZA_SKIP_CHECKS",
        value_delimiter = ','
    )]
    pub(crate) skip: Vec<Check>,
    /// A check that can't be made is an error
    #[arg(long)]
    pub(crate) require_checks: bool,
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    /// that it may not stay so, and why
    Doubtful(String),
    /// why not
    Failed(String),
    /// it can't be told, and why
    Unknown(String),
    /// what is missing to make the check
    Skipped(String),
}

/// What the checks found out about the stack's application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) application: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) team: Option<String>,
    /// the commit that the image was built from
    pub(crate) revision: Option<String>,
}

/// Makes the checks for the account and for every application in the template and shows how each ended. All are made, and then it is
/// an error when one has failed. `force`: the image need not exist. `dry_run`: say it too when there is nothing to check.
pub(crate) async fn before_create(
    context: &Context,
    arguments: &CheckArguments,
    request: &StackRequest,
    force: bool,
    dry_run: bool,
) -> Result<Facts, Error> {
    let terminal = &context.terminal;
    let mut report = Report::new(terminal, arguments, force);
    // Boxed: what waits for many calls to AWS is large.
    let room = Box::pin(quota::has_room(&context.session, request));
    report.check(Check::Quota, "Checking limits of the account", room).await;
    let subjects = subject::of_template(&request.template);
    if subjects.is_empty() {
        report.end()?;
        if dry_run {
            terminal.info("Nothing more to check: no Taupage instances in this stack");
        }
        return Ok(Facts::default());
    }
    check_all(&Services::of_user(terminal), &subjects, report).await
}

async fn check_all(services: &Services, subjects: &[Subject], mut report: Report<'_>) -> Result<Facts, Error> {
    let mut facts = Facts::default();
    for subject in subjects {
        let found = check_one(services, subject, &mut report).await;
        facts = Facts {
            application: facts.application.or_else(|| subject.application_id.clone()),
            version: facts.version.or_else(|| subject.application_version.clone()),
            team: facts.team.or(found.team),
            revision: facts.revision.or(found.revision),
        };
    }
    report.end()?;
    Ok(facts)
}

async fn check_one(services: &Services, subject: &Subject, report: &mut Report<'_>) -> Facts {
    let mut facts = Facts::default();
    let application = subject.application_id.as_deref().unwrap_or("(unknown)");
    report
        .check(
            Check::Application,
            &format!("Checking application {application} in Kio"),
            async {
                let (outcome, team) = application::is_active(services, subject).await;
                facts.team = team;
                outcome
            },
        )
        .await;
    let team = facts.team.clone();
    let title = format!("Checking team {}", team.as_deref().unwrap_or("(unknown)"));
    report
        .check(Check::Team, &title, application::is_own(services, team.as_deref()))
        .await;
    let source = subject.source.as_deref().unwrap_or("(unknown)");
    let image = image::Image::of(services, subject);
    let mut manifest = None;
    report
        .check(Check::Image, &format!("Checking image {source}"), async {
            let (outcome, found) = image.exists(services).await;
            manifest = found;
            outcome
        })
        .await;
    report
        .check(Check::Tag, &format!("Checking that {source} can't change"), async {
            image.is_immutable()
        })
        .await;
    report
        .check(Check::Source, &format!("Checking source of {source}"), async {
            let (outcome, revision) = source::is_clean(services, &image, manifest.as_ref()).await;
            facts.revision = revision;
            outcome
        })
        .await;
    facts
}

/// What is shown of the checks, and how many failed.
struct Report<'a> {
    terminal: &'a Terminal,
    arguments: &'a CheckArguments,
    force: bool,
    failed: usize,
    /// reasons, each with the checks that were skipped for it
    skipped: Vec<(String, Vec<Check>)>,
}

impl<'a> Report<'a> {
    fn new(terminal: &'a Terminal, arguments: &'a CheckArguments, force: bool) -> Self {
        Self {
            terminal,
            arguments,
            force,
            failed: 0,
            skipped: Vec::new(),
        }
    }

    async fn check(&mut self, check: Check, title: &str, work: impl Future<Output = Outcome>) {
        if self.arguments.skip.contains(&check) {
            return self.skip(check, "--skip-check");
        }
        if self.force && check == Check::Image {
            return self.skip(check, "--force");
        }
        let outcome = work.await;
        let require = self.arguments.require_checks;
        let advice = format!("(--skip-check {})", check.name());
        match outcome {
            Outcome::Skipped(reason) if !require => self.skip(check, &reason),
            Outcome::Passed => self.terminal.action(&format!("{title}..")).ok(),
            Outcome::Doubtful(reason) => {
                let action = self.terminal.action(&format!("{title}.."));
                action.warning(&format!("TIGHT: {reason}"));
            }
            Outcome::Unknown(reason) if !require => {
                let action = self.terminal.action(&format!("{title}.."));
                action.warning(&format!("UNKNOWN: {reason}"));
            }
            Outcome::Failed(reason) | Outcome::Unknown(reason) | Outcome::Skipped(reason) => {
                self.failed += 1;
                let action = self.terminal.action(&format!("{title}.."));
                action.error(&format!("FAILED: {reason} {advice}"));
            }
        }
    }

    fn skip(&mut self, check: Check, reason: &str) {
        let known = self.skipped.iter_mut().find(|(known, _)| known == reason);
        match known {
            Some((_, checks)) if checks.contains(&check) => {}
            Some((_, checks)) => checks.push(check),
            None => self.skipped.push((reason.to_owned(), vec![check])),
        }
    }

    /// Says what was not checked, and fails when a check did.
    fn end(self) -> Result<(), Error> {
        for (reason, checks) in &self.skipped {
            let names: Vec<&str> = checks.iter().map(|check| check.name()).collect();
            let noun = if names.len() == 1 { "check" } else { "checks" };
            self.terminal
                .info(&format!("Skipped {noun} {}: {reason}", names.join(", ")));
        }
        match self.failed {
            0 => Ok(()),
            1 => Err(Failure::application("A check failed, nothing was created.").into()),
            failed => Err(Failure::application(format!("{failed} checks failed, nothing was created.")).into()),
        }
    }
}
