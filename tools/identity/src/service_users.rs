use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;
use stups_api::identity::{
    ClientConfig, NewClient, RealmScopes, ServiceUser, ServiceUserPassword, ServiceUserWrite, UserConfig,
};
use stups_terminal::{Failure, TableArguments, write_private};

use crate::context::{Context, failed, missing};

/// The scope that everybody has: one's own name.
const UID: &str = "uid";
/// Where the machine itself logs in.
const MACHINES: &str = "services";
/// Where people log in at the application.
const PEOPLE: &str = "employees";

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceUserCommand {
    /// List service users
    List {
        #[command(flatten)]
        table: TableArguments,
    },
    /// Show a service user
    Show {
        /// User name: prefix and application id
        user: String,
        #[command(flatten)]
        table: TableArguments,
    },
    /// Add a service user with its OAuth client, or change what is given; passwords and secrets stay
    Add(AddArguments),
    /// Make a new password, which is printed; the others stay good until it is committed
    Password {
        /// User name
        user: String,
        /// Write it to user.json in this directory, and print the transaction alone
        #[arg(long, value_name = "DIR")]
        save: Option<PathBuf>,
        #[command(flatten)]
        table: TableArguments,
    },
    /// Make a new client id and secret, which are printed; the others stay good until they are committed
    Client {
        /// User name
        user: String,
        /// Write them to client.json in this directory, and print the transaction alone
        #[arg(long, value_name = "DIR")]
        save: Option<PathBuf>,
        #[command(flatten)]
        table: TableArguments,
    },
    /// Commit a new password or client: the older ones are good for some minutes more
    Commit {
        /// User name
        user: String,
        #[command(flatten)]
        which: Which,
    },
    /// Remove a service user with its passwords, and its clients in all realms
    Delete {
        /// User name
        user: String,
    },
}

/// What there is to commit.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Which {
    /// Transaction of the password
    #[arg(long, value_name = "TXID")]
    password: Option<String>,
    /// Transaction of the client
    #[arg(long, value_name = "TXID")]
    client: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AddArguments {
    /// User name: prefix and application id
    user: String,
    /// Id of the team whose application it is; needed for a new one
    #[arg(long, value_name = "TEAM")]
    owner: Option<String>,
    /// Name of the application
    #[arg(long)]
    name: Option<String>,
    /// Subtitle of the application
    #[arg(long)]
    subtitle: Option<String>,
    /// Scope that the application itself may have, beside uid; may be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Scope that its client may ask of the people of a realm; may be repeated
    #[arg(long = "client-scope", value_name = "REALM:SCOPE", value_parser = realm_scope)]
    client_scopes: Vec<RealmScopes>,
    /// Where people are sent back to
    #[arg(long, value_name = "URL")]
    redirect_url: Option<String>,
    /// Whether the client can keep a secret
    #[arg(long, value_name = "BOOLEAN")]
    confidential: Option<bool>,
}

fn realm_scope(text: &str) -> Result<RealmScopes, String> {
    match text.split_once(':') {
        Some((realm, scope)) if !realm.is_empty() && !scope.is_empty() => Ok(RealmScopes {
            realm: realm.trim_start_matches('/').to_owned(),
            scopes: vec![scope.to_owned()],
        }),
        _ => Err("a realm and a scope are needed: employees:uid".to_owned()),
    }
}

impl ServiceUserCommand {
    pub(crate) fn table(&self) -> Option<&TableArguments> {
        match self {
            Self::List { table }
            | Self::Show { table, .. }
            | Self::Password { table, .. }
            | Self::Client { table, .. } => Some(table),
            _ => None,
        }
    }
}

/// Runs a command on service users.
pub(crate) async fn run(context: &Context, command: &ServiceUserCommand) -> Result<(), Failure> {
    let identity = &context.identity;
    match command {
        ServiceUserCommand::List { .. } => {
            let users = identity.service_users().await.map_err(failed)?;
            context.table(&["id"], &users);
            Ok(())
        }
        ServiceUserCommand::Show { user, .. } => {
            let found = identity.service_user(user).await.map_err(failed)?;
            context.show(&found.ok_or_else(|| missing("service user", user))?)
        }
        ServiceUserCommand::Add(arguments) => add(context, arguments).await,
        ServiceUserCommand::Password { user, save, .. } => password(context, user, save.as_deref()).await,
        ServiceUserCommand::Client { user, save, .. } => client(context, user, save.as_deref()).await,
        ServiceUserCommand::Commit { user, which } => commit(context, user, which).await,
        ServiceUserCommand::Delete { user } => {
            let work = identity.delete_service_user(user);
            context.doing(&format!("Removing service user {user}.."), work).await
        }
    }
}

