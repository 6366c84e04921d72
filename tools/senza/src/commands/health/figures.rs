//! What CloudWatch counted at load balancers.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use stups_aws::Session;
use stups_aws::cloudformation::types::StackResourceSummary;
use stups_aws::cloudwatch::primitives::DateTime;
use stups_aws::cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat, ScanBy};

use crate::Error;

/// How far back figures are looked for.
const WINDOW: Duration = Duration::from_mins(5);
/// Seconds that one figure stands for.
const PERIOD: i32 = 60;
/// CloudWatch answers this many questions in one call; each load balancer is four.
const LOAD_BALANCERS_AT_A_TIME: usize = 125;
/// The figure that makes a share of nothing zero and not a division by it.
const NEXT_TO_NOTHING: f64 = 0.0001;

/// A load balancer, as CloudWatch knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LoadBalancer {
    /// by name
    Classic(String),
    /// `app/<name>/<id>`
    Application(String),
}

impl LoadBalancer {
    /// The load balancer that a resource is, if it is one that counts requests.
    pub(super) fn of(resource: &StackResourceSummary) -> Option<Self> {
        let id = resource.physical_resource_id().filter(|id| !id.is_empty())?;
        match resource.resource_type()? {
            "AWS::ElasticLoadBalancing::LoadBalancer" => Some(Self::Classic(id.to_owned())),
            "AWS::ElasticLoadBalancingV2::LoadBalancer" => {
                let (_, id) = id.split_once(":loadbalancer/")?;
                id.starts_with("app/").then(|| Self::Application(id.to_owned()))
            }
            _ => None,
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Classic(name) => name,
            Self::Application(id) => id.split('/').nth(1).unwrap_or_default(),
        }
    }

    /// Whether it is of the newer generation.
    pub(super) fn is_application(&self) -> bool {
        matches!(self, Self::Application(_))
    }

    fn namespace(&self) -> &'static str {
        match self {
            Self::Classic(_) => "AWS/ELB",
            Self::Application(_) => "AWS/ApplicationELB",
        }
    }

    fn dimension(&self) -> Dimension {
        let (name, value) = match self {
            Self::Classic(name) => ("LoadBalancerName", name),
            Self::Application(id) => ("LoadBalancer", id),
        };
        Dimension::builder().name(name).value(value).build()
    }

    /// Name and statistic of the metrics for latency, requests, server errors and client errors.
    fn metrics(&self) -> [(&'static str, &'static str); 4] {
        match self {
            Self::Classic(_) => [
                ("Latency", "Average"),
                ("RequestCount", "Sum"),
                ("HTTPCode_Backend_5XX", "Sum"),
                ("HTTPCode_Backend_4XX", "Sum"),
            ],
            Self::Application(_) => [
                ("TargetResponseTime", "Average"),
                ("RequestCount", "Sum"),
                ("HTTPCode_Target_5XX_Count", "Sum"),
                ("HTTPCode_Target_4XX_Count", "Sum"),
            ],
        }
    }

    /// The figure that counts of one metric's, oldest first: an application load balancer's newest is often incomplete.
    fn recent(&self, figures: &[f64]) -> Option<f64> {
        let newest = figures.len().checked_sub(1)?;
        let index = match self {
            Self::Classic(_) => newest,
            Self::Application(_) => newest.saturating_sub(1),
        };
        figures.get(index).copied()
    }
}

/// What one minute was like. What nobody counted is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figures {
    /// seconds
    latency: Option<f64>,
    requests: Option<f64>,
    /// answers 5xx
    pub(super) server_errors: Option<f64>,
    /// answers 4xx
    pub(super) client_errors: Option<f64>,
}

impl Figures {
    /// Two digits after the point.
    pub(super) fn requests_per_second(&self) -> Option<f64> {
        self.requests.map(|requests| rounded(requests / 60.0))
    }

    /// `errors` as a fraction of all requests, two digits after the point.
    pub(super) fn share(&self, errors: Option<f64>) -> Option<f64> {
        errors.map(|errors| rounded(errors / (self.requests.unwrap_or_default() + NEXT_TO_NOTHING)))
    }

    /// Whole milliseconds.
    #[allow(clippy::cast_possible_truncation, reason = "saturates, and no latency is near that")]
    pub(super) fn latency_in_milliseconds(&self) -> Option<i64> {
        self.latency.map(|seconds| (seconds * 1000.0).round_ties_even() as i64)
    }
}

