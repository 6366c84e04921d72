//! Where the credentials of one application come from, and what berry says when they don't.

use secrecy::SecretString;
use serde_json::{Map, Value};
use stups_aws::{SecretObject, Session};

use crate::applications::Application;
use crate::content;
use crate::log::Log;
use crate::store::{self, BucketRegions, Fetched, Refusal};

/// What is copied for an application, in this order.
pub(crate) const OBJECTS: [SecretObject; 2] = [SecretObject::User, SecretObject::Client];

/// Credentials that were fetched: the very text, which is a JSON object.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) text: SecretString,
    pub(crate) version: Option<String>,
}

impl Credentials {
    /// The object that the text is.
    pub(crate) fn object(&self) -> Map<String, Value> {
        // It was looked at when it was fetched.
        content::object(&self.text).unwrap_or_default()
    }
}

/// The failure was logged; nothing more is to be said.
#[derive(Debug)]
pub(crate) struct Logged;

/// Fetches one of an application's objects, unless it is still the known version. Failures are logged.
pub(crate) async fn fetch(
    session: &Session,
    application: &Application,
    object: SecretObject,
    known: Option<&str>,
    regions: &mut BucketRegions,
    log: &Log,
) -> Result<Option<Credentials>, Logged> {
    let location = &application.location;
    let name = match location.object_name(&application.id, object) {
        Ok(name) => name,
        Err(error) => return Err(failed(log, object, &error.to_string())),
    };
    match store::fetch(session, location, &name, known, regions).await {
        Ok(Fetched::Unchanged) => Ok(None),
        Ok(Fetched::Content { text, version }) => match content::object(&text) {
            Ok(_) => Ok(Some(Credentials { text, version })),
            Err(reason) => Err(failed(
                log,
                object,
                &format!("{name} in {}: {reason}", store::describe(location)),
            )),
        },
        Err(refusal) => {
            log.error(&explain(&refusal, &name, &store::describe(location)));
            Err(Logged)
        }
    }
}

/// Logs why an object was not copied.
pub(crate) fn failed(log: &Log, object: SecretObject, reason: &str) -> Logged {
    log.error(&format!("Failed to download {} credentials: {reason}", object.name()));
    Logged
}

/// Logs that an object was.
pub(crate) fn rotated(log: &Log, object: SecretObject, application: &Application) {
    log.info(&format!("Rotated {} credentials for {}", object.name(), application.id));
}

/// The beginnings of these lines are as scripts know them.
fn explain(refusal: &Refusal, name: &str, store: &str) -> String {
    match refusal {
        Refusal::AccessDenied(message) => format!(
            "Access denied while trying to read \"{name}\" from {store}. Check your IAM role/user policy: it has to allow this. ({message})"
        ),
        Refusal::NotFound(message) => format!(
            "Credentials file \"{name}\" not found in {store}. Is the application configured in Mint, with this place, and has Mint written there? ({message})"
        ),
        Refusal::Other(message) => format!("Could not read from {store}: {name}: {message}"),
    }
}
