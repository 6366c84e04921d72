//! The `scheduled` template: an application whose instances run at some hours only.

use super::answers::Answers;
use super::application::{Application, Special};
use super::{bgapp, checks};
use crate::Error;
use crate::account::Account;

pub(super) const DESCRIPTION: &str = "Background app that runs at some hours only";

pub(super) const VARIABLES: [&str; 6] = [
    "application_id",
    "docker_image",
    "instance_type",
    "mint_bucket",
    "start_recurrence",
    "stop_recurrence",
];

pub(super) async fn prepare(answers: &Answers<'_>, account: &Account) -> Result<String, Error> {
    let application = bgapp::ask(answers, account).await?;
    let start = answers.value(
        "start_recurrence",
        "When it starts (minute, hour, day, month, weekday; UTC)",
        Some("0 7 * * 1-5"),
        checks::recurrence,
    )?;
    let stop = answers.value(
        "stop_recurrence",
        "When it stops",
        Some("0 19 * * 1-5"),
        checks::recurrence,
    )?;
    bgapp::ensure(answers, account, &application).await?;
    Ok(definition(&application, &start, &stop))
}

fn definition(application: &Application, start: &str, stop: &str) -> String {
    let server = application.server(Special {
        properties: "      AutoScaling:\n        Minimum: 0\n        Maximum: 1\n        DesiredCapacity: 1\n",
        ..Special::default()
    });
    let actions = format!(
        r#"
# plain Cloud Formation: the hours
Resources:
  Start:
    Type: AWS::AutoScaling::ScheduledAction
    Properties:
      AutoScalingGroupName:
        Ref: AppServer
      DesiredCapacity: 1
      Recurrence: "{start}"
  Stop:
    Type: AWS::AutoScaling::ScheduledAction
    Properties:
      AutoScalingGroupName:
        Ref: AppServer
      DesiredCapacity: 0
      Recurrence: "{stop}"
"#
    );
    [application.head(), server, actions].concat()
}
