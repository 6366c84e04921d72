//! The other OpenID provider that people log in at, and what its claims mean here.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use stups_auth::SetupError;
use stups_auth::openid::{LoginSecrets, Person, Provider, ProviderSettings};

use crate::State;
use crate::config;
use crate::model::upstream_users::Visitor;
use crate::model::write::{check_name, check_scopes};
use crate::realms::{Realms, canonical};
use crate::secret;

/// Where people come back to.
pub const CALLBACK: &str = "/oauth2/login/callback";
/// No name of a person is longer.
const LONGEST_TEXT: usize = 255;

/// Another provider.
pub struct Upstream {
    /// Asks it.
    pub provider: Provider,
    /// Whose users log in there, with the leading slash.
    pub realm: String,
    /// What it is called on pages.
    pub name: String,
    settings: config::Upstream,
}

impl Upstream {
    /// The provider of the settings, at which people come back to `issuer`, which is us.
    ///
    /// Fails when the realm is none that people log in at and whose users are kept here, or a name cannot be one.
    pub fn new(settings: &config::Upstream, issuer: &str, realms: &Realms) -> Result<Self, SetupError> {
        let realm = canonical(&settings.realm);
        match realms.get(&realm) {
            Some((_, settings)) if settings.interactive && settings.managed => {}
            _ => {
                return Err(SetupError(format!(
                    "upstream.realm: {realm} is no realm that people log in at and whose users are kept here"
                )));
            }
        }
        let wrong = |error: crate::model::write::Invalid| SetupError(error.to_string());
        check_scopes("upstream.user_scopes", settings.user_scopes.clone()).map_err(wrong)?;
        for team in settings.teams.values().flatten() {
            check_name("upstream.teams", team).map_err(wrong)?;
        }
        let mut scopes = vec!["openid".to_owned()];
        scopes.extend(settings.scopes.iter().filter(|scope| *scope != "openid").cloned());
        let host = settings.issuer.host_str().unwrap_or(settings.issuer.as_str());
        Ok(Self {
            provider: Provider::new(ProviderSettings {
                issuer: settings.issuer.clone(),
                client_id: settings.client_id.clone(),
                client_secret: settings.client_secret.clone(),
                redirect_uri: format!("{issuer}{CALLBACK}"),
                scopes,
            })?,
            realm,
            name: settings.name.clone().unwrap_or_else(|| host.to_owned()),
            settings: settings.clone(),
        })
    }

    /// Who the person is here, or why nobody.
    pub(crate) fn visitor(&self, person: &Person) -> Result<Visitor, String> {
        let claims = &person.claims;
        let claim = &self.settings.uid_claim;
        let uid = text(claims, claim).ok_or_else(|| format!("{} does not say {claim}", self.name))?;
        check_name("id", &uid).map_err(|error| format!("{claim} cannot be a user name here: {error}"))?;
        Ok(Visitor {
            issuer: self.provider.issuer().as_str().trim_end_matches('/').to_owned(),
            subject: person.subject.clone(),
            uid,
            name: text(claims, "name"),
            email: text(claims, "email"),
            scopes: self.settings.user_scopes.clone(),
            teams: self.teams(&groups(claims.get(&self.settings.groups_claim))),
        })
    }

    /// Every team that the settings name, and whether a member of these groups is in it.
    fn teams(&self, groups: &BTreeSet<&str>) -> BTreeMap<String, bool> {
        let mut teams = BTreeMap::new();
        for (group, members_of) in &self.settings.teams {
            for team in members_of {
                *teams.entry(team.clone()).or_default() |= groups.contains(group.as_str());
            }
        }
        teams
    }
}

/// A claim that is a text for people.
fn text(claims: &Map<String, Value>, name: &str) -> Option<String> {
    let text = claims.get(name)?.as_str()?.trim();
    let fine = !text.is_empty() && text.len() <= LONGEST_TEXT && !text.chars().any(char::is_control);
    fine.then(|| text.to_owned())
}

/// Groups: a list of texts, or the only one. Whoever is in none that is said is in none.
fn groups(claim: Option<&Value>) -> BTreeSet<&str> {
    match claim {
        Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(group)) => BTreeSet::from([group.as_str()]),
        _ => BTreeSet::new(),
    }
}

