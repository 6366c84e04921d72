//! `senza status`

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use futures::future::{join, join_all, try_join};
use stups_aws::Session;
use stups_aws::cloudformation::types::StackResourceSummary;
use stups_terminal::Row;

use super::instance_health::{InstanceHealth, health_behind, healthy_instances};
use super::stack_table::{Picture, print_stack_table};
use crate::cli::StackTableArguments;
use crate::context::Context;
use crate::ec2::{NamedInstance, instances_named};
use crate::stacks::{StackReference, StackSummary, about_each, list_stacks_by_name, resources_of};
use crate::styles::row;
use crate::{Error, http};

const COLUMNS: [&str; 9] = [
    "stack_name",
    "version",
    "status",
    "total_instances",
    "running_instances",
    "healthy_instances",
    "lb_status",
    "http_status",
    "main_dns",
];

/// How long a version's address may take to answer before it counts as broken.
const HTTP_TIMEOUT: Duration = Duration::from_secs(1);
const DNS_TIMEOUT: Duration = Duration::from_secs(5);

/// Show stack status information
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) stacks: StackTableArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &StatusArguments) -> Result<(), Error> {
    let references = arguments.stacks.references()?;
    let http = http::client(HTTP_TIMEOUT)
        .map_err(|error| Error::Fatal(format!("The HTTPS client could not be set up: {error}")))?;
    let picture = || picture(&context.session, &http, &references);
    print_stack_table(context, &arguments.stacks, &COLUMNS, picture).await
}

async fn picture(session: &Session, http: &reqwest::Client, references: &[StackReference]) -> Result<Picture, Error> {
    let stacks = list_stacks_by_name(session, references, false).await?;
    let names: Vec<String> = stacks.iter().map(|stack| stack.stack_name.clone()).collect();
    let (instances, details) = try_join(
        instances_named(session, &names),
        about_each(&stacks, |stack| details_of(session, http, stack)),
    )
    .await?;
    let rows = stacks
        .iter()
        .zip(details)
        .map(|(stack, (health, domains))| status_row(stack, &instances, &health, &domains));
    Ok(Picture::of(&stacks, rows.collect()))
}

async fn details_of(
    session: &Session,
    http: &reqwest::Client,
    stack: &StackSummary,
) -> Result<(InstanceHealth, Domains), Error> {
    let resources = resources_of(session, &stack.stack_id).await?;
    let (health, domains) = join(health_behind(session, &resources), Domains::ask(http, &resources)).await;
    Ok((health?, domains))
}

/// What a stack's names say.
#[derive(Debug, Default, PartialEq)]
struct Domains {
    /// whether every version domain answers; nothing without one
    answers: Option<bool>,
    /// what the version domains resolve to
    version: BTreeSet<IpAddr>,
    /// what the main domains resolve to
    main: BTreeSet<IpAddr>,
}

impl Domains {
    async fn ask(http: &reqwest::Client, resources: &[StackResourceSummary]) -> Self {
        let (version_names, main_names) = record_names(resources);
        let (answers, (version, main)) = join(
            join_all(version_names.iter().map(|name| answers(http, name))),
            join(addresses(&version_names), addresses(&main_names)),
        )
        .await;
        Self {
            answers: (!answers.is_empty()).then(|| answers.into_iter().all(|answers| answers)),
            version,
            main,
        }
    }

    /// Whether the main name leads to this version; nothing when either does not resolve.
    fn main_leads_here(&self) -> Option<bool> {
        (!self.version.is_empty() && !self.main.is_empty()).then(|| !self.version.is_disjoint(&self.main))
    }
}

/// The names of version records (their logical id says so) and of the others. While a stack is being created a record has no
/// name yet.
fn record_names(resources: &[StackResourceSummary]) -> (Vec<&str>, Vec<&str>) {
    resources
        .iter()
        .filter(|resource| resource.resource_type() == Some("AWS::Route53::RecordSet"))
        .filter_map(|resource| {
            let name = resource.physical_resource_id()?.trim_end_matches('.');
            (!name.is_empty()).then_some((resource.logical_resource_id().unwrap_or_default(), name))
        })
        .fold(
            (Vec::new(), Vec::new()),
            |(mut version, mut main), (logical_id, name)| {
                if logical_id.to_lowercase().contains("version") {
                    version.push(name);
                } else {
                    main.push(name);
                }
                (version, main)
            },
        )
}

/// Whether anything answers on the name: any answer will do. Not so behind an internal load balancer, seen from outside.
async fn answers(http: &reqwest::Client, name: &str) -> bool {
    http.get(format!("https://{name}/")).send().await.is_ok()
}

/// The IPv4 addresses of all `names` that resolve.
async fn addresses(names: &[&str]) -> BTreeSet<IpAddr> {
    let lookups = names.iter().map(|name| async move {
        match tokio::time::timeout(DNS_TIMEOUT, tokio::net::lookup_host((*name, 443))).await {
            Ok(Ok(found)) => found.map(|address| address.ip()).filter(IpAddr::is_ipv4).collect(),
            _ => Vec::new(),
        }
    });
    join_all(lookups).await.into_iter().flatten().collect()
}

