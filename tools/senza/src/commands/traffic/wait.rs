//! Waiting until nobody works on the application's stacks any more.

use std::time::{Duration, Instant};

use crate::Error;
use crate::context::Context;
use crate::deployed::is_in_progress;
use crate::stacks::{StackReference, list_stacks};

/// Looks every `interval` until no stack is being worked on; after `limit` it is an error, and so is no stack at all.
pub(crate) async fn until_settled(
    context: &Context,
    references: &[StackReference],
    limit: Duration,
    interval: Duration,
) -> Result<(), Error> {
    let start = Instant::now();
    loop {
        let stacks = list_stacks(&context.session, references, false).await?;
        if stacks.is_empty() {
            return Err(Error::Fatal("Stack not found!".to_owned()));
        }
        let mut settled = true;
        for stack in stacks.iter().filter(|stack| is_in_progress(&stack.status)) {
            settled = false;
            context.terminal.info(&format!(
                "Waiting for stack {} ({}) to perform requested operation..",
                stack.stack_name, stack.status
            ));
        }
        if settled {
            return Ok(());
        }
        let left = limit.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Err(Error::Fatal(
                "Timeout reached, requested operation not executed.".to_owned(),
            ));
        }
        tokio::time::sleep(interval.min(left)).await;
    }
}
