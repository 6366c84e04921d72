//! `senza init`: templates of definitions. A template is one file: the questions it asks, what it makes sure exists in the
//! account, and the text of its definition.

mod answers;
mod application;
mod bgapp;
mod bucket;
mod checks;
mod iam_role;
mod postgresapp;
mod questions;
mod rds;
mod redis;
mod scalar;
mod scheduled;
mod security_groups;
mod staticsite;
mod webapp;
mod worker;

use stups_terminal::Choice;

use crate::Error;
use crate::account::Account;

pub(crate) use answers::{Answers, Unanswered};

/// A kind of application to start a definition for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    /// instances that nobody calls
    BgApp,
    /// a replicated PostgreSQL on instances of its own
    PostgresApp,
    /// a PostgreSQL that AWS operates
    Rds,
    /// replicated Redis
    RedisCluster,
    /// one Redis
    RedisNode,
    /// instances that run at some hours only
    Scheduled,
    /// files that a content delivery network serves
    StaticSite,
    /// answers HTTP requests behind a load balancer
    WebApp,
    /// works off a queue
    Worker,
}

impl Template {
    /// All templates, by id.
    const ALL: [Self; 9] = [
        Self::BgApp,
        Self::PostgresApp,
        Self::Rds,
        Self::RedisCluster,
        Self::RedisNode,
        Self::Scheduled,
        Self::StaticSite,
        Self::WebApp,
        Self::Worker,
    ];

    /// What `--template` calls it.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::BgApp => "bgapp",
            Self::PostgresApp => "postgresapp",
            Self::Rds => "rds",
            Self::RedisCluster => "rediscluster",
            Self::RedisNode => "redisnode",
            Self::Scheduled => "scheduled",
            Self::StaticSite => "static",
            Self::WebApp => "webapp",
            Self::Worker => "worker",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::BgApp => bgapp::DESCRIPTION,
            Self::PostgresApp => postgresapp::DESCRIPTION,
            Self::Rds => rds::DESCRIPTION,
            Self::RedisCluster => redis::CLUSTER_DESCRIPTION,
            Self::RedisNode => redis::NODE_DESCRIPTION,
            Self::Scheduled => scheduled::DESCRIPTION,
            Self::StaticSite => staticsite::DESCRIPTION,
            Self::WebApp => webapp::DESCRIPTION,
            Self::Worker => worker::DESCRIPTION,
        }
    }

    /// The names that `--user-variable` can give values to.
    pub(crate) fn variables(self) -> &'static [&'static str] {
        match self {
            Self::BgApp => &bgapp::VARIABLES,
            Self::PostgresApp => &postgresapp::VARIABLES,
            Self::Rds => &rds::VARIABLES,
            Self::RedisCluster => &redis::CLUSTER_VARIABLES,
            Self::RedisNode => &redis::NODE_VARIABLES,
            Self::Scheduled => &scheduled::VARIABLES,
            Self::StaticSite => &staticsite::VARIABLES,
            Self::WebApp => &webapp::VARIABLES,
            Self::Worker => &worker::VARIABLES,
        }
    }

    /// The template called `id`; where there is none of that name, the one that is chosen.
    pub(crate) fn choose(id: Option<&str>, unanswered: &Unanswered<'_>) -> Result<Self, Error> {
        if let Some(template) = Self::ALL.into_iter().find(|template| Some(template.id()) == id) {
            return Ok(template);
        }
        let choices = Self::ALL.map(|template| Choice {
            value: template,
            label: format!("{}: {}", template.id(), template.description()),
        });
        unanswered.choice("Please select the project template", &choices, &Self::WebApp)
    }

    /// Asks what is not answered yet, makes sure that the account has what the application needs, and returns the text of the
    /// definition.
    pub(crate) async fn prepare(self, answers: &Answers<'_>, account: &Account) -> Result<String, Error> {
        match self {
            Self::BgApp => bgapp::prepare(answers, account).await,
            Self::PostgresApp => postgresapp::prepare(answers, account).await,
            Self::Rds => rds::prepare(answers, account).await,
            Self::RedisCluster => redis::prepare_cluster(answers, account).await,
            Self::RedisNode => redis::prepare_node(answers, account).await,
            Self::Scheduled => scheduled::prepare(answers, account).await,
            Self::StaticSite => staticsite::prepare(answers),
            Self::WebApp => webapp::prepare(answers, account).await,
            Self::Worker => worker::prepare(answers, account).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_listed_by_their_ids_and_have_names_that_differ() {
        let ids: Vec<&str> = Template::ALL.map(Template::id).to_vec();
        assert!(ids.is_sorted_by(|left, right| left < right), "{ids:?}");
        for template in Template::ALL {
            let mut variables = template.variables().to_vec();
            variables.sort_unstable();
            variables.dedup();
            assert_eq!(variables.len(), template.variables().len(), "{}", template.id());
        }
    }
}
