//! How clients are made and changed.

use sea_orm::DatabaseTransaction;
use stups_api::identity::{Change, ClientPatch, Grant};

use super::{Grants, TokenProfile};
use crate::model::entity::client;
use crate::model::json::{from_json, to_json};
use crate::model::passwords::check_imported;
use crate::model::users::change::fingerprint;
use crate::model::write::{
    Author, Fields, Invalid, WriteError, check_name, check_redirect, check_scopes, check_text, save,
};

impl From<Vec<Grant>> for Grants {
    fn from(list: Vec<Grant>) -> Self {
        Self {
            password: list.contains(&Grant::Password),
            legacy_implicit: list.contains(&Grant::LegacyImplicit),
            refresh: list.contains(&Grant::Refresh),
            device: list.contains(&Grant::Device),
            client_credentials: list.contains(&Grant::ClientCredentials),
        }
    }
}

impl Grants {
    /// The names of those that are on.
    pub fn list(self) -> Vec<Grant> {
        let all = [
            (self.password, Grant::Password),
            (self.legacy_implicit, Grant::LegacyImplicit),
            (self.refresh, Grant::Refresh),
            (self.device, Grant::Device),
            (self.client_credentials, Grant::ClientCredentials),
        ];
        all.into_iter().filter_map(|(on, grant)| on.then_some(grant)).collect()
    }
}

/// A client without anything; it can keep a secret, but has none.
pub(crate) fn blank(realm: &str, id: &str, author: &Author) -> client::Model {
    client::Model {
        realm: realm.to_owned(),
        id: id.to_owned(),
        name: None,
        description: None,
        image_uri: None,
        homepage_url: None,
        confidential: true,
        secret_hash: None,
        secret_source: None,
        scopes: "[]".to_owned(),
        default_scopes: "[]".to_owned(),
        redirect_uris: "[]".to_owned(),
        owner: None,
        grants: to_json(&Grants::default()),
        token_profile: TokenProfile::Legacy.as_str().to_owned(),
        extra_claims: "{}".to_owned(),
        audience: None,
        jwks: None,
        created_at: author.now,
        created_by: author.name.clone(),
        modified_at: author.now,
        modified_by: author.name.clone(),
        version: 0,
    }
}

/// Makes or changes a client; what the patch does not name stays.
pub(crate) async fn put(
    transaction: &DatabaseTransaction,
    current: Option<&client::Model>,
    (realm, id): (&str, &str),
    patch: ClientPatch,
    author: &Author,
) -> Result<Option<Change>, WriteError> {
    check_name("id", id)?;
    let existed = current.is_some();
    let mut row = current.cloned().unwrap_or_else(|| blank(realm, id, author));
    let mut fields = Fields::default();
    change(&mut row, patch, &mut fields)?;
    let Some(change) = fields.into_change(existed, "client", format!("{realm}/{id}")) else {
        return Ok(None);
    };
    row.version += 1;
    row.modified_at = author.now;
    row.modified_by.clone_from(&author.name);
    save::<client::Entity, _>(transaction, row, existed).await?;
    Ok(Some(change))
}

fn change(row: &mut client::Model, patch: ClientPatch, fields: &mut Fields) -> Result<(), WriteError> {
    for (name, place, value) in [
        ("name", &mut row.name, patch.name),
        ("description", &mut row.description, patch.description),
        ("image_uri", &mut row.image_uri, patch.image_uri),
        ("homepage_url", &mut row.homepage_url, patch.homepage_url),
        ("audience", &mut row.audience, patch.audience),
    ] {
        check_text(name, value.as_ref().and_then(Option::as_deref))?;
        fields.set_given(name, place, value);
    }
    for (name, uri) in [("image_uri", &row.image_uri), ("homepage_url", &row.homepage_url)] {
        if let Some(uri) = uri
            && !(uri.starts_with("https://") || uri.starts_with("http://"))
        {
            return Err(Invalid::new(name, format!("{uri:?} is not a URL of https: or http:")).into());
        }
    }
    if let Some(owner) = patch.owner {
        if let Some(owner) = &owner {
            check_name("owner", owner)?;
        }
        fields.set("owner", &mut row.owner, owner);
    }
    fields.set_given("is_confidential", &mut row.confidential, patch.is_confidential);
    if let Some(hash) = patch.secret_hash {
        if let Some(hash) = &hash {
            check_imported(hash).map_err(|error| Invalid::new("secret_hash", error.to_string()))?;
        }
        let source = hash.as_deref().map(fingerprint);
        if row.secret_source != source || hash.is_none() && row.secret_hash.is_some() {
            row.secret_source = source;
            row.secret_hash = hash;
            fields.note("secret_hash");
        }
    }
    for (name, place, value) in [
        ("scopes", &mut row.scopes, patch.scopes),
        ("default_scopes", &mut row.default_scopes, patch.default_scopes),
    ] {
        if let Some(scopes) = value {
            fields.set(name, place, to_json(&check_scopes(name, scopes.unwrap_or_default())?));
        }
    }
    if let Some(uris) = patch.redirect_uris.map(Option::unwrap_or_default) {
        uris.iter().try_for_each(|uri| check_redirect("redirect_uris", uri))?;
        fields.set("redirect_uris", &mut row.redirect_uris, to_json(&uris));
    }
    if let Some(grants) = patch.grants {
        fields.set(
            "grants",
            &mut row.grants,
            to_json(&Grants::from(grants.unwrap_or_default())),
        );
    }
    if let Some(profile) = patch.token_profile {
        fields.set(
            "token_profile",
            &mut row.token_profile,
            profile.unwrap_or_default().as_str().to_owned(),
        );
    }
    if let Some(claims) = patch.extra_claims {
        fields.set(
            "extra_claims",
            &mut row.extra_claims,
            to_json(&claims.unwrap_or_default()),
        );
    }
    if let Some(jwks) = patch.jwks {
        if jwks.as_ref().is_some_and(|jwks| !jwks["keys"].is_array()) {
            return Err(Invalid::new("jwks", "is not a JWK set: an object with a list \"keys\"").into());
        }
        fields.set("jwks", &mut row.jwks, jwks.map(|jwks| to_json(&jwks)));
    }
    let grants: Grants = from_json(&row.grants)?;
    if grants.legacy_implicit && row.confidential {
        return Err(Invalid::new("grants", "the implicit flow is for clients that are not confidential").into());
    }
    if grants.client_credentials && !row.confidential {
        return Err(Invalid::new("grants", "client_credentials is for confidential clients").into());
    }
    if grants.client_credentials && row.owner.is_none() {
        return Err(Invalid::new(
            "grants",
            "client_credentials needs an owner: the service user that tokens are for",
        )
        .into());
    }
    Ok(())
}
