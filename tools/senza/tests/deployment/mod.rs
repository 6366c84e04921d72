//! Deployments, going back, and cleaning up, against an AWS API.

mod alarms;
mod cleanup;
mod deploy;
mod faults;
mod interrupt;
mod rollback;
mod shared;

use std::path::PathBuf;

use crate::application::{Application, DOMAIN, ZONE};

/// A definition file of the application `hello`.
pub(crate) struct Definition {
    directory: tempfile::TempDir,
}

impl Definition {
    /// A version is a weighted record and one of its own.
    pub(crate) fn of_records() -> Self {
        Self::write(&format!(
            "SenzaInfo:\n  StackName: hello\n  Parameters:\n    - Note: {{Default: none}}\n\
             Resources:\n  MainDomain:\n    Type: AWS::Route53::RecordSet\n    Properties:\n      Name: {DOMAIN}.\n      \
             HostedZoneName: {ZONE}.\n      Type: CNAME\n      TTL: '20'\n      \
             ResourceRecords: ['{{{{SenzaInfo.StackVersion}}}}.elb.example.com']\n      \
             SetIdentifier: 'hello-{{{{SenzaInfo.StackVersion}}}}'\n      Weight: 0\n  \
             VersionDomain:\n    Type: AWS::Route53::RecordSet\n    Properties:\n      Name: 'hello-{{{{SenzaInfo.StackVersion}}}}.{ZONE}.'\n      \
             HostedZoneName: {ZONE}.\n      Type: CNAME\n      TTL: '20'\n      ResourceRecords: ['{{{{Arguments.Note}}}}.example.com']\n"
        ))
    }

    /// Any text.
    pub(crate) fn write(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("hello.yaml"), text).unwrap();
        Self { directory }
    }

    pub(crate) fn path(&self) -> String {
        let path: PathBuf = self.directory.path().join("hello.yaml");
        path.to_str().unwrap().to_owned()
    }
}

/// Waits until the versions have these weights.
pub(crate) async fn until_weights(application: &Application, wanted: &[i64]) {
    while application.hello_weights().await != wanted {
        // The command needs the processor more than the question does.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