async fn add(context: &Context, arguments: &AddArguments) -> Result<(), Failure> {
    let user = &arguments.user;
    let present = context.identity.service_user(user).await.map_err(failed)?;
    let verb = if present.is_some() { "Changing" } else { "Adding" };
    let wanted = wanted(present, arguments)?;
    context
        .doing(
            &format!("{verb} service user {user}.."),
            context.identity.put_service_user(&wanted),
        )
        .await
        .map(|_| ())
}

/// What is there, with what was typed over it. The client of a new one is what the Mint worker makes: in the realm of machines
/// it may have what the application may, of people it learns who they are.
fn wanted(present: Option<ServiceUser>, arguments: &AddArguments) -> Result<ServiceUserWrite, Failure> {
    let (name, owner, subtitle, client, user) = match present {
        Some(user) => {
            // A service of old does not say what is there, and a write would replace it.
            let unknown = || Failure::application("The service does not say how the service user is configured");
            let client = user.client_config.ok_or_else(unknown)?;
            let scopes = user.user_config.ok_or_else(unknown)?;
            // The service answers the user name for an application without one.
            let name = Some(user.name).filter(|name| *name != user.id);
            (name, user.owner, user.subtitle, client, scopes)
        }
        None => (None, None, None, new_client(), UserConfig::default()),
    };
    let owner = arguments.owner.clone().or(owner);
    let owner =
        owner.ok_or_else(|| Failure::usage("A new service user needs --owner, the team whose application it is"))?;
    let user_scopes = if arguments.scopes.is_empty() {
        user.scopes
    } else {
        arguments.scopes.clone()
    };
    let mut scopes = if arguments.client_scopes.is_empty() {
        client.scopes
    } else {
        arguments.client_scopes.clone()
    };
    // The service merges what is said of a realm twice.
    scopes.push(realm_with(
        MACHINES,
        user_scopes.iter().map(String::as_str).chain([UID]),
    ));
    let redirect_urls = match &arguments.redirect_url {
        Some(url) => vec![url.clone()],
        None => client.redirect_urls,
    };
    Ok(ServiceUserWrite {
        id: arguments.user.clone(),
        name: arguments.name.clone().or(name),
        owner,
        subtitle: arguments.subtitle.clone().or(subtitle),
        client_config: ClientConfig {
            redirect_urls,
            scopes,
            confidential: arguments.confidential.unwrap_or(client.confidential),
        },
        user_config: UserConfig { scopes: user_scopes },
    })
}

fn new_client() -> ClientConfig {
    ClientConfig {
        redirect_urls: Vec::new(),
        scopes: vec![realm_with(PEOPLE, [UID].into_iter())],
        confidential: true,
    }
}

fn realm_with<'a>(realm: &str, scopes: impl Iterator<Item = &'a str>) -> RealmScopes {
    RealmScopes {
        realm: realm.to_owned(),
        scopes: scopes.map(str::to_owned).collect(),
    }
}

async fn password(context: &Context, user: &str, save: Option<&Path>) -> Result<(), Failure> {
    let work = context.identity.new_password(user);
    let made: ServiceUserPassword = context
        .doing(&format!("Making a password of service user {user}.."), work)
        .await?;
    let credentials = json!({"application_username": user, "application_password": made.password});
    match save {
        Some(directory) => saved(context, &directory.join("user.json"), &credentials, &made.txid),
        None => context.show(&made),
    }
}

async fn client(context: &Context, user: &str, save: Option<&Path>) -> Result<(), Failure> {
    let work = context.identity.new_client(user, None, None);
    let made: NewClient = context
        .doing(&format!("Making a client of service user {user}.."), work)
        .await?;
    let credentials = json!({"client_id": made.client_id, "client_secret": made.client_secret});
    match save {
        Some(directory) => saved(context, &directory.join("client.json"), &credentials, &made.txid),
        None => context.show(&made),
    }
}

/// Writes credentials as applications read them. What was made and could not be written is never committed, so it expires.
fn saved(context: &Context, file: &Path, credentials: &serde_json::Value, txid: &str) -> Result<(), Failure> {
    write_private(file, credentials.to_string().as_bytes())
        .map_err(|error| Failure::application(format!("{} can't be written: {error}", file.display())))?;
    context.terminal.print(&format!("{txid}\n"));
    Ok(())
}

async fn commit(context: &Context, user: &str, which: &Which) -> Result<(), Failure> {
    if let Some(txid) = &which.password {
        let text = format!("Committing a password of service user {user}..");
        context
            .doing(&text, context.identity.commit_password(user, txid))
            .await?;
    }
    if let Some(txid) = &which.client {
        let text = format!("Committing a client of service user {user}..");
        context.doing(&text, context.identity.commit_client(user, txid)).await?;
    }
    Ok(())
}