/// What only the login of that state knows: it follows from the state, so it is kept nowhere.
pub fn secrets(state: &State, login: &SecretString) -> LoginSecrets {
    let follow = |purpose: &str| {
        let text = SecretString::from(format!("{purpose}|{}", login.expose_secret()));
        secret::derive(&state.upstream_key, &text)
    };
    // 32 characters each; a verifier has at least 43.
    let verifier = [follow("verifier 1"), follow("verifier 2")];
    LoginSecrets {
        state: login.clone(),
        nonce: follow("nonce"),
        verifier: verifier
            .iter()
            .map(ExposeSecret::expose_secret)
            .collect::<String>()
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn upstream(change: impl FnOnce(&mut config::Upstream)) -> Result<Upstream, SetupError> {
        let mut settings: config::Upstream = serde_json::from_value(json!({
            "issuer": "https://login.example.org",
            "client_id": "stups",
            "teams": {"Platform": ["stups", "ops"], "Operations": ["ops"], "Shop": ["shop"]},
        }))
        .unwrap();
        change(&mut settings);
        Upstream::new(
            &settings,
            "https://id.example.org",
            &Realms::new(&BTreeMap::new(), None),
        )
    }

    fn visitor(claims: Value) -> Result<Visitor, String> {
        let Value::Object(claims) = claims else { unreachable!() };
        let subject = "4711".to_owned();
        upstream(|_| ()).unwrap().visitor(&Person { subject, claims })
    }

    #[test]
    fn groups_say_which_teams_and_which_not() {
        let teams = |groups: Value| {
            visitor(json!({"preferred_username": "jdoe", "groups": groups}))
                .unwrap()
                .teams
        };
        let expected = |stups, ops, shop| {
            BTreeMap::from([("stups", stups), ("ops", ops), ("shop", shop)].map(|(id, member)| (id.to_owned(), member)))
        };
        assert_eq!(teams(json!(["Platform", "Unknown", 7])), expected(true, true, false));
        assert_eq!(teams(json!("Operations")), expected(false, true, false));
        assert_eq!(
            teams(json!(["platform"])),
            expected(false, false, false),
            "case matters"
        );
        assert_eq!(teams(Value::Null), expected(false, false, false));
    }

    #[test]
    fn somebody_without_a_usable_name_is_nobody() {
        assert_eq!(
            visitor(json!({"preferred_username": "jdoe", "name": " J. Doe "}))
                .unwrap()
                .name,
            Some("J. Doe".to_owned())
        );
        for claims in [
            json!({}),
            json!({"preferred_username": ""}),
            json!({"preferred_username": 7}),
            json!({"preferred_username": "a/b"}),
            json!({"preferred_username": "J. Doe"}),
            json!({"preferred_username": "x".repeat(256)}),
        ] {
            assert!(visitor(claims.clone()).is_err(), "{claims}");
        }
        let odd = visitor(json!({"preferred_username": "jdoe", "name": "a\nb", "email": 7})).unwrap();
        assert_eq!((odd.name, odd.email), (None, None));
    }

    #[test]
    fn settings_that_cannot_be_are_refused_at_the_start() {
        assert_eq!(upstream(|_| ()).unwrap().name, "login.example.org");
        for (change, about) in [
            (
                Box::new(|settings: &mut config::Upstream| settings.realm = "services".to_owned())
                    as Box<dyn FnOnce(&mut config::Upstream)>,
                "/services",
            ),
            (Box::new(|settings| settings.realm = "nowhere".to_owned()), "/nowhere"),
            (
                Box::new(|settings| settings.issuer = "http://login.example.org".parse().unwrap()),
                "https",
            ),
            (
                Box::new(|settings| drop(settings.teams.insert("x".to_owned(), vec!["a b".to_owned()]))),
                "teams",
            ),
            (
                Box::new(|settings| settings.user_scopes = vec!["realm".to_owned()]),
                "realm",
            ),
        ] {
            let Err(error) = upstream(change) else {
                panic!("{about}")
            };
            assert!(error.to_string().contains(about), "{error}");
        }
    }
}
