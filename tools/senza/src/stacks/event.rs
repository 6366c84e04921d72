//! What an event of a stack says: about a resource, or about what a hook made of it.

use stups_aws::cloudformation::types::{HookFailureMode, HookStatus, StackEvent};

/// Why it is so, in AWS's words: the event's own reason, else what the hook said; nothing when nobody gave one.
pub(crate) fn reason_of(event: &StackEvent) -> Option<String> {
    let said = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    said(event.resource_status_reason()).or_else(|| {
        let hook = said(event.hook_type())?;
        let status = event.hook_status().map_or("", HookStatus::as_str);
        let reason = said(event.hook_status_reason());
        Some(match reason {
            Some(reason) => format!("Hook {hook} {status}: {reason}"),
            None => format!("Hook {hook} {status}"),
        })
    })
}

/// Whether a hook stopped the operation. One that only warns stops nothing.
pub(crate) fn is_stopped_by_hook(event: &StackEvent) -> bool {
    let has_failed = matches!(
        event.hook_status(),
        Some(HookStatus::HookCompleteFailed | HookStatus::HookFailed)
    );
    has_failed && event.hook_failure_mode() != Some(&HookFailureMode::Warn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_or_a_hook_gives_the_reason() {
        let hook = |status: HookStatus, reason: &str| {
            let event = StackEvent::builder().hook_type("Acme::Encryption::Hook");
            event.hook_status(status).hook_status_reason(reason).build()
        };
        for (event, expected) in [
            (StackEvent::builder().build(), None),
            (StackEvent::builder().resource_status_reason("").build(), None),
            (
                StackEvent::builder().resource_status_reason("no room").build(),
                Some("no room"),
            ),
            (
                hook(HookStatus::HookCompleteFailed, "not encrypted"),
                Some("Hook Acme::Encryption::Hook HOOK_COMPLETE_FAILED: not encrypted"),
            ),
            (
                hook(HookStatus::HookInProgress, ""),
                Some("Hook Acme::Encryption::Hook HOOK_IN_PROGRESS"),
            ),
        ] {
            assert_eq!(reason_of(&event).as_deref(), expected);
        }
    }

    #[test]
    fn a_hook_that_warns_stops_nothing() {
        for (status, mode, expected) in [
            (HookStatus::HookCompleteFailed, Some(HookFailureMode::Fail), true),
            (HookStatus::HookFailed, None, true),
            (HookStatus::HookCompleteFailed, Some(HookFailureMode::Warn), false),
            (HookStatus::HookCompleteSucceeded, Some(HookFailureMode::Fail), false),
        ] {
            let event = StackEvent::builder().hook_status(status);
            assert_eq!(is_stopped_by_hook(&event.set_hook_failure_mode(mode).build()), expected);
        }
        assert!(!is_stopped_by_hook(&StackEvent::builder().build()));
    }
}
