//! The events of a stack as they happen: lines in a pipe; on a terminal also what is going on right now, in place.

use std::time::Instant;

use indexmap::IndexMap;
use stups_aws::Session;
use stups_aws::cloudformation::types::StackEvent;
use stups_terminal::{OutputFormat, Terminal};

use super::root_cause::{is_consequence, latest_operation};
use super::screen::Screen;
use crate::Error;
use crate::stacks::{is_stopped_by_hook, reason_of, short_resource_type};

/// How many resources are shown as being worked on.
const MOST_LINES: usize = 8;

/// What has been shown of one stack's events.
#[derive(Debug)]
pub(crate) struct View {
    terminal: Terminal,
    /// on a terminal only
    screen: Option<Screen>,
    started: Instant,
    /// the newest event that was shown
    last_event: Option<String>,
    /// each resource's latest status
    statuses: IndexMap<String, String>,
}

impl View {
    /// Nothing was shown yet. Only one view at a time may replace lines in place.
    pub(crate) fn new(terminal: &Terminal, in_place: bool) -> Self {
        let in_place = in_place && terminal.stdout_is_terminal() && terminal.format() == OutputFormat::Text;
        Self {
            terminal: terminal.clone(),
            screen: in_place.then(|| Screen::new(terminal)),
            started: Instant::now(),
            last_event: None,
            statuses: IndexMap::new(),
        }
    }

    /// Shows what happened since the last time: at first, all of the latest operation.
    pub(crate) async fn update(&mut self, session: &Session, stack: &str) -> Result<(), Error> {
        let events = new_events(session, stack, self.last_event.as_deref()).await?;
        let events = if self.last_event.is_none() {
            latest_operation(&events)
        } else {
            &events
        };
        if let Some(screen) = &mut self.screen {
            screen.erase();
        }
        for event in events {
            self.show(event);
        }
        if let Some(last) = events.last() {
            self.last_event = last.event_id().map(str::to_owned);
        }
        let lines = self.going_on();
        if let Some(screen) = &mut self.screen {
            screen.draw(&lines);
        }
        Ok(())
    }

    /// Shows a line between the events.
    pub(crate) fn note(&mut self, text: &str) {
        if let Some(screen) = &mut self.screen {
            screen.erase();
        }
        self.terminal.warning(text);
    }

    fn show(&mut self, event: &StackEvent) {
        let status = event.resource_status().map_or("", |status| status.as_str());
        let id = event.logical_resource_id().unwrap_or_default();
        let before = self.statuses.insert(id.to_owned(), status.to_owned());
        let is_stopped = is_stopped_by_hook(event);
        // CloudFormation says twice that it has begun.
        if before.as_deref() == Some(status) && status.ends_with("_IN_PROGRESS") && self.screen.is_some() && !is_stopped
        {
            return;
        }
        let line = line(event);
        let has_failed = status.ends_with("_FAILED") && reason_of(event).is_some() && !is_consequence(event);
        if is_stopped || has_failed {
            self.terminal.error(&line);
        } else if status.contains("ROLLBACK") || status.ends_with("_FAILED") {
            self.terminal.warning(&line);
        } else if !status.ends_with("_IN_PROGRESS") || self.screen.is_none() {
            self.terminal.info(&line);
        }
    }

    /// How far it is, and what is being worked on.
    fn going_on(&self) -> Vec<String> {
        let under_way: Vec<(&String, &String)> = self
            .statuses
            .iter()
            .filter(|(_, status)| status.ends_with("_IN_PROGRESS"))
            .collect();
        if under_way.is_empty() {
            return Vec::new();
        }
        let done = self
            .statuses
            .values()
            .filter(|status| status.ends_with("_COMPLETE"))
            .count();
        let mut lines = vec![format!(
            "-- {done} of {} resources done, {} s",
            self.statuses.len(),
            self.started.elapsed().as_secs()
        )];
        lines.extend(
            under_way
                .iter()
                .take(MOST_LINES)
                .map(|(id, status)| format!("   {status:<24} {id}")),
        );
        if under_way.len() > MOST_LINES {
            lines.push(format!("   and {} more", under_way.len() - MOST_LINES));
        }
        lines
    }
}

