//! Senza::SubnetAutoConfiguration and Senza::StupsAutoConfiguration: the region's subnets and Taupage images as mappings.

use serde_json::json;
use stups_terminal::Terminal;
use stups_yaml::Value;

use super::configuration::{self, SUBNET_MAPPINGS};
use super::properties::{Properties, scalar_text};
use super::property_table::{Property, boolean, text, texts};
use super::resources::section;
use super::{Component, Generation, image_parameters};
use crate::Error;
use crate::account::{Channel, Image, StackNetwork, Subnet, newest_taupage_image};

/// What these have beside the properties of Senza::Configuration.
pub(super) const ADDITIONS: &[Property] = &[
    text("VpcId", "the VPC to look for subnets in").default("the account's default or only VPC"),
    texts("AvailabilityZones", "only subnets in these").default("all"),
    boolean(
        "PublicOnly",
        "whether servers and load balancers share the public subnets",
    )
    .default("false"),
];

/// What Senza::StupsAutoConfiguration has beside those.
pub(super) const IMAGES: &[Property] = &[
    texts(
        "ImageOwners",
        "only Taupage images of these AWS accounts (ids in quotes)",
    )
    .default("taupage.owners of the configuration file, else anybody's")
    .since_3(),
    text("Architecture", "architecture of the Taupage images")
        .one_of(&["amd64", "arm64"])
        .default("amd64")
        .since_3(),
];

/// Applies Senza::SubnetAutoConfiguration.
pub(crate) async fn apply(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let properties = Properties::of(component);
    let vpc_id = match properties.filled_text("VpcId")? {
        Some(id) => id,
        None => generation.account.vpc_id().await?,
    };
    let zones = availability_zones(&properties)?;
    let public_only = properties.boolean("PublicOnly")?.unwrap_or(false);
    let subnets = generation.account.subnets(&vpc_id).await?;
    if let Some(zones) = &zones {
        warn_without_subnets(zones, &subnets, &properties, generation.terminal);
    }
    let mut purposes = assign(&subnets, zones.as_deref(), public_only);
    generation.account.set_stack_network(StackNetwork {
        vpc_id,
        has_internal_subnets: !purposes.internal.is_empty(),
    });
    if generation.is_current() && purposes.internal.is_empty() {
        // An internal load balancer without subnets can't be created.
        purposes.internal.clone_from(&purposes.server);
    }
    configuration::define(&properties, generation)?;
    let region = generation.arguments.region.clone();
    let lists = [purposes.server, purposes.load_balancer, purposes.internal];
    for (mapping, list) in SUBNET_MAPPINGS.into_iter().zip(lists) {
        section(generation.template, &["Mappings", mapping, &region])?.insert("Subnets".to_owned(), json!(list));
    }
    image_parameters::add(&properties, generation).await
}

/// Applies Senza::StupsAutoConfiguration.
pub(crate) async fn apply_with_images(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let owners = image_owners(component, generation)?;
    let wants_arm64 = wants_arm64(component, generation)?;
    let is_trusted = |image: &&Image| owners.as_ref().is_none_or(|owners| owners.contains(&image.owner));
    let is_fitting = |image: &&Image| wants_arm64.is_none_or(|wanted| image.is_arm64 == wanted);
    let images = generation.account.taupage_images().await?;
    let images: Vec<Image> = images.iter().filter(is_trusted).filter(is_fitting).cloned().collect();
    let mut found = Vec::new();
    for channel in Channel::ALL {
        if image_parameters::gives(&Properties::of(component), channel.mapping, generation)? {
            continue;
        }
        match newest_taupage_image(&images, channel) {
            Some(image) => found.push((channel.mapping, image.id.clone())),
            None if channel.is_required => {
                let owners = owners.map_or_else(String::new, |owners| format!(" that {} owns", owners.join(" or ")));
                let architecture = if wants_arm64 == Some(true) { " for arm64" } else { "" };
                return Err(Error::Fatal(format!(
                    "SenzaComponents/{}: No Taupage AMI found: there is no available image named {}* or {}* in {}{architecture}{owners}",
                    component.name, channel.private_prefix, channel.public_prefix, generation.arguments.region
                )));
            }
            None => {}
        }
    }
    apply(component, generation).await?;
    let region = generation.arguments.region.clone();
    for (name, id) in found {
        section(generation.template, &["Mappings", "Images", &region])?.insert(name.to_owned(), json!(id));
    }
    Ok(())
}

/// The AWS accounts whose images count: those of the definition, else those of the configuration file; nothing when everybody's
/// do, as at senza 2.1.
fn image_owners(component: &Component, generation: &Generation<'_>) -> Result<Option<Vec<String>>, Error> {
    if !generation.is_current() {
        return Ok(None);
    }
    let properties = Properties::of(component);
    let Some(owners) = properties.items("ImageOwners") else {
        return Ok(generation.account.image_owners());
    };
    let owner =
        |owner| scalar_text(owner).ok_or_else(|| properties.wrong("ImageOwners", owner, "a list of AWS accounts"));
    owners.iter().map(owner).collect::<Result<_, _>>().map(Some)
}

/// Whether images for arm64 are wanted; nothing when all count, as at senza 2.1.
fn wants_arm64(component: &Component, generation: &Generation<'_>) -> Result<Option<bool>, Error> {
    if !generation.is_current() {
        return Ok(None);
    }
    let properties = Properties::of(component);
    match properties.filled_text("Architecture")?.as_deref() {
        None | Some("amd64") => Ok(Some(false)),
        Some("arm64") => Ok(Some(true)),
        Some(other) => Err(properties.error("Architecture", &format!("must be amd64 or arm64, not \"{other}\""))),
    }
}

