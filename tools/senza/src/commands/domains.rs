//! `senza domains`

use std::collections::HashMap;

use serde_json::{Value as Json, json};
use stups_terminal::Row;

use super::stack_table::{Picture, print_stack_table};
use super::traffic::shared;
use crate::Error;
use crate::cli::StackTableArguments;
use crate::context::Context;
use crate::deployed::{self, StackRecord};
use crate::route53::{Dns, Record, canonical};
use crate::stacks::{StackReference, StackSummary, about_each, list_stacks, resources_of};
use crate::styles;

const COLUMNS: &[&str] = &[
    "stack_name",
    "version",
    "resource_id",
    "domain",
    "weight",
    "type",
    "value",
    "create_time",
];

/// What makes a stack share the rule of a listener.
const TARGET_GROUP: &str = "AWS::ElasticLoadBalancingV2::TargetGroup";

/// List the stack's Route53 domains
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DomainsArguments {
    #[command(flatten)]
    pub(crate) stacks: StackTableArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &DomainsArguments) -> Result<(), Error> {
    let references = arguments.stacks.references()?;
    let zones = Dns::new(&context.session);
    // Boxed: what waits for many calls to AWS is large, and stacks are not.
    let picture = || Box::pin(picture(context, &references, zones.forget_records()));
    print_stack_table(context, &arguments.stacks, COLUMNS, picture).await
}

async fn picture(context: &Context, references: &[StackReference], dns: Dns) -> Result<Picture, Error> {
    let mut stacks = list_stacks(&context.session, references, false).await?;
    // A stack that was rolled back has nothing left.
    stacks.retain(|stack| stack.status != "ROLLBACK_COMPLETE");
    let rows = about_each(&stacks, |stack| stack_rows(context, &dns, stack)).await?;
    Ok(Picture::of(&stacks, rows.concat()))
}

async fn stack_rows(context: &Context, dns: &Dns, stack: &StackSummary) -> Result<Vec<Row>, Error> {
    let made = resources_of(&context.session, &stack.stack_id).await?;
    let has_target_group = made.iter().any(|made| made.resource_type() == Some(TARGET_GROUP));
    let resources = deployed::records_among(made);
    // Several resources of one name are records of different types; they take the name's records in turn.
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut rows = Vec::with_capacity(resources.len());
    for resource in resources {
        let records = dns.address_records(&resource.domain).await?;
        let turn = seen.entry(canonical(&resource.domain)).or_default();
        rows.push(row(stack, &resource, nth_record(&records, &stack.stack_name, *turn)));
        *turn += 1;
    }
    if has_target_group {
        rows.extend(shared_rows(context, stack).await?);
    }
    Ok(rows)
}

/// The names that the stack shares with other versions by the rule of a listener.
async fn shared_rows(context: &Context, stack: &StackSummary) -> Result<Vec<Row>, Error> {
    let described = deployed::describe(&context.session, &stack.stack_id).await?;
    let targets = described.as_ref().map(shared::targets_of).unwrap_or_default();
    let mut rows = Vec::with_capacity(targets.len());
    for target in targets {
        let weight = shared::weight_of(&context.session, &target).await?;
        rows.push(styles::row([
            ("stack_name", json!(stack.name)),
            ("version", json!(stack.version)),
            ("resource_id", json!(format!("{}TargetGroup", target.component))),
            ("domain", json!(target.domain)),
            ("weight", json!(weight.to_string())),
            ("type", json!("RULE")),
            ("value", json!(target.target_group)),
            ("create_time", json!(stack.creation_time as i64)),
        ]));
    }
    Ok(rows)
}

/// The stack's own records by set identifier, or else the name's plain ones.
fn nth_record<'r>(records: &'r [Record], stack_name: &str, index: usize) -> Option<&'r Record> {
    let with = |identifier: Option<&str>| -> Vec<&'r Record> {
        let matching = records
            .iter()
            .filter(|record| record.set.set_identifier() == identifier);
        matching.collect()
    };
    let own = with(Some(stack_name));
    let candidates = if own.is_empty() { with(None) } else { own };
    candidates.get(index).or(candidates.last()).copied()
}

fn row(stack: &StackSummary, resource: &StackRecord, record: Option<&Record>) -> Row {
    let weight = record.map(|record| {
        record
            .set
            .weight()
            .map_or_else(String::new, |weight| weight.to_string())
    });
    let created = resource.updated.unwrap_or(stack.creation_time as i64);
    let cells: [(&str, Json); 8] = [
        ("stack_name", json!(stack.name)),
        ("version", json!(stack.version)),
        ("resource_id", json!(resource.logical_id)),
        ("domain", json!(resource.domain.trim_end_matches('.'))),
        ("weight", json!(weight)),
        ("type", json!(record.map(|record| record.set.r#type().as_str()))),
        ("value", json!(record.map(Record::value))),
        ("create_time", json!(created)),
    ];
    cells.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect()
}

#[cfg(test)]
mod tests {
    use stups_aws::route53::types::{ResourceRecordSet, RrType};

    use super::*;

    fn record(record_type: RrType, identifier: Option<&str>) -> Record {
        Record {
            zone_id: "Z1".to_owned(),
            set: ResourceRecordSet::builder()
                .name("app.example.org.")
                .r#type(record_type)
                .set_set_identifier(identifier.map(str::to_owned))
                .build()
                .unwrap(),
        }
    }

    #[test]
    fn a_stack_has_its_own_records_or_the_plain_ones() {
        let records = [
            record(RrType::A, Some("app-1")),
            record(RrType::A, Some("app-2")),
            record(RrType::Aaaa, Some("app-2")),
        ];
        assert_eq!(nth_record(&records, "app-1", 0), Some(&records[0]));
        assert_eq!(nth_record(&records, "app-2", 0), Some(&records[1]));
        assert_eq!(nth_record(&records, "app-2", 1), Some(&records[2]));
        assert_eq!(nth_record(&records, "app-3", 0), None);
        let plain = [record(RrType::Cname, None)];
        assert_eq!(nth_record(&plain, "app-3", 0), Some(&plain[0]));
    }
}
