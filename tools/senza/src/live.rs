//! Watching a stack while CloudFormation is at work on it.

mod root_cause;
mod screen;
mod view;

pub(crate) use root_cause::find_root_cause;
pub(crate) use view::View;

use std::time::{Duration, Instant};

use stups_aws::ErrorKind;
use stups_aws::cloudformation::types::Stack;

use crate::Error;
use crate::context::Context;
use crate::deployed;

/// The first pause between two looks; it doubles up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Shows the events of a stack (best given by ARN) until CloudFormation is no longer at work on it, for at most `limit`. Nothing:
/// there is no such stack.
pub(crate) async fn follow(context: &Context, stack: &str, limit: Duration) -> Result<Option<Stack>, Error> {
    let start = Instant::now();
    let mut pause = SHORTEST_PAUSE;
    let mut view = View::new(&context.terminal, true);
    let mut answered = false;
    loop {
        // The state first: what happened up to it is then among the events.
        let found = match look(context, stack, &mut view).await {
            Err(Error::Aws(error)) if answered && is_passing(&error) => {
                view.note(&error.to_string());
                tokio::time::sleep(LONGEST_PAUSE).await;
                continue;
            }
            other => other?,
        };
        answered = true;
        match &found {
            Some(stack) if deployed::is_in_progress(deployed::status(stack)) => {
                if start.elapsed() > limit {
                    return Err(Error::Fatal(format!(
                        "Stack {} is still {} after {} seconds",
                        stack.stack_name().unwrap_or_default(),
                        deployed::status(stack),
                        limit.as_secs()
                    )));
                }
            }
            _ => return Ok(found),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn look(context: &Context, stack: &str, view: &mut View) -> Result<Option<Stack>, Error> {
    let found = deployed::describe(&context.session, stack).await?;
    if found.is_some() {
        view.update(&context.session, stack).await?;
    }
    Ok(found)
}

/// A passing trouble is no reason to give up a wait that has begun.
fn is_passing(error: &stups_aws::Error) -> bool {
    matches!(error.kind, ErrorKind::Throttled | ErrorKind::Unreachable)
}