/// The zones that count; nothing when all do. Text may name several, with commas or blanks between: senza 2.1 takes every zone
/// that occurs in it, which definitions with the zones in a parameter rely on.
fn availability_zones(properties: &Properties<'_>) -> Result<Option<Vec<String>>, Error> {
    let Some(items) = properties.items("AvailabilityZones") else {
        return Ok(None);
    };
    let mut zones = Vec::new();
    for item in items {
        let text = scalar_text(item)
            .ok_or_else(|| properties.wrong("AvailabilityZones", item, "a list of availability zones"))?;
        let names = text.split(|character: char| character == ',' || character.is_whitespace());
        zones.extend(names.filter(|name| !name.is_empty()).map(str::to_owned));
    }
    Ok(Some(zones).filter(|zones| !zones.is_empty()))
}

/// Says so when the zones leave no subnet for anything: CloudFormation would refuse the stack later, without the reason.
fn warn_without_subnets(zones: &[String], subnets: &[Subnet], properties: &Properties<'_>, terminal: &Terminal) {
    if subnets.iter().any(|subnet| zones.contains(&subnet.availability_zone)) {
        return;
    }
    let mut existing: Vec<&str> = subnets.iter().map(|subnet| subnet.availability_zone.as_str()).collect();
    existing.sort_unstable();
    existing.dedup();
    if !existing.is_empty() {
        terminal.warning(&format!(
            "{}: there is no subnet in {}, only in {}",
            properties.path("AvailabilityZones"),
            zones.join(", "),
            existing.join(", ")
        ));
    }
}

/// Which subnets serve what.
#[derive(Debug, PartialEq, Eq)]
struct Purposes {
    server: Vec<String>,
    load_balancer: Vec<String>,
    internal: Vec<String>,
}

/// Sorts subnets by what their `Name` tag says: `dmz`, `internal`, `nat` or anything else.
fn assign(subnets: &[Subnet], zones: Option<&[String]>, public_only: bool) -> Purposes {
    let mut all = Vec::new();
    let mut purposes = Purposes {
        server: Vec::new(),
        load_balancer: Vec::new(),
        internal: Vec::new(),
    };
    for subnet in subnets {
        if zones.is_some_and(|zones| !zones.contains(&subnet.availability_zone)) {
            continue;
        }
        let id = || subnet.id.clone();
        all.push(id());
        let is_dmz = subnet.name.contains("dmz");
        if public_only {
            if is_dmz {
                purposes.load_balancer.push(id());
                purposes.internal.push(id());
                purposes.server.push(id());
            }
        } else if is_dmz {
            purposes.load_balancer.push(id());
        } else if subnet.name.contains("internal") {
            purposes.internal.push(id());
            purposes.server.push(id());
        } else if !subnet.name.contains("nat") {
            purposes.server.push(id());
        }
    }
    if purposes.load_balancer.is_empty() {
        if public_only {
            // As in AWS's default VPC: all subnets are public, and nobody tagged them.
            purposes = Purposes {
                server: all.clone(),
                load_balancer: all.clone(),
                internal: all,
            };
        } else {
            purposes.load_balancer.clone_from(&purposes.server);
        }
    }
    purposes
}

/// The VPC that the component names, for look-ups in advance.
pub(crate) fn given_vpc(component: &Component) -> Option<String> {
    component
        .properties
        .get("VpcId")
        .and_then(Value::as_str)
        .map(str::to_owned)
}

/// Whether the component will put servers and internal load balancers into the same subnets, of which there are some.
pub(crate) fn servers_share_internal_subnets(component: &Component, subnets: &[Subnet]) -> bool {
    let properties = Properties::of(component);
    let (Ok(zones), Ok(public_only)) = (availability_zones(&properties), properties.boolean("PublicOnly")) else {
        return false;
    };
    let purposes = assign(subnets, zones.as_deref(), public_only.unwrap_or(false));
    !purposes.server.is_empty() && purposes.server == purposes.internal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnets(names: &[&str]) -> Vec<Subnet> {
        names
            .iter()
            .enumerate()
            .map(|(index, name)| Subnet {
                id: format!("s{index}"),
                vpc_id: "vpc-1".to_owned(),
                availability_zone: if index % 2 == 0 { "a" } else { "b" }.to_owned(),
                name: (*name).to_owned(),
                is_default: false,
            })
            .collect()
    }

    /// Names, availability zones, PublicOnly, and the three lists.
    type Row<'a> = (&'a [&'a str], Option<&'a [String]>, bool, [&'a [&'a str]; 3]);

    #[test]
    fn name_tags_decide_what_a_subnet_is_for() {
        let stups = ["dmz-1", "internal-1", "nat-1", "", "internal-dmz"];
        let untagged = ["", ""];
        let zones = ["a".to_owned()];
        let rows: [Row<'_>; 6] = [
            (&stups, None, false, [&["s1", "s3"], &["s0", "s4"], &["s1"]]),
            (&stups, None, true, [&["s0", "s4"], &["s0", "s4"], &["s0", "s4"]]),
            (&stups, Some(&zones), false, [&[], &["s0", "s4"], &[]]),
            (&untagged, None, false, [&["s0", "s1"], &["s0", "s1"], &[]]),
            (&untagged, None, true, [&["s0", "s1"], &["s0", "s1"], &["s0", "s1"]]),
            (&untagged, Some(&zones), true, [&["s0"], &["s0"], &["s0"]]),
        ];
        for (names, zones, public_only, [server, load_balancer, internal]) in rows {
            let purposes = assign(&subnets(names), zones, public_only);
            assert_eq!(purposes.server, server, "{names:?} {public_only}");
            assert_eq!(purposes.load_balancer, load_balancer, "{names:?} {public_only}");
            assert_eq!(purposes.internal, internal, "{names:?} {public_only}");
        }
    }
}
