use axum::extract::State as Shared;
use stups_api::identity::Metadata;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::State;
use crate::config::Algorithm;
use crate::model::keys;

/// What the provider says about itself (contract identity 2.6 and 5.2). Addresses come from the configured public URL, never
/// from a request's `Host`.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(authorization_server))
        .routes(routes!(openid_configuration))
}

/// The metadata of RFC 8414: its key set has all keys.
#[utoipa::path(
    get,
    path = "/.well-known/oauth-authorization-server",
    tag = "Discovery",
    responses((status = 200, description = "The metadata", body = Metadata))
)]
async fn authorization_server(Shared(state): Shared<State>) -> axum::Json<Metadata> {
    axum::Json(metadata(&state, "/.well-known/jwks.json"))
}

/// The metadata of OpenID Connect Discovery: its key set can be read by consumers of all ages.
#[utoipa::path(
    get,
    path = "/.well-known/openid-configuration",
    tag = "Discovery",
    responses((status = 200, description = "The metadata", body = Metadata))
)]
async fn openid_configuration(Shared(state): Shared<State>) -> axum::Json<Metadata> {
    axum::Json(metadata(&state, "/oauth2/connect/keys"))
}

fn metadata(state: &State, keys_path: &str) -> Metadata {
    let at = |path: &str| format!("{}{path}", state.issuer);
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let mut grants = texts(&[
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:device_code",
        "implicit",
    ]);
    if state
        .realms
        .names()
        .filter_map(|name| state.realms.get(name))
        .any(|(_, realm)| realm.password_grant)
    {
        grants.push("password".to_owned());
    }
    Metadata {
        issuer: state.issuer.clone(),
        authorization_endpoint: at("/oauth2/authorize"),
        token_endpoint: at("/oauth2/token"),
        jwks_uri: at(keys_path),
        device_authorization_endpoint: Some(at("/oauth2/device_authorization")),
        introspection_endpoint: Some(at("/oauth2/introspect")),
        revocation_endpoint: Some(at("/oauth2/revoke")),
        userinfo_endpoint: Some(at("/oauth2/userinfo")),
        end_session_endpoint: Some(at("/oauth2/logout")),
        scopes_supported: texts(&["openid", "uid"]),
        response_types_supported: texts(&["code", "token"]),
        response_modes_supported: texts(&["query", "fragment"]),
        grant_types_supported: grants,
        subject_types_supported: texts(&["public"]),
        id_token_signing_alg_values_supported: vec![signing_name(state.config.signing.algorithm)],
        token_endpoint_auth_methods_supported: texts(&[
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "none",
        ]),
        token_endpoint_auth_signing_alg_values_supported: texts(&["ES256", "ES384", "RS256", "EdDSA"]),
        code_challenge_methods_supported: texts(&["S256"]),
        claims_supported: texts(&[
            "sub",
            "iss",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "amr",
            "sid",
            "at_hash",
            "name",
            "preferred_username",
            "email",
            "groups",
            "realm",
        ]),
        authorization_response_iss_parameter_supported: true,
    }
}

fn signing_name(algorithm: Algorithm) -> String {
    keys::name(algorithm).to_owned()
}