fn status_row(stack: &StackSummary, instances: &[NamedInstance], health: &InstanceHealth, domains: &Domains) -> Row {
    let instances: Vec<&NamedInstance> = instances
        .iter()
        .filter(|instance| instance.name == stack.stack_name)
        .collect();
    let running = instances.iter().filter(|instance| instance.is_running).count();
    let lb_states: BTreeSet<&str> = health.values().map(String::as_str).collect();
    row([
        ("stack_name", stack.name.as_str().into()),
        ("version", stack.version.as_str().into()),
        ("status", stack.status.as_str().into()),
        ("total_instances", instances.len().into()),
        ("running_instances", running.into()),
        ("healthy_instances", healthy_instances(health).into()),
        ("lb_status", lb_states.into_iter().collect::<Vec<_>>().join(",").into()),
        (
            "http_status",
            domains
                .answers
                .map(|answers| if answers { "OK" } else { "ERROR" })
                .into(),
        ),
        ("main_dns", domains.main_leads_here().into()),
    ])
}

#[cfg(test)]
mod tests {
    use stups_testkit::HttpsServer;

    use super::*;

    fn domains(version: &[&str], main: &[&str]) -> Domains {
        let parse = |addresses: &[&str]| addresses.iter().map(|address| address.parse().unwrap()).collect();
        Domains {
            answers: None,
            version: parse(version),
            main: parse(main),
        }
    }

    #[test]
    fn the_main_name_leads_to_a_version_that_shares_an_address() {
        let table = [
            (domains(&["1.2.3.4", "5.6.7.8"], &["5.6.7.8"]), Some(true)),
            (domains(&["1.2.3.4"], &["5.6.7.8"]), Some(false)),
            (domains(&[], &["5.6.7.8"]), None),
            (domains(&["1.2.3.4"], &[]), None),
        ];
        for (domains, expected) in table {
            assert_eq!(domains.main_leads_here(), expected, "{domains:?}");
        }
    }

    #[test]
    fn records_are_told_apart_by_their_logical_id() {
        let record = |logical_id: &str, name: Option<&str>, kind: &str| {
            StackResourceSummary::builder()
                .logical_resource_id(logical_id)
                .set_physical_resource_id(name.map(str::to_owned))
                .resource_type(kind)
                .build()
        };
        let resources = [
            record(
                "AppLoadBalancerVersionDomain",
                Some("a-1.example.org."),
                "AWS::Route53::RecordSet",
            ),
            record(
                "AppLoadBalancerMainDomain",
                Some("a.example.org"),
                "AWS::Route53::RecordSet",
            ),
            record("Soon", None, "AWS::Route53::RecordSet"),
            record("Other", Some("x"), "AWS::IAM::Role"),
        ];
        assert_eq!(
            record_names(&resources),
            (vec!["a-1.example.org"], vec!["a.example.org"])
        );
    }

    #[tokio::test]
    async fn any_answer_over_a_trusted_connection_will_do() {
        let resources = [StackResourceSummary::builder()
            .logical_resource_id("AppLoadBalancerVersionDomain")
            .physical_resource_id("v1.invalid.")
            .resource_type("AWS::Route53::RecordSet")
            .build()];
        let start = |name: &str, status| HttpsServer::start(&[name], status, "text/plain", "").unwrap();
        let answer = async |server: &HttpsServer, authority: Option<&str>| {
            let patience = Duration::from_mins(1);
            let http = http::client_that_finds(patience, "v1.invalid", server.address(), authority);
            Domains::ask(&http, &resources).await.answers
        };
        for status in [200, 404, 503] {
            let server = start("v1.invalid", status);
            assert_eq!(answer(&server, Some(server.authority())).await, Some(true), "{status}");
        }
        let (server, other) = (start("v1.invalid", 200), start("v2.invalid", 200));
        assert_eq!(answer(&server, None).await, Some(false), "nobody trusts it");
        assert_eq!(answer(&server, Some(other.authority())).await, Some(false));
        assert_eq!(
            answer(&other, Some(other.authority())).await,
            Some(false),
            "another's name"
        );
    }

    #[test]
    fn answers_are_shown_as_ok_or_error() {
        let stack = StackSummary {
            stack_name: "a-1".to_owned(),
            stack_id: "arn".to_owned(),
            name: "a".to_owned(),
            version: "1".to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
            creation_time: 0.0,
            description: None,
        };
        for (answers, expected) in [(Some(true), "\"OK\""), (Some(false), "\"ERROR\""), (None, "null")] {
            let domains = Domains {
                answers,
                ..Domains::default()
            };
            let row = status_row(&stack, &[], &InstanceHealth::default(), &domains);
            assert_eq!(row["http_status"].to_string(), expected);
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_nowhere_answers_nothing() {
        let resources = [StackResourceSummary::builder()
            .logical_resource_id("VersionDomain")
            .physical_resource_id("nowhere.invalid")
            .resource_type("AWS::Route53::RecordSet")
            .build()];
        let domains = Domains::ask(&http::client(HTTP_TIMEOUT).unwrap(), &resources).await;
        assert_eq!(
            domains,
            Domains {
                answers: Some(false),
                ..Domains::default()
            }
        );
        assert_eq!(
            addresses(&["localhost"]).await,
            BTreeSet::from([IpAddr::from([127, 0, 0, 1])])
        );
    }
}
