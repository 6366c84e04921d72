//! `senza images`

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join;
use jiff::{SignedDuration, Timestamp};
use stups_aws::Session;
use stups_aws::ec2::types::{Filter, Image, Instance, InstanceStateName};
use stups_terminal::Row;

use crate::Error;
use crate::account::Channel;
use crate::cli::{CommonArguments, TableArguments};
use crate::context::Context;
use crate::ec2::{all_instances, images_with, tag};
use crate::stacks::{StackReference, matches_any, parse_references};
use crate::styles::{row, table};

/// Show all used AMIs and available Taupage AMIs
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ImagesArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) table: TableArguments,
    /// Hide unused images older than X days
    #[arg(long, value_name = "DAYS", default_value_t = 21, allow_negative_numbers = true)]
    pub(crate) hide_older_than: i32,
    /// Show EC2 instance IDs
    #[arg(long)]
    pub(crate) show_instances: bool,
    /// Stack names (regular expressions) with versions, or definition files
    #[arg(value_name = "STACK_REF")]
    pub(crate) stack_references: Vec<String>,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &ImagesArguments) -> Result<(), Error> {
    let references = parse_references(&arguments.stack_references)?;
    let (used, taupage) = try_join(
        used_images(&context.session, &references),
        taupage_images(&context.session, references.is_empty()),
    )
    .await?;
    let (images, instances) = used;
    let youngest_hidden = Timestamp::now() - SignedDuration::from_hours(24 * i64::from(arguments.hide_older_than));
    let rows = image_rows(images.into_iter().chain(taupage), &instances, youngest_hidden);
    let instances_column = if arguments.show_instances {
        "instances"
    } else {
        "total_instances"
    };
    let columns = [
        "ImageId",
        "Name",
        "OwnerId",
        "Description",
        "stacks",
        instances_column,
        "creation_time",
    ];
    context
        .terminal
        .print_table(&table(&columns, &arguments.table.fields, rows));
    Ok(())
}

/// The instances of the stacks that `references` match (all, when there are none), and the images they run.
async fn used_images(
    session: &Session,
    references: &[StackReference],
) -> Result<(Vec<Image>, BTreeMap<String, Vec<Instance>>), Error> {
    let mut by_image: BTreeMap<String, Vec<Instance>> = BTreeMap::new();
    for instance in all_instances(session, Vec::new()).await? {
        let terminated = instance.state().and_then(|state| state.name()) == Some(&InstanceStateName::Terminated);
        let stack = tag(instance.tags(), "aws:cloudformation:stack-name").unwrap_or_default();
        if let Some(image) = instance.image_id()
            && !terminated
            && matches_any(references, stack)
        {
            by_image.entry(image.to_owned()).or_default().push(instance);
        }
    }
    let ids: Vec<String> = by_image.keys().cloned().collect();
    Ok((images_with(session, "image-id", &ids, None).await?, by_image))
}

async fn taupage_images(session: &Session, wanted: bool) -> Result<Vec<Image>, Error> {
    if !wanted {
        return Ok(Vec::new());
    }
    let available = Filter::builder().name("state").values("available").build();
    let images = images_with(session, "name", &Channel::wildcards(), Some(available)).await?;
    Ok(of_channels(images))
}

/// The images that each channel chooses from: the private ones, else the public ones.
fn of_channels(images: Vec<Image>) -> Vec<Image> {
    let has_own = |channel: &Channel| images.iter().any(|image| is_called(image, channel.private_prefix));
    let prefixes = Channel::ALL.map(|channel| {
        if has_own(&channel) {
            channel.private_prefix
        } else {
            channel.public_prefix
        }
    });
    let is_offered = |image: &Image| prefixes.iter().any(|prefix| is_called(image, prefix));
    images.into_iter().filter(is_offered).collect()
}

fn is_called(image: &Image, prefix: &str) -> bool {
    image.name().is_some_and(|name| name.starts_with(prefix))
}

