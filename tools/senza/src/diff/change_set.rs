//! What CloudFormation says that an update would do: a change set, described and deleted again.

use std::time::Duration;

use serde_json::{Map as JsonMap, Value as Json};
use stups_aws::Session;
use stups_aws::cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use stups_aws::cloudformation::types::{
    ChangeAction, ChangeSetStatus, ChangeSetType, EvaluationType, EventFilter, OperationEvent,
    Replacement as AwsReplacement, RequiresRecreation, ResourceChange, ResourceChangeDetail,
};

use super::{Action, Change, PropertyChange, Replacement};
use crate::Error;
use crate::context::Context;
use crate::polling::{Look, until_there};
use crate::template::{StackRequest, stack};

/// How long CloudFormation may take to make a change set.
const LIMIT: Duration = Duration::from_mins(5);
/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What an update of the deployed stack to `template` does to each resource. The change set is deleted again, also when this
/// fails or is interrupted.
pub(super) async fn describe(
    context: &Context,
    request: &StackRequest,
    template: &JsonMap<String, Json>,
) -> Result<Vec<ResourceChange>, Error> {
    let session = &context.session;
    let name = format!("{}-diff", stack::token());
    // Before it is made: an interruption may come between its creation and the answer.
    context
        .clean_up
        .add(delete(context.clone(), request.stack_name.clone(), name.clone()));
    let outcome = async {
        let id = stack::create_change_set(session, request, template, &name, ChangeSetType::Update).await;
        match id {
            Ok(id) => changes(session, &id).await,
            Err(Error::Aws(error)) if error.message.contains("No updates are to be performed") => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
    .await;
    context.clean_up.run().await;
    outcome
}

/// Makes the change set `name` and leaves it there for somebody to execute. Returns its ARN; nothing when nothing would change,
/// and then it is gone.
pub(crate) async fn create_named(
    context: &Context,
    request: &StackRequest,
    name: &str,
    kind: ChangeSetType,
) -> Result<Option<String>, Error> {
    let session = &context.session;
    let template = match kind {
        ChangeSetType::Update => stack::template_for_update(session, request).await?,
        _ => request.template.clone(),
    };
    let id = stack::create_change_set(session, request, &template, name, kind).await?;
    match wait(session, &id).await? {
        Made::Ready(_) => Ok(Some(id)),
        Made::Empty => {
            delete(context.clone(), request.stack_name.clone(), name.to_owned()).await;
            Ok(None)
        }
    }
}

/// Deletes the change set; one that is not there is as good as deleted.
async fn delete(context: Context, stack_name: String, name: String) {
    let answer = context
        .session
        .cloudformation()
        .delete_change_set()
        .stack_name(stack_name)
        .change_set_name(&name)
        .send()
        .await
        .map_err(stups_aws::Error::from);
    match answer {
        Err(error) if !error.has_code("ChangeSetNotFound") && error.kind != stups_aws::ErrorKind::Validation => {
            context
                .terminal
                .warning(&format!("The change set {name} could not be deleted: {error}"));
        }
        _ => {}
    }
}

/// A change set that CloudFormation has made.
enum Made {
    Ready(Box<DescribeChangeSetOutput>),
    /// there is nothing in it
    Empty,
}

async fn wait(session: &Session, id: &str) -> Result<Made, Error> {
    let look = || async { look(session, id, page(session, id, None).await?).await };
    until_there(LIMIT, LONGEST_PAUSE, || (), look).await
}

/// Whether the change set has been made.
async fn look(session: &Session, id: &str, page: DescribeChangeSetOutput) -> Result<Look<Made>, Error> {
    match page.status() {
        Some(ChangeSetStatus::CreateComplete) => Ok(Look::There(Made::Ready(Box::new(page)))),
        Some(ChangeSetStatus::Failed) => {
            let reason = page.status_reason().unwrap_or("no reason given");
            let is_empty = ["didn't contain changes", "No updates are to be performed"]
                .iter()
                .any(|words| reason.contains(words));
            if is_empty {
                return Ok(Look::There(Made::Empty));
            }
            let mistakes = failed_validations(session, id).await;
            let lines = mistakes.iter().map(|line| format!("\n{line}"));
            Err(Error::Fatal(format!(
                "CloudFormation refuses this change: {reason}{}",
                lines.collect::<String>()
            )))
        }
        _ => Ok(Look::NotYet("CloudFormation is still making the change set".to_owned())),
    }
}

/// What CloudFormation found out before it made anything: a line for each mistake. Whoever may not ask, or asks where CloudFormation
/// does not tell yet, has to do with the change set's own reason.
async fn failed_validations(session: &Session, id: &str) -> Vec<String> {
    let request = session.cloudformation().describe_events().change_set_name(id);
    let answer = request
        .filters(EventFilter::builder().failed_events(true).build())
        .send()
        .await;
    let events = answer.ok().and_then(|answer| answer.operation_events);
    events.unwrap_or_default().iter().filter_map(validation_line).collect()
}

/// `AppServer: Required property ImageId is missing (/Resources/AppServer/Properties)`
fn validation_line(event: &OperationEvent) -> Option<String> {
    let reason = event.validation_status_reason().or(event.hook_status_reason())?;
    let id = event.logical_resource_id().unwrap_or("Stack");
    let path = event.validation_path().map(|path| format!(" ({path})"));
    Some(format!("{id}: {reason}{}", path.unwrap_or_default()))
}

async fn page(session: &Session, id: &str, token: Option<String>) -> Result<DescribeChangeSetOutput, Error> {
    let request = session.cloudformation().describe_change_set().change_set_name(id);
    Ok(request.set_next_token(token).send().await?)
}

/// All pages of the resource changes.
async fn changes(session: &Session, id: &str) -> Result<Vec<ResourceChange>, Error> {
    let Made::Ready(first) = wait(session, id).await? else {
        return Ok(Vec::new());
    };
    let mut page = *first;
    let mut found = Vec::new();
    loop {
        let changes = page.changes.unwrap_or_default();
        found.extend(changes.into_iter().filter_map(|change| change.resource_change));
        match page.next_token {
            Some(token) => page = self::page(session, id, Some(token)).await?,
            None => return Ok(found),
        }
    }
}

/// Adds to `changes` what the change set knows of each resource: action, replacement, and the changes that only come about
/// because something else changes.
pub(super) fn merge(changes: &mut Vec<Change>, resources: Vec<ResourceChange>) {
    for resource in resources {
        let name = resource.logical_resource_id().unwrap_or_default();
        let position = changes
            .iter()
            .position(|change| change.section == "Resources" && change.name == name);
        let index = position.unwrap_or_else(|| {
            changes.push(Change {
                section: "Resources".to_owned(),
                name: name.to_owned(),
                resource_type: resource.resource_type.clone(),
                action: Action::Modify,
                replacement: None,
                properties: Vec::new(),
            });
            changes.len() - 1
        });
        let Some(change) = changes.get_mut(index) else { continue };
        change.action = match resource.action() {
            Some(ChangeAction::Add) => Action::Add,
            Some(ChangeAction::Remove) => Action::Remove,
            Some(ChangeAction::Modify) => Action::Modify,
            _ => Action::Other,
        };
        change.replacement = match resource.replacement() {
            Some(AwsReplacement::True) => Some(Replacement::Yes),
            Some(AwsReplacement::Conditional) => Some(Replacement::Conditional),
            Some(AwsReplacement::False) => Some(Replacement::No),
            _ => None,
        };
        for detail in resource.details() {
            if let Some(property) = property_of(detail)
                && !change
                    .properties
                    .iter()
                    .any(|known| is_below(&known.path, &property.path))
            {
                change.properties.push(property);
            }
        }
    }
}

fn is_below(path: &str, parent: &str) -> bool {
    path == parent || path.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'))
}

/// What a detail of a change set says that the templates do not.
fn property_of(detail: &ResourceChangeDetail) -> Option<PropertyChange> {
    let target = detail.target()?;
    let attribute = target.attribute().map(|attribute| attribute.as_str().to_owned());
    let path = target.name().map(str::to_owned).or(attribute)?;
    let recreates = match target.requires_recreation() {
        Some(RequiresRecreation::Always) => " (replaces the resource)",
        Some(RequiresRecreation::Conditionally) => " (may replace the resource)",
        _ => "",
    };
    let because = match (detail.causing_entity(), detail.evaluation()) {
        (Some(entity), _) => entity.to_owned(),
        (None, Some(EvaluationType::Dynamic)) => "what it refers to".to_owned(),
        (None, _) => return None,
    };
    Some(PropertyChange {
        path,
        cause: Some(format!("{because}{recreates}")),
        ..PropertyChange::default()
    })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc::Sender;

    use stups_aws::{Credentials, Session};
    use stups_terminal::Terminal;

    use super::*;
    use crate::Compatibility;
    use crate::clean_up::CleanUp;
    use crate::template::StackOptions;

    /// Answers one call; what is asked about a change set is never answered.
    fn answer(mut stream: TcpStream, called: &Sender<String>) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 || line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let body = String::from_utf8(body).ok()?;
        let action = body.split('&').find_map(|pair| pair.strip_prefix("Action="))?;
        called.send(action.to_owned()).ok()?;
        if action == "DescribeChangeSet" {
            // Until the caller goes.
            let _ = reader.read(&mut [0]);
            return None;
        }
        let content = format!("<{action}Response><{action}Result><Id>arn:1</Id></{action}Result></{action}Response>");
        let head = format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            content.len()
        );
        stream.write_all((head + &content).as_bytes()).ok()
    }

    #[tokio::test]
    async fn an_interrupted_command_deletes_its_change_set() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (called, calls) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let called = called.clone();
                std::thread::spawn(move || answer(stream, &called));
            }
        });
        let anybody = Credentials::new("anybody", "anybody", None, None, "test");
        let context = Context {
            terminal: Terminal::captured("").0,
            session: Session::with_credentials(anybody, "us-east-1", Some(&endpoint)),
            settings: crate::settings::Settings::default(),
            clean_up: CleanUp::default(),
            command: String::new(),
        };
        let request = StackRequest {
            stack_name: "hello-v1".to_owned(),
            template: JsonMap::new(),
            parameters: Vec::new(),
            tags: Vec::new(),
            notification_arns: Vec::new(),
            capabilities: Vec::new(),
            compatibility: Compatibility::Senza3,
            secrets: Vec::new(),
            template_bucket: None,
            options: StackOptions::default(),
        };
        let asked = tokio::task::spawn_blocking(move || {
            let calls_so_far: Vec<String> = calls.iter().take(2).collect();
            (calls_so_far, calls)
        });
        // As Ctrl-C does it: the work is dropped where it waits, and then what is to be undone is undone.
        let (so_far, calls) = tokio::select! {
            result = describe(&context, &request, &request.template) => panic!("{result:?}"),
            asked = asked => asked.unwrap(),
        };
        assert_eq!(so_far, ["CreateChangeSet", "DescribeChangeSet"]);
        context.clean_up.run().await;
        assert_eq!(calls.try_recv().as_deref(), Ok("DeleteChangeSet"));
    }
}
