//! What `--insecure-no-auth` stands for: everybody is a developer who may do everything.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use secrecy::SecretString;

use crate::{Caller, Policy, PolicyUnavailable, Verification, Verify};

/// The scopes of the platform's own services.
const SCOPES: [&str; 4] = ["uid", "application.write", "application.write_all", "audit.read"];

pub(crate) struct Insecure;

impl Verify for Insecure {
    fn verify<'a>(&'a self, token: &'a str) -> Verification<'a> {
        Box::pin(ready(Ok(Arc::new(Caller {
            uid: "insecure".to_owned(),
            realm: "/employees".to_owned(),
            scopes: SCOPES.map(str::to_owned).to_vec(),
            client_id: None,
            expires_at: i64::MAX,
            token: SecretString::from(token),
        }))))
    }
}

/// Allows everything; every team exists. Only for `--insecure-no-auth`.
#[derive(Clone, Copy, Debug)]
pub struct InsecurePolicy;

impl Policy for InsecurePolicy {
    fn may_act_for<'a>(
        &'a self,
        _: &'a Caller,
        team: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<bool, PolicyUnavailable>> + Send + 'a>> {
        Box::pin(ready(Ok(!team.trim().is_empty())))
    }

    fn team_exists<'a>(
        &'a self,
        _: &'a Caller,
        team: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<bool, PolicyUnavailable>> + Send + 'a>> {
        Box::pin(ready(Ok(!team.trim().is_empty())))
    }

    fn teams_of<'a>(
        &'a self,
        _: &'a Caller,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<String>, PolicyUnavailable>> + Send + 'a>> {
        Box::pin(ready(Ok(vec!["insecure".to_owned()])))
    }
}