/// To two digits as Python rounds: by the exact value.
fn rounded(value: f64) -> f64 {
    format!("{value:.2}").parse().unwrap_or(value)
}

/// The figures of each load balancer, in their order; none of a stack without one. One call for all of them.
pub(super) async fn read(session: &Session, balancers: &[Option<LoadBalancer>]) -> Result<Vec<Figures>, Error> {
    let known: Vec<(usize, &LoadBalancer)> = balancers
        .iter()
        .enumerate()
        .filter_map(|(index, balancer)| Some((index, balancer.as_ref()?)))
        .collect();
    let calls = known
        .chunks(LOAD_BALANCERS_AT_A_TIME)
        .map(|chunk| counted(session, chunk));
    let mut counted: HashMap<String, Vec<f64>> = HashMap::new();
    for answer in futures::future::try_join_all(calls).await? {
        counted.extend(answer);
    }
    Ok(balancers
        .iter()
        .enumerate()
        .map(|(index, balancer)| {
            let Some(balancer) = balancer else {
                return Figures::default();
            };
            let [latency, requests, server_errors, client_errors] = [0, 1, 2, 3].map(|metric| {
                let figures = counted.get(&question_id(index, metric));
                figures.and_then(|figures| balancer.recent(figures))
            });
            Figures {
                latency,
                requests,
                server_errors,
                client_errors,
            }
        })
        .collect())
}

fn question_id(balancer: usize, metric: usize) -> String {
    format!("b{balancer}m{metric}")
}

/// Figures by question, oldest first.
async fn counted(session: &Session, balancers: &[(usize, &LoadBalancer)]) -> Result<HashMap<String, Vec<f64>>, Error> {
    let now = SystemTime::now();
    let queries = balancers.iter().flat_map(|(index, balancer)| {
        let metrics = balancer.metrics().into_iter().enumerate();
        metrics.map(move |(number, (name, statistic))| {
            let metric = Metric::builder()
                .namespace(balancer.namespace())
                .metric_name(name)
                .dimensions(balancer.dimension())
                .build();
            let statistic = MetricStat::builder()
                .metric(metric)
                .period(PERIOD)
                .stat(statistic)
                .build();
            MetricDataQuery::builder()
                .id(question_id(*index, number))
                .metric_stat(statistic)
                .build()
        })
    });
    let mut pages = session
        .cloudwatch()
        .get_metric_data()
        .set_metric_data_queries(Some(queries.collect()))
        .start_time(DateTime::from(now - WINDOW))
        .end_time(DateTime::from(now))
        .scan_by(ScanBy::TimestampAscending)
        .into_paginator()
        .send();
    let mut counted: HashMap<String, Vec<f64>> = HashMap::new();
    while let Some(page) = pages.next().await {
        for result in page?.metric_data_results.unwrap_or_default() {
            let figures = counted.entry(result.id.unwrap_or_default()).or_default();
            figures.extend(result.values.unwrap_or_default());
        }
    }
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_rounded_as_they_always_were() {
        let figures = Figures {
            latency: Some(0.0125),
            requests: Some(135.0),
            server_errors: Some(3.0),
            client_errors: None,
        };
        assert_eq!(figures.requests_per_second(), Some(2.25));
        assert_eq!(figures.share(figures.server_errors), Some(0.02));
        assert_eq!(figures.share(figures.client_errors), None);
        assert_eq!(figures.latency_in_milliseconds(), Some(12));
        let errors_only = Figures {
            server_errors: Some(1.0),
            ..Figures::default()
        };
        assert_eq!(errors_only.share(errors_only.server_errors), Some(10_000.0));
        assert_eq!(errors_only.requests_per_second(), None);
        assert_eq!(rounded(0.125).to_string(), "0.12");
    }

    #[test]
    fn the_newest_figure_counts_or_the_one_before_it() {
        let classic = LoadBalancer::Classic("a-1".to_owned());
        let application = LoadBalancer::Application("app/a-1/0123456789abcdef".to_owned());
        for (figures, newest, before) in [
            (&[][..], None, None),
            (&[1.0], Some(1.0), Some(1.0)),
            (&[1.0, 2.0, 3.0], Some(3.0), Some(2.0)),
        ] {
            assert_eq!(classic.recent(figures), newest);
            assert_eq!(application.recent(figures), before);
        }
    }
}
