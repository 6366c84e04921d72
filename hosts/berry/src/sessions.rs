//! The sessions with which stores are asked.

use std::path::PathBuf;

use secrecy::ExposeSecret as _;
use stups_aws::{Credentials, SecretStore, Session, SessionError, SessionOptions};

use crate::applications::Application;
use crate::aws_credentials_file::{AccessKey, look_up};

/// The region that is asked for a bucket when nothing says which: S3 tells there where a bucket is.
const FIRST_REGION: &str = "us-east-1";

/// Sessions that are kept for as long as they are right: each has credentials that need not be obtained again, and connections.
#[derive(Debug)]
pub(crate) struct Sessions {
    /// the region of those stores that don't name their own
    region: Option<String>,
    /// where the credentials of applications are looked up, at each call; else they are the machine's
    aws_credentials_file: Option<PathBuf>,
    made: Vec<Made>,
}

#[derive(Debug)]
struct Made {
    /// with credentials of its own
    application: Option<(String, AccessKey)>,
    region: Option<String>,
    session: Session,
}

impl Sessions {
    pub(crate) fn new(region: Option<String>, aws_credentials_file: Option<PathBuf>) -> Self {
        Self {
            region,
            aws_credentials_file,
            made: Vec::new(),
        }
    }

    /// The session for an application's store. Errors are a matter of usage: no credentials in the file, no region.
    pub(crate) async fn get(&mut self, application: &Application) -> Result<Session, String> {
        let key = match &self.aws_credentials_file {
            Some(path) => Some((application.id.clone(), look_up(path, &application.id)?)),
            None => None,
        };
        let region = application
            .location
            .region()
            .map(str::to_owned)
            .or_else(|| self.region.clone());
        if let Some(made) = self
            .made
            .iter()
            .find(|made| made.is_for(key.as_ref(), region.as_deref()))
        {
            return Ok(made.session.clone());
        }
        let session = load(application, key.as_ref().map(|(_, key)| key), region.clone()).await?;
        // One with credentials that the file no longer has is of no use.
        self.made.retain(|made| match (&made.application, &key) {
            (Some((id, _)), Some((application, _))) => id != application,
            _ => true,
        });
        self.made.push(Made {
            application: key,
            region,
            session: session.clone(),
        });
        Ok(session)
    }
}

impl Made {
    fn is_for(&self, key: Option<&(String, AccessKey)>, region: Option<&str>) -> bool {
        let is_same_key = match (&self.application, key) {
            (None, None) => true,
            (Some((id, mine)), Some((application, theirs))) => {
                id == application
                    && mine.id == theirs.id
                    && mine.secret.expose_secret() == theirs.secret.expose_secret()
            }
            _ => false,
        };
        is_same_key && self.region.as_deref() == region
    }
}

async fn load(application: &Application, key: Option<&AccessKey>, region: Option<String>) -> Result<Session, String> {
    let options = SessionOptions {
        region,
        credentials: key.map(|key| Credentials::new(&key.id, key.secret.expose_secret(), None, None, "berry")),
        ..SessionOptions::default()
    };
    let session = match Session::load(options.clone()).await {
        Err(SessionError::NoRegion) if matches!(application.location.store(), SecretStore::S3 { .. }) => {
            let region = Some(FIRST_REGION.to_owned());
            Session::load(SessionOptions { region, ..options }).await
        }
        session => session,
    };
    session.map_err(|error| match error {
        SessionError::NoRegion => format!(
            "The AWS region is missing, please say it with --region, in your configuration YAML, or as {}?region=...",
            application.location
        ),
        SessionError::UnknownRegion(region) => format!("There is no AWS region \"{region}\""),
    })
}
