//! The application in Kio, and its team.

use stups_auth::{Caller, Policy as _};

use super::services::Services;
use super::{Outcome, Subject};

/// Whether the application is registered and active, and the team that owns it.
pub(super) async fn is_active(services: &Services, subject: &Subject) -> (Outcome, Option<String>) {
    let Some(kio) = &services.kio else {
        return (Outcome::Skipped(not_configured("Kio", "kio", "KIO_URL")), None);
    };
    let Some(id) = &subject.application_id else {
        let reason = "application_id is not known before the stack is there".to_owned();
        return (Outcome::Unknown(reason), None);
    };
    let token = match services.token.token().await {
        Ok(token) => token,
        Err(reason) => return (Outcome::Failed(format!("no token for Kio: {reason}")), None),
    };
    match kio.on_behalf_of(&token).application(id).await {
        Ok(None) => (Outcome::Failed("it is not registered".to_owned()), None),
        Ok(Some(application)) if !application.active => (
            Outcome::Failed("it is not active".to_owned()),
            Some(application.team_id),
        ),
        Ok(Some(application)) => (Outcome::Passed, Some(application.team_id)),
        Err(error) => (Outcome::Failed(error.to_string()), None),
    }
}

/// Whether the caller may act for the team that owns the application, as identity sees it.
pub(super) async fn is_own(services: &Services, team: Option<&str>) -> Outcome {
    if services.kio.is_none() {
        return Outcome::Skipped(not_configured("Kio", "kio", "KIO_URL"));
    }
    let Some(identity) = &services.identity else {
        return Outcome::Skipped(not_configured("identity", "identity", "IDENTITY_URL"));
    };
    let Some(team) = team else {
        return Outcome::Unknown("without the application its team is not known".to_owned());
    };
    let token = match services.token.token().await {
        Ok(token) => token,
        Err(reason) => return Outcome::Failed(format!("no token for identity: {reason}")),
    };
    // Identity reads everything about the caller from the token.
    let caller = Caller {
        uid: String::new(),
        realm: String::new(),
        scopes: Vec::new(),
        client_id: None,
        expires_at: 0,
        token,
    };
    match identity.may_act_for(&caller, team).await {
        Ok(true) => Outcome::Passed,
        Ok(false) => Outcome::Failed("you are not in it".to_owned()),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

fn not_configured(service: &str, section: &str, variable: &str) -> String {
    format!("{service} is not configured (\"url\" in {section}/{section}.yaml, or {variable})")
}
