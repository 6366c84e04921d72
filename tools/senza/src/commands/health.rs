//! `senza health`

mod figures;

use stups_aws::Session;
use stups_aws::cloudformation::types::StackResourceSummary;
use stups_terminal::Row;

use super::instance_health::{health_behind, healthy_instances};
use super::stack_table::{Picture, print_stack_table};
use crate::Error;
use crate::cli::StackTableArguments;
use crate::context::Context;
use crate::load_balancer_name::load_balancer_name;
use crate::stacks::{StackReference, StackSummary, about_each, list_stacks_by_name, resources_of};
use crate::styles::row;
use figures::{Figures, LoadBalancer};

const COLUMNS: [&str; 8] = [
    "stack_name",
    "version",
    "status",
    "healthy_hosts",
    "requests_per_sec",
    "4xx_percentage",
    "5xx_percentage",
    "latency_ms",
];

/// Show stack health (requests per second, errors, latency)
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HealthArguments {
    #[command(flatten)]
    pub(crate) stacks: StackTableArguments,
    /// Show all stacks, including deleted ones
    #[arg(long)]
    pub(crate) all: bool,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &HealthArguments) -> Result<(), Error> {
    let references = arguments.stacks.references()?;
    let picture = || picture(&context.session, &references, arguments.all);
    print_stack_table(context, &arguments.stacks, &COLUMNS, picture).await
}

async fn picture(session: &Session, references: &[StackReference], all: bool) -> Result<Picture, Error> {
    let stacks = list_stacks_by_name(session, references, all).await?;
    let details = about_each(&stacks, |stack| details_of(session, stack)).await?;
    let balancers: Vec<Option<LoadBalancer>> = details.iter().map(|(balancer, _)| balancer.clone()).collect();
    let figures = figures::read(session, &balancers).await?;
    let rows = stacks
        .iter()
        .zip(&details)
        .zip(&figures)
        .map(|((stack, (_, healthy)), figures)| health_row(stack, *healthy, figures));
    Ok(Picture::of(&stacks, rows.collect()))
}

/// The load balancer whose figures are the stack's, and how many instances are in service.
async fn details_of(session: &Session, stack: &StackSummary) -> Result<(Option<LoadBalancer>, Option<usize>), Error> {
    if stack.status == "DELETE_COMPLETE" {
        return Ok((None, None));
    }
    let resources = resources_of(session, &stack.stack_id).await?;
    let health = health_behind(session, &resources).await?;
    Ok((load_balancer(stack, &resources), healthy_instances(&health)))
}

/// Of several load balancers the one that is named as Senza names it, else the first; application load balancers come before
/// classic ones.
fn load_balancer(stack: &StackSummary, resources: &[StackResourceSummary]) -> Option<LoadBalancer> {
    let named = load_balancer_name(&stack.name, &stack.version);
    let mut found: Vec<LoadBalancer> = resources.iter().filter_map(LoadBalancer::of).collect();
    found.sort_by_key(|balancer| (balancer.name() != named, !balancer.is_application()));
    found.into_iter().next()
}

fn health_row(stack: &StackSummary, healthy: Option<usize>, figures: &Figures) -> Row {
    row([
        ("stack_name", stack.name.as_str().into()),
        ("version", stack.version.as_str().into()),
        ("status", stack.status.as_str().into()),
        ("healthy_hosts", healthy.into()),
        ("requests_per_sec", figures.requests_per_second().into()),
        ("4xx_percentage", figures.share(figures.client_errors).into()),
        ("5xx_percentage", figures.share(figures.server_errors).into()),
        ("latency_ms", figures.latency_in_milliseconds().into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(kind: &str, id: &str) -> StackResourceSummary {
        StackResourceSummary::builder()
            .resource_type(kind)
            .physical_resource_id(id)
            .build()
    }

    #[test]
    fn the_stack_s_own_load_balancer_is_found() {
        const CLASSIC: &str = "AWS::ElasticLoadBalancing::LoadBalancer";
        const MODERN: &str = "AWS::ElasticLoadBalancingV2::LoadBalancer";
        let arn = |tail: &str| format!("arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/{tail}");
        let stack = StackSummary {
            stack_name: "a-1".to_owned(),
            stack_id: "arn".to_owned(),
            name: "a".to_owned(),
            version: "1".to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
            creation_time: 0.0,
            description: None,
        };
        for (resources, expected) in [
            (vec![], None),
            (vec![resource("AWS::IAM::Role", "a-1")], None),
            (vec![resource(CLASSIC, "given")], Some("given")),
            (vec![resource(CLASSIC, "given"), resource(CLASSIC, "a-1")], Some("a-1")),
            (
                vec![
                    resource(CLASSIC, "given"),
                    resource(MODERN, &arn("app/other/0123456789abcdef")),
                ],
                Some("other"),
            ),
            // A network load balancer counts no requests.
            (vec![resource(MODERN, &arn("net/a-1/0123456789abcdef"))], None),
            (vec![resource(MODERN, "")], None),
        ] {
            let found = load_balancer(&stack, &resources);
            assert_eq!(found.as_ref().map(LoadBalancer::name), expected);
        }
    }
}
