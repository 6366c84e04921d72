//! `pierone import`

use http::HeaderName;
use stups_api::pierone::{Import, PierOneClient, TagSummary};
use stups_terminal::Failure;

use crate::context::{Context, client, failed, token_of, web_address};
use crate::image_name::team;

const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ImportArguments {
    /// The name of the token for the original
    #[arg(long, value_name = "NAME", default_value = "pierone")]
    token_name: String,
    /// Where the original is, whose bucket the registry has as its own
    #[arg(value_name = "URL")]
    original: String,
    /// All by default
    #[arg(value_parser = team)]
    team: Vec<String>,
}

/// Takes over all tags, each with its content, its time, who pushed it and its source. What is here already is no error, so that it can be
/// run again until the original is switched off.
pub(crate) async fn run(context: &Context, arguments: &ImportArguments) -> Result<(), Failure> {
    let url = web_address(&arguments.original)
        .ok_or_else(|| Failure::usage(format!("\"{}\" is no http or https URL", arguments.original)))?;
    let token = token_of(&context.terminal, &arguments.token_name, &[]).await?;
    let original = PierOneClient::new(client(url, token)?);
    let mut teams = arguments.team.clone();
    if teams.is_empty() {
        teams = original.teams().await.map_err(|error| failed(&error))?;
    }
    let (mut taken, mut left) = (0_usize, 0_usize);
    for team in &teams {
        for artifact in original.artifacts(team).await.map_err(|error| failed(&error))? {
            for tag in original.tags(team, &artifact).await.map_err(|error| failed(&error))? {
                let name = format!("{team}/{artifact}:{}", tag.name);
                match one(context, &original, team, &artifact, &tag).await {
                    Ok(digest) => {
                        taken += 1;
                        context.terminal.print(&format!("{name} {digest}\n"));
                    }
                    Err(failure) => {
                        left += 1;
                        context.terminal.error(&format!("{name}: {}", failure.message));
                    }
                }
            }
        }
    }
    if left > 0 {
        return Err(Failure::application(format!(
            "{left} of {} tags were not taken over.",
            taken + left
        )));
    }
    Ok(())
}

/// The digest of a tag that was taken over.
async fn one(
    context: &Context,
    original: &PierOneClient,
    team: &str,
    artifact: &str,
    tag: &TagSummary,
) -> Result<String, Failure> {
    let served = original.manifest(team, artifact, &tag.name).await;
    let served = served.map_err(|error| failed(&error))?;
    let served = served.ok_or_else(|| Failure::application("the original has no manifest of it any more"))?;
    let source = original.scm_source(team, artifact, &tag.name).await;
    let import = Import {
        repository: format!("{team}/{artifact}"),
        tag: tag.name.clone(),
        manifest: served.text().map_err(|error| failed(&error))?.to_owned(),
        created: tag.created,
        created_by: tag.created_by.clone(),
        scm_source: source.map_err(|error| failed(&error))?,
    };
    let imported = context.pierone.import(&import).await.map_err(|error| failed(&error))?;
    match served.header(&DIGEST) {
        Some(told) if told != imported.digest => Err(Failure::application(format!(
            "it has the digest {}, and had {told} at the original",
            imported.digest
        ))),
        _ => Ok(imported.digest),
    }
}
