//! What `create` and `deploy` do before they make a stack: tags, options, and the checks.

use std::time::Duration;

use stups_aws::cloudformation::types::OnFailure;

use super::generation::GenerationArguments;
use super::stack_options::{StackOptionArguments, minutes};
use crate::checks::{self, CheckArguments};
use crate::context::Context;
use crate::duration::duration;
use crate::template::{StackOptions, StackRequest};
use crate::{Error, stack_tags};

/// What becomes of a stack that can't be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Failed {
    /// what was made is deleted, the stack stays
    Rollback,
    /// everything is deleted
    Delete,
    /// everything stays as it is
    DoNothing,
}

/// What may be said about a new stack.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct NewStackArguments {
    /// Disable Cloud Formation rollback on failure
    #[arg(long)]
    disable_rollback: bool,
    /// What CloudFormation does with a stack that can't be created
    #[arg(long, value_enum, value_name = "WHAT", conflicts_with = "disable_rollback")]
    on_failure: Option<Failed>,
    /// After this time CloudFormation gives the creation up (whole minutes)
    #[arg(long, value_name = "TIME", value_parser = duration)]
    creation_timeout: Option<Duration>,
    /// Tags to associate with the stack
    #[arg(short, long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<String>,
    /// Do not add the tags application, version, team, who and commit
    #[arg(long)]
    no_stack_tags: bool,
    /// Protect the stack from being deleted
    #[arg(long)]
    pub(super) protect: bool,
    #[command(flatten)]
    checks: CheckArguments,
    #[command(flatten)]
    options: StackOptionArguments,
}

impl NewStackArguments {
    /// The request of the definition with the tags and options of the command line. `may_exist`: the stack may be there and keeps
    /// its generation of resources.
    pub(crate) async fn generate(
        &self,
        context: &Context,
        generation: &GenerationArguments,
        may_exist: bool,
    ) -> Result<StackRequest, Error> {
        let tags = self
            .tags
            .iter()
            .map(|tag| parse_tag(tag))
            .collect::<Result<Vec<_>, _>>()?;
        let options = self.read_options(context)?;
        let mut request = generation.generate(context, generation.compat, may_exist).await?;
        request.tags.extend(tags);
        request.options = options;
        Ok(request)
    }

    /// Makes the checks, and adds the tags that say what they found out. `force`: the image need not exist. `is_dry_run`: say it too
    /// when there is nothing to check.
    pub(crate) async fn check(
        &self,
        context: &Context,
        request: &mut StackRequest,
        force: bool,
        is_dry_run: bool,
    ) -> Result<(), Error> {
        let facts = Box::pin(checks::before_create(context, &self.checks, request, force, is_dry_run)).await?;
        if !self.no_stack_tags {
            Box::pin(stack_tags::add(context, request, &facts)).await;
        }
        Ok(())
    }

    fn read_options(&self, context: &Context) -> Result<StackOptions, Error> {
        let limit = self.creation_timeout.map(minutes);
        if limit == Some(0) {
            return Err(Error::Usage("--creation-timeout takes a minute at least".to_owned()));
        }
        Ok(StackOptions {
            termination_protection: self.protect,
            disable_rollback: self.disable_rollback,
            on_failure: self.on_failure.map(|failed| match failed {
                Failed::Rollback => OnFailure::Rollback,
                Failed::Delete => OnFailure::Delete,
                Failed::DoNothing => OnFailure::DoNothing,
            }),
            timeout_in_minutes: limit.and_then(|minutes| i32::try_from(minutes).ok()),
            ..self.options.read(context)?
        })
    }
}

/// `KEY=VALUE` with exactly one equals sign.
fn parse_tag(tag: &str) -> Result<(String, String), Error> {
    match tag.split_once('=') {
        Some((key, value)) if !value.contains('=') => Ok((key.to_owned(), value.to_owned())),
        _ => Err(Error::Fatal(format!(
            "Invalid tag {tag}. Tags should be in the form of key=value"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_exactly_one_equals_sign() {
        assert_eq!(parse_tag("a=b").unwrap(), ("a".to_owned(), "b".to_owned()));
        assert_eq!(parse_tag("a=").unwrap(), ("a".to_owned(), String::new()));
        for tag in ["badtag", "a=b=c", ""] {
            let failure = parse_tag(tag).unwrap_err().into_failure();
            assert_eq!(failure.exit_code, 1);
            assert_eq!(
                failure.message,
                format!("Invalid tag {tag}. Tags should be in the form of key=value")
            );
        }
    }
}
