use clap::Subcommand;
use stups_api::identity::TeamPatch;
use stups_terminal::{Failure, TableArguments};

use crate::context::{Context, failed, missing};

#[derive(Debug, Subcommand)]
pub(crate) enum TeamCommand {
    /// List teams
    List {
        /// Only those of this person
        #[arg(long, value_name = "USER")]
        member: Option<String>,
        #[command(flatten)]
        table: TableArguments,
    },
    /// Show a team
    Show {
        /// Id, another name, or an account's name
        team: String,
        #[command(flatten)]
        table: TableArguments,
    },
    /// Add a team, or change what is given
    Add {
        /// Id of the team
        team: String,
        /// Full name
        #[arg(long)]
        name: Option<String>,
        /// What the team does
        #[arg(long)]
        description: Option<String>,
        /// Another member; may be repeated
        #[arg(long = "member", value_name = "USER")]
        members: Vec<String>,
        /// Another name of the team; may be repeated
        #[arg(long = "alias", value_name = "NAME")]
        aliases: Vec<String>,
    },
    /// Remove members from a team
    RemoveMember {
        /// Id of the team
        team: String,
        /// User names
        #[arg(required = true)]
        members: Vec<String>,
    },
    /// Remove a team
    Delete {
        /// Id of the team
        team: String,
    },
}

impl TeamCommand {
    pub(crate) fn table(&self) -> Option<&TableArguments> {
        match self {
            Self::List { table, .. } | Self::Show { table, .. } => Some(table),
            _ => None,
        }
    }
}

/// Runs a command on teams.
pub(crate) async fn run(context: &Context, command: &TeamCommand) -> Result<(), Failure> {
    let identity = &context.identity;
    match command {
        TeamCommand::List { member, .. } => {
            let teams = match member {
                Some(member) => identity.teams_of(member).await,
                None => identity.teams().await,
            };
            context.table(&["id", "name", "type", "members", "aliases"], &teams.map_err(failed)?);
            Ok(())
        }
        TeamCommand::Show { team, .. } => {
            let found = identity.team(team).await.map_err(failed)?;
            context.show(&found.ok_or_else(|| missing("team", team))?)
        }
        TeamCommand::Add {
            team,
            name,
            description,
            members,
            aliases,
        } => {
            let present = identity
                .team(team)
                .await
                .map_err(failed)?
                .filter(|present| present.id == *team);
            let with = |present: Option<&Vec<String>>, more: &[String]| {
                let all = present.into_iter().flatten().chain(more).cloned().collect();
                (!more.is_empty()).then_some(Some(all))
            };
            let patch = TeamPatch {
                name: name.clone().map(Some),
                description: description.clone().map(Some),
                members: with(present.as_ref().map(|team| &team.members), members),
                aliases: with(present.as_ref().map(|team| &team.aliases), aliases),
                ..TeamPatch::default()
            };
            let text = format!(
                "{} team {team}..",
                if present.is_some() { "Changing" } else { "Adding" }
            );
            context.doing(&text, identity.put_team(team, &patch)).await
        }
        TeamCommand::RemoveMember { team, members } => {
            let present = identity
                .team(team)
                .await
                .map_err(failed)?
                .ok_or_else(|| missing("team", team))?;
            let left = present
                .members
                .into_iter()
                .filter(|member| !members.contains(member))
                .collect();
            let patch = TeamPatch {
                members: Some(Some(left)),
                ..TeamPatch::default()
            };
            context
                .doing(
                    &format!("Changing team {}..", present.id),
                    identity.put_team(&present.id, &patch),
                )
                .await
        }
        TeamCommand::Delete { team } => {
            context
                .doing(&format!("Removing team {team}.."), identity.delete_team(team))
                .await
        }
    }
}
