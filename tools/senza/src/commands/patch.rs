//! `senza patch`

mod elastigroup;
mod launch_configuration;
mod launch_template;
mod user_data;

use stups_aws::autoscaling::types::AutoScalingGroup;
use stups_terminal::{Row, until_interrupted};

use super::group_result::{group_row, print_groups};
use super::respawn_instances::{self, Options};
use crate::Error;
use crate::account::{Channel, Image, newest_taupage_image};
use crate::cli::{CommonArguments, OutputArguments};
use crate::context::Context;
use crate::launch::Launch;
use crate::scaling_groups::{GroupKind, StackGroup, describe_group, groups_of};
use crate::stacks::{list_stacks, parse_references};
use user_data::UserDataPatch;

const COLUMNS: [&str; 4] = ["stack_name", "version", "group", "result"];

/// Patch what instances of existing stacks are launched from
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PatchArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    /// Use specified image (AMI ID or one of "latest", "staging", "dev"; with "-arm64" behind it for Graviton)
    #[arg(long, value_name = "AMI_ID_OR_LATEST")]
    pub(crate) image: Option<String>,
    /// Use specified EC2 instance type
    #[arg(long, value_name = "INSTANCE_TYPE")]
    pub(crate) instance_type: Option<String>,
    /// Patch properties in user data YAML
    #[arg(long, value_name = "YAML")]
    pub(crate) user_data: Option<String>,
    /// Then replace the instances that run with other properties, as respawn-instances does
    #[arg(long)]
    pub(crate) apply: bool,
    /// Stack names (regular expressions) with versions, or definition files
    #[arg(value_name = "STACK_REF")]
    pub(crate) stack_references: Vec<String>,
}

/// What is to be different.
#[derive(Clone, Debug, Default)]
struct Properties {
    image: Option<String>,
    instance_type: Option<String>,
    user_data: Option<UserDataPatch>,
}

impl Properties {
    /// Whether something that has this image and type is to be changed. User data to merge is always a change.
    fn differ_from(&self, image: Option<&str>, instance_type: Option<&str>) -> bool {
        let differs = |wanted: &Option<String>, current| wanted.is_some() && wanted.as_deref() != current;
        differs(&self.image, image) || differs(&self.instance_type, instance_type) || self.user_data.is_some()
    }
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &PatchArguments) -> Result<(), Error> {
    let groups = until_interrupted(Box::pin(patch_all(context, arguments))).await?;
    if arguments.apply {
        let groups: Vec<StackGroup> = groups.iter().map(|(group, _)| group.clone()).collect();
        // Also those that were not changed: an earlier patch may not have reached all instances.
        respawn_instances::respawn_all(context, &groups, &Options::default()).await?;
    }
    let rows = groups.iter().map(|(group, changed)| patched(group, *changed));
    print_groups(context, &COLUMNS, rows.collect());
    Ok(())
}

/// The groups, and whether each was changed.
async fn patch_all(context: &Context, arguments: &PatchArguments) -> Result<Vec<(StackGroup, bool)>, Error> {
    let properties = properties(context, arguments).await?;
    let references = parse_references(&arguments.stack_references)?;
    let stacks = list_stacks(&context.session, &references, false).await?;
    let mut groups = Vec::new();
    for group in groups_of(&context.session, &stacks).await? {
        let changed = match group.kind {
            GroupKind::AutoScaling => patch_auto_scaling_group(context, &group, &properties).await?,
            GroupKind::Elastigroup => elastigroup::patch(context, &group, &properties).await?,
        };
        groups.push((group, changed));
    }
    Ok(groups)
}

/// What the command line asks for.
async fn properties(context: &Context, arguments: &PatchArguments) -> Result<Properties, Error> {
    let given = |option: &Option<String>| option.clone().filter(|text| !text.is_empty());
    let user_data = match given(&arguments.user_data) {
        Some(yaml) => UserDataPatch::new(&yaml)?,
        None => None,
    };
    let image = given(&arguments.image);
    let instance_type = given(&arguments.instance_type);
    if image.is_none() && instance_type.is_none() && user_data.is_none() {
        return Err(Error::Usage(
            "Nothing to patch. Please specify at least one patch option (e.g. \"--image\").".to_owned(),
        ));
    }
    Ok(Properties {
        image: match image {
            Some(image) => Some(image_id(context, image).await?),
            None => None,
        },
        instance_type,
        user_data,
    })
}

fn patched(group: &StackGroup, changed: bool) -> Row {
    group_row(group, if changed { "patched" } else { "no changes" })
}

/// An image's id, or the newest image of a channel.
async fn image_id(context: &Context, image: String) -> Result<String, Error> {
    let Some((channel, is_arm64)) = channel(&image) else {
        return Ok(image);
    };
    let account = context.account();
    let images = account.taupage_images().await?.iter();
    let images: Vec<Image> = images.filter(|image| image.is_arm64 == is_arm64).cloned().collect();
    newest_taupage_image(&images, channel)
        .map(|newest| newest.id.clone())
        .ok_or_else(|| Error::Fatal(format!("No Taupage AMI found for {image}")))
}

/// The channel, and whether for arm64, that a word means: `latest`, `staging-arm64`, ...
fn channel(word: &str) -> Option<(Channel, bool)> {
    let (name, is_arm64) = match word.strip_suffix("-arm64") {
        Some(name) => (name, true),
        None => (word, false),
    };
    let mut names = ["latest", "staging", "dev"].into_iter().zip(Channel::ALL);
    names
        .find(|(known, _)| *known == name)
        .map(|(_, channel)| (channel, is_arm64))
}

async fn patch_auto_scaling_group(
    context: &Context,
    group: &StackGroup,
    properties: &Properties,
) -> Result<bool, Error> {
    let action = context
        .terminal
        .action(&format!("Patching Auto Scaling Group {}..", group.id));
    let patch = async {
        let described = describe_group(&context.session, &group.id).await?;
        patch_launch(context, &described, properties).await
    };
    match patch.await {
        Ok(changed) => {
            action.done(if changed { "OK" } else { "NO CHANGES" });
            Ok(changed)
        }
        Err(error) => {
            action.exception(&error.to_string());
            Err(error)
        }
    }
}

/// Changes what the group launches instances from; running ones stay as they are. Says whether anything was changed.
async fn patch_launch(context: &Context, group: &AutoScalingGroup, properties: &Properties) -> Result<bool, Error> {
    let session = &context.session;
    match Launch::of(group)? {
        Launch::Configuration(name) => launch_configuration::patch(session, group, &name, properties).await,
        Launch::Templates(_) => launch_template::patch(session, group, properties).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_images_are_understood() {
        for (word, expected) in [
            ("latest", Some(("LatestTaupageImage", false))),
            ("staging", Some(("LatestTaupageStagingImage", false))),
            ("dev-arm64", Some(("LatestTaupageDevImage", true))),
            ("latest-arm64", Some(("LatestTaupageImage", true))),
            ("ami-1", None),
            ("-arm64", None),
        ] {
            let found = channel(word).map(|(channel, is_arm64)| (channel.mapping, is_arm64));
            assert_eq!(found, expected, "{word}");
        }
    }
}
