//! The `worker` template: an application that works off a queue.

use super::answers::Answers;
use super::application::{Application, Special};
use super::{bgapp, iam_role, security_groups};
use crate::Error;
use crate::account::Account;

pub(super) const DESCRIPTION: &str = "Background app with a queue of its own";

pub(super) const VARIABLES: [&str; 4] = bgapp::VARIABLES;

pub(super) async fn prepare(answers: &Answers<'_>, account: &Account) -> Result<String, Error> {
    let application = bgapp::ask(answers, account).await?;
    security_groups::ensure_for_background_app(answers, account, &application.id).await?;
    Ok(definition(
        &application,
        iam_role::partition(account.session().region()),
    ))
}

fn definition(application: &Application, partition: &str) -> String {
    let server = application.server(Special {
        role: Some("        - Ref: AppRole\n"),
        configuration: "        environment:\n          QUEUE_URL:\n            Ref: Queue\n",
        ..Special::default()
    });
    let id = &application.id;
    let mint = match &application.mint_bucket {
        Some(bucket) => format!(
            r#"              - Sid: AllowMintRead
                Effect: Allow
                Action: s3:GetObject
                Resource: "arn:{partition}:s3:::{bucket}/{id}/*"
"#
        ),
        None => String::new(),
    };
    let resources = format!(
        r#"
# plain Cloud Formation: the queue, the queue of what failed five times, and who may read it
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      SqsManagedSseEnabled: true
      VisibilityTimeout: 300
      RedrivePolicy:
        deadLetterTargetArn:
          Fn::GetAtt: [FailedMessages, Arn]
        maxReceiveCount: 5
  FailedMessages:
    Type: AWS::SQS::Queue
    Properties:
      SqsManagedSseEnabled: true
      MessageRetentionPeriod: 1209600 # 14 days
  AppRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal:
              Service: ec2.amazonaws.com
            Action: sts:AssumeRole
      Policies:
        - PolicyName: worker
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Action:
                  - sqs:ReceiveMessage
                  - sqs:DeleteMessage
                  - sqs:ChangeMessageVisibility
                  - sqs:GetQueueAttributes
                Resource:
                  Fn::GetAtt: [Queue, Arn]
{mint}
Outputs:
  QueueUrl:
    Description: "Where to send messages to"
    Value:
      Ref: Queue
"#
    );
    [application.head(), server, resources].concat()
}
