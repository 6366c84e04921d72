//! An authorization request (RFC 6749 4.1.1, contract identity 2.3): read, checked, and answered.

use axum::http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret;
use stups_server::{Error, Origin};

use crate::State;
use crate::audit;
use crate::grants;
use crate::issue::{self, Grant, Login};
use crate::model::clients::{self, Client};
use crate::model::consents::{self, Between};
use crate::model::json::to_json;
use crate::model::users::{self, User};
use crate::model::{codes, sessions};
use crate::parameters::{Parameters, invalid_request};
use crate::realms::Realm;
use crate::redirects;
use crate::scopes;
use crate::secret;

/// How the result is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseType {
    /// A code in the query.
    Code,
    /// A token in the fragment, for clients of old that have the flag.
    Token,
}

/// A request whose client and redirect URI are known to belong together: from here on errors go to the client.
pub struct Authorization<'a> {
    /// How the result is answered.
    pub response_type: ResponseType,
    /// The realm.
    pub realm_name: &'a str,
    /// Its settings.
    pub realm: &'a Realm,
    /// Who asks.
    pub client: Client,
    /// Where the result goes.
    pub redirect_uri: String,
    /// What the client wants to see again; empty when it sent none.
    pub state: String,
    parameters: &'a Parameters,
}

/// What was asked for, checked.
pub struct Wish {
    /// Sorted.
    pub scopes: Vec<String>,
    challenge: String,
    resource: Option<String>,
}

/// Parameters that forms carry on.
const CARRIED: [&str; 13] = [
    "response_type",
    "realm",
    "client_id",
    "scope",
    "state",
    "redirect_uri",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "resource",
    "prompt",
    "response_mode",
    "business_partner_id",
];

/// The request's parameters that a form carries on to the next page.
pub fn carried(parameters: &Parameters) -> Vec<(String, String)> {
    CARRIED
        .iter()
        .filter_map(|name| parameters.get(name).map(|value| ((*name).to_owned(), value.to_owned())))
        .collect()
}

impl<'a> Authorization<'a> {
    /// Finds client and redirect URI. Its errors are shown to the user: there is nobody else who could be told.
    pub async fn of(state: &'a State, parameters: &'a Parameters, headers: &HeaderMap) -> Result<Self, Error> {
        let response_type = match parameters.require("response_type")? {
            "code" => ResponseType::Code,
            "token" => ResponseType::Token,
            _ => {
                let description = "The response type must be code or token";
                return Err(Error::oauth(
                    StatusCode::BAD_REQUEST,
                    "unsupported_response_type",
                    description,
                ));
            }
        };
        let id = parameters.require("client_id")?;
        let realm_name = realm_of(state, parameters, headers, id).await?;
        let (_, realm) = state.realms.get(realm_name).ok_or_else(Error::internal)?;
        let client = clients::find(state, realm_name, id).await?.ok_or_else(|| {
            Error::oauth(
                StatusCode::UNAUTHORIZED,
                "invalid_client",
                "Client authentication failed",
            )
        })?;
        let redirect_uri = redirect_uri(parameters, &client)?;
        if response_type == ResponseType::Token && client.confidential {
            let description = "Invalid response_type 'token' for confidential client";
            return Err(Error::oauth(
                StatusCode::BAD_REQUEST,
                "unsupported_response_type",
                description,
            ));
        }
        let state = parameters.get("state").unwrap_or_default().to_owned();
        Ok(Self {
            response_type,
            realm_name,
            realm,
            client,
            redirect_uri,
            state,
            parameters,
        })
    }