/// A row for each image that is used, or was made after `youngest_hidden`; sorted by name.
fn image_rows(
    images: impl Iterator<Item = Image>,
    instances: &BTreeMap<String, Vec<Instance>>,
    youngest_hidden: Timestamp,
) -> Vec<Row> {
    let mut images: Vec<Image> = images.collect();
    images.sort_by(|one, other| (one.name(), one.image_id()).cmp(&(other.name(), other.image_id())));
    images.dedup_by(|one, other| one.image_id() == other.image_id());
    images
        .iter()
        .filter_map(|image| image_row(image, instances, youngest_hidden))
        .collect()
}

fn image_row(image: &Image, instances: &BTreeMap<String, Vec<Instance>>, youngest_hidden: Timestamp) -> Option<Row> {
    let created: Timestamp = image.creation_date()?.parse().ok()?;
    let users = image
        .image_id()
        .and_then(|id| instances.get(id))
        .map(Vec::as_slice)
        .unwrap_or_default();
    if users.is_empty() && created <= youngest_hidden {
        return None;
    }
    let ids: BTreeSet<&str> = users.iter().filter_map(Instance::instance_id).collect();
    let stacks: BTreeSet<&str> = users
        .iter()
        .filter_map(|instance| tag(instance.tags(), "aws:cloudformation:stack-name"))
        .collect();
    Some(row([
        ("ImageId", image.image_id().into()),
        ("Name", image.name().into()),
        ("OwnerId", image.owner_id().into()),
        ("Description", image.description().into()),
        ("stacks", joined(&stacks).into()),
        ("instances", joined(&ids).into()),
        ("total_instances", users.len().into()),
        ("creation_time", created.as_second().into()),
    ]))
}

fn joined(words: &BTreeSet<&str>) -> String {
    words.iter().copied().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use stups_aws::ec2::types::Tag;

    use super::*;

    fn image(id: &str, name: &str, created: &str) -> Image {
        Image::builder().image_id(id).name(name).creation_date(created).build()
    }

    fn instance(id: &str, stack: Option<&str>) -> Instance {
        let tags = stack.map(|stack| vec![Tag::builder().key("aws:cloudformation:stack-name").value(stack).build()]);
        Instance::builder().instance_id(id).set_tags(tags).build()
    }

    #[test]
    fn a_channel_offers_its_own_images_else_public_ones() {
        let images = [
            "Taupage-AMI-1",
            "Taupage-Public-AMI-1",
            "TaupageDev-Public-AMI-1",
            "TaupageStaging-AMI-1",
        ];
        let offered = of_channels(images.map(|name| image(name, name, "")).into());
        let names: Vec<_> = offered.iter().filter_map(Image::name).collect();
        assert_eq!(
            names,
            ["Taupage-AMI-1", "TaupageDev-Public-AMI-1", "TaupageStaging-AMI-1"]
        );
    }

    #[test]
    fn used_and_young_images_are_shown_by_name() {
        let instances = BTreeMap::from([(
            "ami-old-used".to_owned(),
            vec![
                instance("i-2", Some("b-1")),
                instance("i-1", Some("a-1")),
                instance("i-3", None),
            ],
        )]);
        let images = [
            image("ami-young", "b", "2024-05-02T00:00:00.000Z"),
            image("ami-old-used", "a", "2020-01-01T00:00:00.000Z"),
            image("ami-young", "b", "2024-05-02T00:00:00.000Z"),
            image("ami-old", "c", "2024-04-30T00:00:00.000Z"),
            image("ami-strange", "d", "some day"),
        ];
        let rows = image_rows(images.into_iter(), &instances, "2024-05-01T00:00:00Z".parse().unwrap());
        let cells = |column: &str| -> Vec<String> { rows.iter().map(|row| row[column].to_string()).collect() };
        assert_eq!(cells("ImageId"), ["\"ami-old-used\"", "\"ami-young\""]);
        assert_eq!(cells("stacks"), ["\"a-1, b-1\"", "\"\""]);
        assert_eq!(cells("instances"), ["\"i-1, i-2, i-3\"", "\"\""]);
        assert_eq!(cells("total_instances"), ["3", "0"]);
        assert_eq!(cells("creation_time"), ["1577836800", "1714608000"]);
    }
}
