//! `mint configure`: reads, changes, writes.

use std::collections::BTreeSet;

use stups_api::mint::{Application, ConfigurationWrite, ScopeName};
use stups_terminal::Failure;

use crate::context::{Context, failed};

/// What is to change. Whoever is not configured yet gets a confidential client without anything.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ConfigureArguments {
    application_id: String,
    /// Give it a scope: `sales_order.read`
    #[arg(short, long, value_parser = scope, value_name = "SCOPE")]
    scope: Vec<ScopeName>,
    /// Take a scope from it
    #[arg(long, value_parser = scope, value_name = "SCOPE")]
    no_scope: Vec<ScopeName>,
    /// Put its secrets there, too: a bucket, or a URL such as secretsmanager://prefix or ssm://prefix
    #[arg(short, long)]
    bucket: Vec<String>,
    /// Put its secrets there no more
    #[arg(long, value_name = "BUCKET")]
    no_bucket: Vec<String>,
    /// Where a login of its users ends: an https URL, or nothing
    #[arg(long, value_name = "URL")]
    redirect_url: Option<String>,
    /// Its client keeps a secret, a key of its own (private_key_jwt), or neither
    #[arg(long, value_enum)]
    client: Option<ClientKind>,
}

/// How a client proves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ClientKind {
    /// By a secret
    Secret,
    /// By a key
    Key,
    /// Not at all: a program in a browser or on a telephone
    Public,
}

fn scope(text: &str) -> Result<ScopeName, String> {
    let parts = text
        .rsplit_once('.')
        .filter(|(resource_type, scope)| !resource_type.is_empty() && !scope.is_empty());
    let (resource_type, scope) = parts.ok_or_else(|| "a scope is written as sales_order.read".to_owned())?;
    Ok(ScopeName {
        resource_type_id: resource_type.to_owned(),
        scope_id: scope.to_owned(),
    })
}

impl ConfigureArguments {
    /// What is to be written, where `known` is configured now.
    fn applied_to(&self, known: &Application) -> ConfigurationWrite {
        let mut scopes: BTreeSet<ScopeName> = known.scopes.iter().chain(&self.scope).cloned().collect();
        scopes.retain(|scope| !self.no_scope.contains(scope));
        let mut buckets: BTreeSet<String> = known.s3_buckets.iter().chain(&self.bucket).cloned().collect();
        buckets.retain(|bucket| !self.no_bucket.contains(bucket));
        let client = self
            .client
            .unwrap_or(match (known.is_client_confidential, known.is_client_key) {
                (true, Some(true)) => ClientKind::Key,
                (true, _) => ClientKind::Secret,
                (false, _) => ClientKind::Public,
            });
        ConfigurationWrite {
            is_client_confidential: client != ClientKind::Public,
            // An original does not know it, and refuses what it does not know.
            is_client_key: match (client, known.is_client_key) {
                (ClientKind::Key, _) => Some(true),
                (_, known) => known.map(|_| false),
            },
            redirect_url: self.redirect_url.clone().or_else(|| known.redirect_url.clone()),
            s3_buckets: buckets.into_iter().collect(),
            kubernetes_clusters: known.kubernetes_clusters.clone(),
            scopes: scopes.into_iter().collect(),
        }
    }
}

pub(crate) async fn run(context: &Context, arguments: &ConfigureArguments) -> Result<(), Failure> {
    let id = &arguments.application_id;
    let known = context.mint.application(id).await.map_err(|error| failed(&error))?;
    let known = known.unwrap_or_else(|| Application {
        is_client_confidential: true,
        ..Application::default()
    });
    let action = context.terminal.action(&format!("Configuring {id}.."));
    context
        .mint
        .put(id, &arguments.applied_to(&known))
        .await
        .map_err(|error| failed(&error))?;
    action.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ScopeName {
        scope(text).unwrap()
    }

    #[test]
    fn what_is_not_named_stays() {
        let known = Application {
            is_client_confidential: true,
            redirect_url: Some("https://kio.example.org/".to_owned()),
            s3_buckets: vec!["one".to_owned(), "two".to_owned()],
            kubernetes_clusters: vec!["kube".to_owned()],
            scopes: vec![name("sales_order.read"), name("kio.version.write")],
            ..Application::default()
        };
        let unchanged = ConfigureArguments::default().applied_to(&known);
        assert!(unchanged.is_client_confidential && unchanged.is_client_key.is_none());
        assert_eq!(unchanged.redirect_url, known.redirect_url);
        assert_eq!(unchanged.s3_buckets, known.s3_buckets);
        assert_eq!(unchanged.kubernetes_clusters, known.kubernetes_clusters);
        assert_eq!(unchanged.scopes.len(), 2);

        let arguments = ConfigureArguments {
            scope: vec![name("sales_order.write"), name("sales_order.read")],
            no_scope: vec![name("kio.version.write")],
            bucket: vec!["ssm://stups".to_owned()],
            no_bucket: vec!["one".to_owned()],
            redirect_url: Some(String::new()),
            client: Some(ClientKind::Key),
            ..ConfigureArguments::default()
        };
        let with_key = Application {
            is_client_key: Some(true),
            ..known.clone()
        };
        assert_eq!(
            ConfigureArguments::default().applied_to(&with_key).is_client_key,
            Some(true)
        );
        let secret = ConfigureArguments {
            client: Some(ClientKind::Secret),
            ..ConfigureArguments::default()
        };
        assert_eq!(secret.applied_to(&with_key).is_client_key, Some(false));
        let changed = arguments.applied_to(&known);
        assert_eq!(changed.scopes, [name("sales_order.read"), name("sales_order.write")]);
        assert_eq!(changed.s3_buckets, ["ssm://stups", "two"]);
        assert_eq!(changed.redirect_url.as_deref(), Some(""));
        assert_eq!(changed.is_client_key, Some(true));
    }

    #[test]
    fn a_scope_ends_at_its_last_dot() {
        assert_eq!(name("kio.version.write").resource_type_id, "kio.version");
        for text in ["", "read", ".read", "sales_order."] {
            assert!(scope(text).is_err(), "{text}");
        }
    }
}
