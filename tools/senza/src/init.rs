//! `senza init`: templates of definitions. A template is one file: the questions it asks, what it makes sure exists in the
//! account, and the text of its definition.

mod answers;
mod iam_role;
mod scalar;
mod security_groups;
mod webapp;

use stups_terminal::{Choice, Terminal};

use crate::Error;
use crate::account::Account;

pub(crate) use answers::Answers;

/// A kind of application to start a definition for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    /// answers HTTP requests behind a load balancer
    WebApp,
}

impl Template {
    /// All templates, by id.
    const ALL: [Self; 1] = [Self::WebApp];

    /// What `--template` calls it.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::WebApp => "webapp",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::WebApp => webapp::DESCRIPTION,
        }
    }

    /// The names that `--user-variable` can give values to.
    pub(crate) fn variables(self) -> &'static [&'static str] {
        match self {
            Self::WebApp => &webapp::VARIABLES,
        }
    }

    /// The template called `id`; a person is asked when there is none of that name.
    pub(crate) fn choose(id: Option<&str>, terminal: &Terminal) -> Result<Self, Error> {
        if let Some(template) = Self::ALL.into_iter().find(|template| Some(template.id()) == id) {
            return Ok(template);
        }
        let choices = Self::ALL.map(|template| Choice {
            value: template,
            label: format!("{}: {}", template.id(), template.description()),
        });
        Ok(terminal.choice("Please select the project template", &choices, Some(&Self::WebApp))?)
    }

    /// Asks what is not answered yet, makes sure that the account has what the application needs, and returns the text of the
    /// definition.
    pub(crate) async fn prepare(self, answers: &Answers<'_>, account: &Account) -> Result<String, Error> {
        match self {
            Self::WebApp => webapp::prepare(answers, account).await,
        }
    }
}
