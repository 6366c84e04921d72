use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::{ExposeSecret as _, SecretString};
use stups_auth::{Caller, Policy, PolicyUnavailable, Verification, Verify, VerifyError};

/// Verifies tokens that say themselves whose they are: `<realm>/<uid>`, with `+<scope>` behind it for each scope, such as
/// `/services/robot+uid+application.write`. Only for tests of services, which are about what callers may do.
#[derive(Clone, Copy, Debug)]
pub struct Everybody;

impl Verify for Everybody {
    fn verify<'a>(&'a self, token: &'a str) -> Verification<'a> {
        let mut parts = token.split('+');
        let name = parts.next().and_then(|name| name.rsplit_once('/'));
        let caller = name.map(|(realm, uid)| {
            Arc::new(Caller {
                uid: uid.to_owned(),
                realm: realm.to_owned(),
                scopes: parts.map(str::to_owned).collect(),
                client_id: None,
                expires_at: i64::MAX,
                token: SecretString::from(token),
            })
        });
        Box::pin(ready(caller.ok_or(VerifyError::Invalid)))
    }
}

/// Two teams: `jdoe`, `colleague` and the service `robot` are in `stups`, `asmith` is in `other`. Away when it is told so.
#[derive(Clone, Debug, Default)]
pub struct Teams(Arc<AtomicBool>);

type Decided<'a, T> = Pin<Box<dyn Future<Output = Result<T, PolicyUnavailable>> + Send + 'a>>;

impl Teams {
    /// Nobody answers from now on, or somebody does again.
    pub fn away(&self, away: bool) {
        self.0.store(away, Ordering::Relaxed);
    }

    fn answer<'a, T: Send + 'a>(&self, answer: T) -> Decided<'a, T> {
        Box::pin(ready(if self.0.load(Ordering::Relaxed) {
            Err(PolicyUnavailable("away".to_owned()))
        } else {
            Ok(answer)
        }))
    }
}

fn team_of(caller: &Caller) -> &'static str {
    // The policy decides with the caller's own token.
    assert!(caller.token.expose_secret().starts_with(&caller.name()));
    match caller.uid.as_str() {
        "jdoe" | "robot" | "colleague" => "stups",
        "asmith" => "other",
        _ => "",
    }
}

impl Policy for Teams {
    fn may_act_for<'a>(&'a self, caller: &'a Caller, team: &'a str) -> Decided<'a, bool> {
        self.answer(team_of(caller) == team)
    }

    fn team_exists<'a>(&'a self, _: &'a Caller, team: &'a str) -> Decided<'a, bool> {
        self.answer(["stups", "other"].contains(&team))
    }

    fn teams_of<'a>(&'a self, caller: &'a Caller) -> Decided<'a, Vec<String>> {
        let team = team_of(caller);
        self.answer(if team.is_empty() {
            Vec::new()
        } else {
            vec![team.to_owned()]
        })
    }
}
