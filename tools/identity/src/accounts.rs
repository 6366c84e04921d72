use clap::Subcommand;
use stups_api::identity::AccountPatch;
use stups_terminal::{Failure, TableArguments};

use crate::context::{Context, failed, missing};

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// List accounts
    List {
        /// Type of the accounts
        #[arg(long = "type", default_value = "aws")]
        kind: String,
        #[command(flatten)]
        table: TableArguments,
    },
    /// Show an account
    Show {
        /// Id of the account
        account: String,
        /// Type of the account
        #[arg(long = "type", default_value = "aws")]
        kind: String,
        #[command(flatten)]
        table: TableArguments,
    },
    /// Add an account, or change what is given
    Add {
        /// Id of the account: 12 digits at AWS
        account: String,
        /// Type of the account
        #[arg(long = "type", default_value = "aws")]
        kind: String,
        /// Name of the account
        #[arg(long)]
        name: Option<String>,
        /// Id of the team whose account it is
        #[arg(long, value_name = "TEAM")]
        owner: Option<String>,
        /// What the account is for
        #[arg(long)]
        description: Option<String>,
        /// Whether it is out of use
        #[arg(long, value_name = "BOOLEAN")]
        disabled: Option<bool>,
    },
    /// Remove an account
    Delete {
        /// Id of the account
        account: String,
        /// Type of the account
        #[arg(long = "type", default_value = "aws")]
        kind: String,
    },
}

impl AccountCommand {
    pub(crate) fn table(&self) -> Option<&TableArguments> {
        match self {
            Self::List { table, .. } | Self::Show { table, .. } => Some(table),
            _ => None,
        }
    }
}

/// Runs a command on accounts.
pub(crate) async fn run(context: &Context, command: &AccountCommand) -> Result<(), Failure> {
    let identity = &context.identity;
    match command {
        AccountCommand::List { kind, .. } => {
            let accounts = identity.accounts(kind).await.map_err(failed)?;
            context.table(&["id", "name", "type", "owner", "disabled", "description"], &accounts);
            Ok(())
        }
        AccountCommand::Show { account, kind, .. } => {
            let found = identity.account(kind, account).await.map_err(failed)?;
            context.show(&found.ok_or_else(|| missing("account", account))?)
        }
        AccountCommand::Add {
            account,
            kind,
            name,
            owner,
            description,
            disabled,
        } => {
            let patch = AccountPatch {
                name: name.clone().map(Some),
                owner: owner.clone().map(Some),
                description: description.clone().map(Some),
                disabled: *disabled,
                members: None,
            };
            context
                .doing(
                    &format!("Writing account {account}.."),
                    identity.put_account(kind, account, &patch),
                )
                .await
        }
        AccountCommand::Delete { account, kind } => {
            context
                .doing(
                    &format!("Removing account {account}.."),
                    identity.delete_account(kind, account),
                )
                .await
        }
    }
}
