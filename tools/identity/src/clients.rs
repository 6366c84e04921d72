use clap::Subcommand;
use stups_api::identity::{ClientPatch, Grant};
use stups_terminal::{Failure, TableArguments};

use crate::context::{Context, failed, missing};

/// A client.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ClientArgument {
    /// Client id
    client: String,
    /// Realm of the client
    #[arg(long, default_value = "employees")]
    realm: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// List the OAuth clients of a realm
    List {
        /// Realm
        #[arg(long, default_value = "employees")]
        realm: String,
        #[command(flatten)]
        table: TableArguments,
    },
    /// Show an OAuth client
    Show {
        #[command(flatten)]
        client: ClientArgument,
        #[command(flatten)]
        table: TableArguments,
    },
    /// Add an OAuth client, or change what is given
    Add {
        #[command(flatten)]
        client: ClientArgument,
        /// Name, shown to people who are asked for consent
        #[arg(long)]
        name: Option<String>,
        /// Description, shown to people who are asked for consent
        #[arg(long)]
        description: Option<String>,
        /// The client cannot keep a secret
        #[arg(long)]
        public: bool,
        /// Where people may be sent back to; may be repeated
        #[arg(long = "redirect-uri", value_name = "URI")]
        redirect_uris: Vec<String>,
        /// Scope that the client may ask for; may be repeated
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// Scope that it gets when it asks for none; may be repeated
        #[arg(long = "default-scope", value_name = "SCOPE")]
        default_scopes: Vec<String>,
        /// Way to a token: password, legacy_implicit, refresh, device, client_credentials; may be repeated
        #[arg(long = "grant", value_name = "GRANT", value_parser = grant)]
        grants: Vec<Grant>,
        /// Service user whose client it is
        #[arg(long)]
        owner: Option<String>,
    },
    /// Give a client a new secret, which is printed; the old one is good no more
    Rotate {
        #[command(flatten)]
        client: ClientArgument,
    },
    /// Remove an OAuth client
    Delete {
        #[command(flatten)]
        client: ClientArgument,
    },
}

fn grant(text: &str) -> Result<Grant, String> {
    let known = "password, legacy_implicit, refresh, device or client_credentials";
    serde_json::from_value(text.replace('-', "_").into()).map_err(|_| format!("{text} is not {known}"))
}

impl ClientCommand {
    pub(crate) fn table(&self) -> Option<&TableArguments> {
        match self {
            Self::List { table, .. } | Self::Show { table, .. } => Some(table),
            _ => None,
        }
    }
}

/// Runs a command on clients.
pub(crate) async fn run(context: &Context, command: &ClientCommand) -> Result<(), Failure> {
    let identity = &context.identity;
    match command {
        ClientCommand::List { realm, .. } => {
            let clients = identity.clients(realm).await.map_err(failed)?;
            context.table(
                &[
                    "id",
                    "name",
                    "is_confidential",
                    "owner",
                    "scopes",
                    "redirect_uris",
                    "grants",
                ],
                &clients,
            );
            Ok(())
        }
        ClientCommand::Show { client, .. } => {
            let found = identity
                .oauth_client(&client.realm, &client.client)
                .await
                .map_err(failed)?;
            context.show(&found.ok_or_else(|| missing("client", &client.client))?)
        }
        ClientCommand::Add {
            client,
            name,
            description,
            public,
            redirect_uris,
            scopes,
            default_scopes,
            grants,
            owner,
        } => {
            let list = |items: &Vec<String>| (!items.is_empty()).then(|| Some(items.clone()));
            let patch = ClientPatch {
                name: name.clone().map(Some),
                description: description.clone().map(Some),
                is_confidential: public.then_some(false),
                redirect_uris: list(redirect_uris),
                scopes: list(scopes),
                default_scopes: list(default_scopes),
                grants: (!grants.is_empty()).then(|| Some(grants.clone())),
                owner: owner.clone().map(Some),
                ..ClientPatch::default()
            };
            let there = identity
                .oauth_client(&client.realm, &client.client)
                .await
                .map_err(failed)?
                .is_some();
            let text = format!(
                "{} client {}..",
                if there { "Changing" } else { "Adding" },
                client.client
            );
            if there {
                return context
                    .doing(&text, identity.patch_client(&client.realm, &client.client, &patch))
                    .await;
            }
            context
                .doing(&text, identity.put_client(&client.realm, &client.client, &patch))
                .await?;
            if *public { Ok(()) } else { rotate(context, client).await }
        }
        ClientCommand::Rotate { client } => rotate(context, client).await,
        ClientCommand::Delete { client } => {
            let work = identity.delete_client(&client.realm, &client.client);
            context
                .doing(&format!("Removing client {}..", client.client), work)
                .await
        }
    }
}

async fn rotate(context: &Context, client: &ClientArgument) -> Result<(), Failure> {
    let work = context.identity.new_client_secret(&client.realm, &client.client);
    let made = context
        .doing(&format!("Making a secret of client {}..", client.client), work)
        .await?;
    context.terminal.print(&format!("{}\n", made.client_secret));
    Ok(())
}
