//! `senza migrate-cnames`: alias records instead of the CNAMEs of old stacks.
//!
//! Load balancers' domains were CNAME records once and are alias records of type A today, and DNS has no place for both under one
//! name. senza 2.1 converts what it finds whenever it reads a definition; here it is a command of its own.

mod target;

use serde_json::json;
use stups_aws::route53::types::{AliasTarget, RrType};
use stups_terminal::{Failure, Row, Terminal};

use crate::Error;
use crate::cli::{CommonArguments, OutputArguments};
use crate::context::Context;
use crate::route53::{Dns, HostedZone, Record, canonical, zones_of_name};
use crate::styles;
use target::Target;

const COLUMNS: [&str; 6] = ["domain", "set_identifier", "weight", "value", "action", "target_zone"];

/// Turn CNAME records of load balancers into alias records
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct MigrateCnamesArguments {
    /// Names in the account's hosted zones, as `senza domains` shows them
    #[arg(value_name = "DOMAIN", required = true)]
    domains: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// No-op mode: show what would be changed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// A CNAME record and the alias that takes its place; nothing: what it points to is gone, and so will it be.
struct Conversion {
    old: Record,
    new: Option<Record>,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &MigrateCnamesArguments) -> Result<(), Error> {
    let terminal = &context.terminal;
    let dns = Dns::new(&context.session);
    let mut by_domain = Vec::new();
    for domain in &arguments.domains {
        let conversions = plan(context, &dns, domain).await?;
        if !conversions.is_empty() {
            by_domain.push((canonical(domain), conversions));
        }
    }
    terminal.print_table(&styles::table(&COLUMNS, &[], rows(&by_domain)));
    if by_domain.is_empty() {
        terminal.ok("No CNAME records to convert.");
        return Ok(());
    }
    if arguments.dry_run {
        return Ok(());
    }
    let count: usize = by_domain.iter().map(|(_, conversions)| conversions.len()).sum();
    let question = format!("Convert {count} record{}?", if count == 1 { "" } else { "s" });
    if !arguments.yes && !terminal.confirm(&question, false)? {
        return Err(Failure::aborted().into());
    }
    for (domain, conversions) in by_domain {
        convert(terminal, &dns, &domain, conversions).await?;
    }
    terminal.info(
        "Templates of stacks that made these records still have CNAMEs: `senza traffic` changes their weights in Route 53 only.",
    );
    Ok(())
}

/// What becomes of the CNAME records of a name. One that can't become an alias is an error, since the others can't be beside it.
async fn plan(context: &Context, dns: &Dns, domain: &str) -> Result<Vec<Conversion>, Error> {
    let zones = dns.zones().await?;
    if zones_of_name(zones, domain, false).is_empty() {
        return Err(Error::Fatal(format!(
            "No hosted zone of this account has the name {domain}. Take a name that `senza domains` shows."
        )));
    }
    let mut conversions = Vec::new();
    for old in dns.cname_records(domain).await? {
        let zone = zones.iter().find(|zone| zone.id == old.zone_id);
        let new = match target::of(context, dns, &old, zone.map_or("", HostedZone::domain)).await? {
            Target::InZone(zone_id) => Some(alias(&old, &zone_id)?),
            Target::Gone => None,
            Target::Other => {
                return Err(Error::Fatal(format!(
                    "{domain} can't become an alias: {} is neither a load balancer nor a name with an address in the same hosted zone. \
                     Nothing was changed. Delete that record, or the stack that made it.",
                    old.value()
                )));
            }
        };
        conversions.push(Conversion { old, new });
    }
    Ok(conversions)
}

/// The alias of type A that points to what a CNAME record points to, which Route 53 keeps in the hosted zone `zone_id`. Routing
/// stays; an alias has no time to live of its own.
fn alias(old: &Record, zone_id: &str) -> Result<Record, Error> {
    let target = AliasTarget::builder()
        .hosted_zone_id(zone_id)
        .dns_name(old.value())
        .evaluate_target_health(false)
        .build()
        .map_err(|error| Error::Fatal(format!("Alias is not complete: {error}")))?;
    let mut new = old.clone();
    new.set.r#type = RrType::A;
    new.set.ttl = None;
    new.set.resource_records = None;
    new.set.alias_target = Some(target);
    Ok(new)
}

async fn convert(terminal: &Terminal, dns: &Dns, domain: &str, conversions: Vec<Conversion>) -> Result<(), Error> {
    let (old, new): (Vec<Record>, Vec<Option<Record>>) = conversions
        .into_iter()
        .map(|conversion| (conversion.old, conversion.new))
        .unzip();
    let new: Vec<Record> = new.into_iter().flatten().collect();
    let action = terminal.action(&format!("Converting records of {domain}.."));
    match dns.replace(&old, &new, "Convert CNAME records to alias records").await {
        Ok(()) => {
            action.ok();
            Ok(())
        }
        Err(error) => {
            action.exception(&error.to_string());
            Err(error)
        }
    }
}

fn rows(by_domain: &[(String, Vec<Conversion>)]) -> Vec<Row> {
    let all = by_domain
        .iter()
        .flat_map(|(domain, conversions)| conversions.iter().map(move |conversion| (domain, conversion)));
    all.map(|(domain, Conversion { old, new })| {
        let alias = new.as_ref().and_then(|new| new.set.alias_target());
        styles::row([
            ("domain", json!(domain)),
            ("set_identifier", json!(old.set.set_identifier())),
            ("weight", json!(old.set.weight())),
            ("value", json!(old.value())),
            ("action", json!(if alias.is_some() { "alias" } else { "delete" })),
            ("target_zone", json!(alias.map(AliasTarget::hosted_zone_id))),
        ])
    })
    .collect()
}