    /// Checks what is asked for. Its errors go to the client.
    pub fn wish(&self) -> Result<Wish, Error> {
        let refused = |code, reason: &str| Error::oauth(StatusCode::BAD_REQUEST, code, reason);
        if !self.realm.interactive {
            return Err(refused("unauthorized_client", "Nobody logs in at this realm"));
        }
        let mut challenge = String::new();
        if self.response_type == ResponseType::Token {
            if !self.client.grants.legacy_implicit {
                return Err(refused(
                    "unauthorized_client",
                    "The client may not use response_type token",
                ));
            }
        } else {
            self.parameters
                .get("code_challenge")
                .unwrap_or_default()
                .clone_into(&mut challenge);
            let is_hash = challenge.len() == 43
                && challenge
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            if !is_hash || self.parameters.get("code_challenge_method") != Some("S256") {
                return Err(refused(
                    "invalid_request",
                    "A code_challenge with code_challenge_method S256 is required",
                ));
            }
        }
        let resource = grants::resource(self.parameters)?;
        let scopes = scopes::resolve(self.parameters.get("scope"), &self.client, self.realm)?;
        Ok(Wish {
            scopes,
            challenge,
            resource,
        })
    }

    /// Checks that the user may have the scopes and is not disabled.
    pub async fn check_user(&self, state: &State, wish: &Wish, uid: &str) -> Result<User, Error> {
        let user = users::find(state.store.connection(), self.realm_name, uid).await?;
        let denied = || {
            Error::oauth(
                StatusCode::BAD_REQUEST,
                "access_denied",
                "The user may not log in any more",
            )
        };
        let user = user.filter(|user| !user.disabled).ok_or_else(denied)?;
        scopes::check_user(&wish.scopes, &user, &self.client, self.realm)?;
        Ok(user)
    }

    /// Whether the user has to be asked: not everything that is asked for was agreed to before.
    pub async fn needs_consent(&self, state: &State, wish: &Wish, uid: &str) -> Result<bool, Error> {
        let agreed = consents::scopes(state.store.connection(), &self.between(uid)).await?;
        Ok(
            wish.scopes.is_empty() && agreed.is_empty() && !self.has_agreed(state, uid).await?
                || !wish.scopes.iter().all(|scope| agreed.contains(scope)),
        )
    }

    async fn has_agreed(&self, state: &State, uid: &str) -> Result<bool, Error> {
        Ok(consents::exists(state.store.connection(), &self.between(uid)).await?)
    }

    /// Stores the user's agreement in place of the earlier one.
    pub async fn agree(&self, state: &State, origin: &Origin, wish: &Wish, uid: &str) -> Result<(), Error> {
        let write = state.store.write().await?;
        let now = state.clock.milliseconds();
        consents::replace(write.transaction(), &self.between(uid), &wish.scopes, now).await?;
        let details = serde_json::json!({ "client_id": self.client.id, "scopes": wish.scopes });
        write
            .commit(audit::by_user(origin, "consent.given", self.realm_name, uid, details))
            .await?;
        Ok(())
    }

    fn between(&self, uid: &str) -> Between {
        Between {
            realm: self.realm_name.to_owned(),
            uid: uid.to_owned(),
            client_id: self.client.id.clone(),
        }
    }

    /// Gives the client what it asked for; answers the address to go to.
    pub async fn grant(
        &self,
        state: &State,
        origin: &Origin,
        wish: &Wish,
        session: &sessions::Model,
    ) -> Result<String, Error> {
        match self.response_type {
            ResponseType::Code => self.grant_code(state, origin, wish, session).await,
            ResponseType::Token => self.grant_token(state, origin, wish, session).await,
        }
    }

    async fn grant_code(
        &self,
        state: &State,
        origin: &Origin,
        wish: &Wish,
        session: &sessions::Model,
    ) -> Result<String, Error> {
        let code = secret::generate();
        let row = codes::Model {
            code_hash: secret::hash(code.expose_secret()),
            realm: self.realm_name.to_owned(),
            uid: session.uid.clone(),
            client_id: self.client.id.clone(),
            redirect_uri: self.redirect_uri.clone(),
            scopes: to_json(&wish.scopes),
            code_challenge: wish.challenge.clone(),
            nonce: self.parameters.get("nonce").map(ToOwned::to_owned),
            resource: wish.resource.clone(),
            session_hash: session.session_hash.clone(),
            authenticated_at: session.authenticated_at,
            expires_at: state.clock.milliseconds() + state.config.lifetimes.code_seconds * 1000,
            used_at: None,
            access_token_hash: None,
            family_id: None,
        };
        let write = state.store.write().await?;
        codes::insert(write.transaction(), row).await?;
        let details = serde_json::json!({ "client_id": self.client.id, "scopes": wish.scopes });
        write
            .commit(audit::by_user(
                origin,
                "code.issued",
                self.realm_name,
                &session.uid,
                details,
            ))
            .await?;
        Ok(redirects::with_query(
            &self.redirect_uri,
            &[
                ("code", code.expose_secret()),
                ("state", &self.state),
                ("iss", &state.issuer),
            ],
        ))
    }

