use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use clap::Subcommand;
use stups_api::identity::{NewAppPassword, NewPassword, NewSshKey, Scopes, UserPatch};
use stups_terminal::{Failure, TableArguments};

use crate::context::{Context, failed, missing};

/// A user.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct UserArgument {
    /// User name
    user: String,
    /// Realm of the user
    #[arg(long, default_value = "employees")]
    realm: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// List the users of a realm
    List {
        /// Realm
        #[arg(long, default_value = "employees")]
        realm: String,
        #[command(flatten)]
        table: TableArguments,
    },
    /// Show a user
    Show {
        #[command(flatten)]
        user: UserArgument,
        #[command(flatten)]
        table: TableArguments,
    },
    /// Add a user, or change what is given
    Add {
        #[command(flatten)]
        user: UserArgument,
        /// Full name
        #[arg(long)]
        name: Option<String>,
        /// Mail address
        #[arg(long)]
        email: Option<String>,
        /// Scope that the user may have; may be repeated
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
    },
    /// Keep a user from logging in
    Disable {
        #[command(flatten)]
        user: UserArgument,
    },
    /// Let a user log in again
    Enable {
        #[command(flatten)]
        user: UserArgument,
    },
    /// Remove a user with passwords and keys
    Delete {
        #[command(flatten)]
        user: UserArgument,
    },
    /// Replace a user's passwords by a generated one, which is printed
    Password {
        #[command(flatten)]
        user: UserArgument,
        /// Take the first line of the standard input instead
        #[arg(long)]
        stdin: bool,
        /// Keep the other passwords
        #[arg(long)]
        keep: bool,
    },
    /// Manage the passwords of a user's devices and programs, for the Token Service of old
    #[command(subcommand_required = true, arg_required_else_help = true)]
    AppPassword {
        #[command(subcommand)]
        command: AppPasswordCommand,
    },
    /// Manage the SSH keys of a user
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// List the SSH keys of a user
    List {
        #[command(flatten)]
        user: UserArgument,
        #[command(flatten)]
        table: TableArguments,
    },
    /// Add an SSH key
    Add {
        #[command(flatten)]
        user: UserArgument,
        /// File with the public key
        file: PathBuf,
        /// When the key expires: a time of RFC 3339
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// Remove an SSH key
    Delete {
        #[command(flatten)]
        user: UserArgument,
        /// Id of the key, as listed
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AppPasswordCommand {
    /// List the passwords of a user's devices and programs
    List {
        #[command(flatten)]
        user: UserArgument,
        #[command(flatten)]
        table: TableArguments,
    },
    /// Make a password, which is printed
    Add {
        #[command(flatten)]
        user: UserArgument,
        /// Which device or program it is for
        name: String,
        /// Scope that its tokens may have; may be repeated
        #[arg(long = "scope", value_name = "SCOPE", default_value = "uid")]
        scopes: Vec<String>,
        /// When it expires: a time of RFC 3339
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// Remove a password
    Delete {
        #[command(flatten)]
        user: UserArgument,
        /// Id of the password, as listed
        id: String,
    },
}

impl UserCommand {
    pub(crate) fn table(&self) -> Option<&TableArguments> {
        match self {
            Self::List { table, .. }
            | Self::Show { table, .. }
            | Self::AppPassword {
                command: AppPasswordCommand::List { table, .. },
            }
            | Self::Key {
                command: KeyCommand::List { table, .. },
            } => Some(table),
            _ => None,
        }
    }
}

/// Runs a command on users.
pub(crate) async fn run(context: &Context, command: &UserCommand) -> Result<(), Failure> {
    let identity = &context.identity;
    match command {
        UserCommand::List { realm, .. } => {
            let users = identity.users(realm).await.map_err(failed)?;
            context.table(&["id", "name", "email", "disabled"], &users);
            Ok(())
        }
        UserCommand::Show { user, .. } => {
            let found = identity.user(&user.realm, &user.user).await.map_err(failed)?;
            context.show(&found.ok_or_else(|| missing("user", &user.user))?)
        }
        UserCommand::Add {
            user,
            name,
            email,
            scopes,
        } => {
            let patch = UserPatch {
                name: name.clone().map(Some),
                email: email.clone().map(Some),
                scopes: (!scopes.is_empty()).then(|| Some(Scopes::List(scopes.clone()))),
                ..UserPatch::default()
            };
            let there = identity.user(&user.realm, &user.user).await.map_err(failed)?.is_some();
            let text = format!("{} user {}..", if there { "Changing" } else { "Adding" }, user.user);
            if there {
                context
                    .doing(&text, identity.patch_user(&user.realm, &user.user, &patch))
                    .await
            } else {
                context
                    .doing(&text, identity.put_user(&user.realm, &user.user, &patch))
                    .await
            }
        }
        UserCommand::Disable { user } => disable(context, user, true).await,
        UserCommand::Enable { user } => disable(context, user, false).await,
        UserCommand::Delete { user } => {
            let work = identity.delete_user(&user.realm, &user.user);
            context.doing(&format!("Removing user {}..", user.user), work).await
        }
        UserCommand::Password { user, stdin, keep } => password(context, user, *stdin, *keep).await,
        UserCommand::AppPassword { command } => app_passwords(context, command).await,
        UserCommand::Key { command } => keys(context, command).await,
    }
}

async fn disable(context: &Context, user: &UserArgument, disabled: bool) -> Result<(), Failure> {
    let patch = UserPatch {
        disabled: Some(disabled),
        ..UserPatch::default()
    };
    let text = format!(
        "{} user {}..",
        if disabled { "Disabling" } else { "Enabling" },
        user.user
    );
    context
        .doing(&text, context.identity.patch_user(&user.realm, &user.user, &patch))
        .await
}

async fn password(context: &Context, user: &UserArgument, stdin: bool, keep: bool) -> Result<(), Failure> {
    let password = if stdin {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        read.map_err(|error| Failure::application(format!("The password can't be read: {error}")))?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    } else {
        BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 18]>())
    };
    let body = NewPassword {
        password: Some(password.clone()),
        password_hash: None,
        replace: !keep,
    };
    let work = context.identity.add_password(&user.realm, &user.user, &body);
    context
        .doing(&format!("Setting a password of user {}..", user.user), work)
        .await?;
    if !stdin {
        context.terminal.print(&format!("{password}\n"));
    }
    Ok(())
}

async fn app_passwords(context: &Context, command: &AppPasswordCommand) -> Result<(), Failure> {
    let identity = &context.identity;
    match command {
        AppPasswordCommand::List { user, .. } => {
            let passwords = identity.app_passwords(&user.realm, &user.user).await.map_err(failed)?;
            context.table(&["id", "name", "scopes", "expires_at", "last_used_at"], &passwords);
            Ok(())
        }
        AppPasswordCommand::Add {
            user,
            name,
            scopes,
            expires_at,
        } => {
            let wanted = NewAppPassword {
                name: name.clone(),
                scopes: scopes.clone(),
                expires_at: expires_at.clone(),
            };
            let work = identity.add_app_password(&user.realm, &user.user, &wanted);
            let text = format!("Making a password of user {} for {name}..", user.user);
            let made = context.doing(&text, work).await?;
            context.terminal.print(&format!("{}\n", made.password));
            Ok(())
        }
        AppPasswordCommand::Delete { user, id } => {
            let work = identity.delete_app_password(&user.realm, &user.user, id);
            let text = format!("Removing a password of user {}..", user.user);
            context.doing(&text, work).await
        }
    }
}

async fn keys(context: &Context, command: &KeyCommand) -> Result<(), Failure> {
    let identity = &context.identity;
    match command {
        KeyCommand::List { user, .. } => {
            let keys = identity.ssh_keys(&user.realm, &user.user).await.map_err(failed)?;
            context.table(&["id", "type", "fingerprint", "expires_at", "key"], &keys);
            Ok(())
        }
        KeyCommand::Add { user, file, expires_at } => {
            let key = std::fs::read_to_string(file)
                .map_err(|error| Failure::application(format!("{} can't be read: {error}", file.display())))?;
            let key = NewSshKey {
                key: key.trim().to_owned(),
                expires_at: expires_at.clone(),
            };
            let work = identity.add_ssh_key(&user.realm, &user.user, &key);
            context
                .doing(&format!("Adding an SSH key of user {}..", user.user), work)
                .await
                .map(|_| ())
        }
        KeyCommand::Delete { user, id } => {
            let work = identity.delete_ssh_key(&user.realm, &user.user, id);
            context
                .doing(&format!("Removing an SSH key of user {}..", user.user), work)
                .await
        }
    }
}