/// Events (oldest first) after the one with this id; all of them without one. Only as many pages as needed.
async fn new_events(session: &Session, stack: &str, after: Option<&str>) -> Result<Vec<StackEvent>, Error> {
    let mut events = Vec::new();
    let mut next_token = None;
    'pages: loop {
        let request = session.cloudformation().describe_stack_events().stack_name(stack);
        let page = request.set_next_token(next_token).send().await?;
        for event in page.stack_events.unwrap_or_default() {
            if after.is_some() && event.event_id() == after {
                break 'pages;
            }
            events.push(event);
        }
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    // AWS lists the newest first.
    events.reverse();
    Ok(events)
}

/// `12:34:56 CREATE_COMPLETE AutoScaling::AutoScalingGroup AppServer: reason`
fn line(event: &StackEvent) -> String {
    let time = event
        .timestamp()
        .and_then(|time| jiff::Timestamp::from_second(time.secs()).ok())
        .map(|time| time.to_string())
        .and_then(|time| Some(time.get(11..19)?.to_owned()))
        .unwrap_or_default();
    let reason = reason_of(event).map(|reason| format!(": {reason}")).unwrap_or_default();
    format!(
        "{time} {} {} {}{reason}",
        event.resource_status().map_or("", |status| status.as_str()),
        short_resource_type(event.resource_type().unwrap_or_default()),
        event.logical_resource_id().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use stups_aws::cloudformation::primitives::DateTime;

    use super::*;

    fn event(id: &str, status: &str, reason: Option<&str>) -> StackEvent {
        StackEvent::builder()
            .logical_resource_id(id)
            .resource_type("AWS::SNS::Topic")
            .resource_status(status.into())
            .set_resource_status_reason(reason.map(str::to_owned))
            .timestamp(DateTime::from_secs(1_767_225_600))
            .build()
    }

    #[test]
    fn in_a_pipe_every_event_is_a_line() {
        let (terminal, captured) = Terminal::captured("");
        let mut view = View::new(&terminal, true);
        view.show(&event("Topic", "CREATE_IN_PROGRESS", None));
        view.show(&event("Topic", "CREATE_FAILED", Some("no room")));
        assert_eq!(
            captured.stderr(),
            "00:00:00 CREATE_IN_PROGRESS SNS::Topic Topic\n00:00:00 CREATE_FAILED SNS::Topic Topic: no room\n"
        );
        assert_eq!(captured.stdout(), "");
    }

    #[test]
    fn on_a_terminal_what_is_going_on_is_below() {
        let (terminal, captured) = Terminal::captured_tty("");
        let mut view = View::new(&terminal, true);
        view.show(&event("Topic", "CREATE_IN_PROGRESS", None));
        view.show(&event("Queue", "CREATE_IN_PROGRESS", None));
        assert_eq!(captured.stdout(), "", "what has begun is not worth a line that stays");
        view.show(&event("Topic", "CREATE_COMPLETE", None));
        assert!(captured.stdout().contains("CREATE_COMPLETE SNS::Topic Topic"));
        let lines = view.going_on();
        assert!(lines[0].starts_with("-- 1 of 2 resources done"), "{lines:?}");
        assert_eq!(lines[1].trim(), "CREATE_IN_PROGRESS       Queue");
        for number in 0..20 {
            view.show(&event(&format!("More{number}"), "CREATE_IN_PROGRESS", None));
        }
        assert_eq!(view.going_on().last().unwrap(), "   and 13 more");
        view.statuses
            .values_mut()
            .for_each(|status| "CREATE_COMPLETE".clone_into(status));
        assert!(view.going_on().is_empty());
    }
}