    /// The token in the fragment: its values have no raw `=`, as clients of old split there.
    async fn grant_token(
        &self,
        state: &State,
        origin: &Origin,
        wish: &Wish,
        session: &sessions::Model,
    ) -> Result<String, Error> {
        let grant = Grant {
            client: &self.client,
            realm: self.realm_name,
            uid: &session.uid,
            scopes: &wish.scopes,
            resource: wish.resource.as_deref(),
        };
        let login = Login {
            authenticated_at: session.authenticated_at,
            session_hash: Some(&session.session_hash),
            method: Some(&session.method),
            nonce: None,
        };
        let token = issue::access_token(state, &grant)?;
        let write = state.store.write().await?;
        let mut refresh = None;
        if self.client.grants.refresh {
            refresh = Some(
                grants::start_family(state, write.transaction(), &grant, &login, &token.hash)
                    .await?
                    .1,
            );
        }
        write.commit(audit::issued(origin, "implicit", &grant, &token)).await?;
        let (expires_in, scope) = (token.expires_in.to_string(), wish.scopes.join(" "));
        let mut parameters = vec![
            ("access_token", token.text.as_str()),
            ("token_type", "Bearer"),
            ("expires_in", &expires_in),
            ("scope", &scope),
            ("state", &self.state),
            ("iss", &state.issuer),
        ];
        if let Some(refresh) = &refresh {
            parameters.push(("refresh_token", refresh.expose_secret()));
        }
        Ok(redirects::with_fragment(&self.redirect_uri, &parameters))
    }

    /// The address at which the client learns of an error. Clients of old on the user's own machine never see a fragment that
    /// has no token in it (contract zign 2.10): they are told in the query.
    pub fn error_address(&self, state: &State, error: &Error) -> String {
        let code = error.code.unwrap_or(if error.status.is_server_error() {
            "server_error"
        } else {
            "invalid_request"
        });
        let parameters = [
            ("error", code),
            ("error_description", &error.message),
            ("state", &self.state),
            ("iss", &state.issuer),
        ];
        if self.response_type == ResponseType::Token && !redirects::is_loopback(&self.redirect_uri) {
            redirects::with_fragment(&self.redirect_uri, &parameters)
        } else {
            redirects::with_query(&self.redirect_uri, &parameters)
        }
    }
}

/// The realm that the request means: its parameter; else the one that has the client, since some clients drop the parameter;
/// else its host.
async fn realm_of<'a>(
    state: &'a State,
    parameters: &Parameters,
    headers: &HeaderMap,
    client_id: &str,
) -> Result<&'a str, Error> {
    if parameters.get("realm").is_none() {
        let mut found = Vec::new();
        for (name, _) in state.realms.people() {
            if clients::find(state, name, client_id).await?.is_some() {
                found.push(name);
            }
        }
        if let [name] = found[..] {
            return Ok(name);
        }
    }
    grants::realm(state, parameters, headers)
}

fn redirect_uri(parameters: &Parameters, client: &Client) -> Result<String, Error> {
    let Some(requested) = parameters.get("redirect_uri") else {
        return client
            .redirect_uris
            .iter()
            .min()
            .cloned()
            .ok_or_else(|| invalid_request("Missing redirect_uri"));
    };
    if redirects::is_registered(&client.redirect_uris, requested) {
        Ok(requested.to_owned())
    } else {
        Err(invalid_request("Redirect URI mismatch"))
    }
}
