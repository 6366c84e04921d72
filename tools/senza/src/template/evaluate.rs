//! The evaluation pipeline (contract section 2.7).

use serde_json::{Map as JsonMap, Value as Json};
use stups_terminal::Terminal;

use super::{Arguments, Definition};
use crate::account::Account;
use crate::{Compatibility, Error};

/// What evaluating a definition needs.
#[derive(Debug)]
pub struct Evaluation<'a> {
    /// the definition
    pub definition: &'a Definition,
    /// bound parameters
    pub arguments: &'a Arguments,
    /// the account to deploy to
    pub account: &'a Account,
    /// `--compat`, `SENZA_COMPAT` or the configuration file, when one of them says something
    pub compatibility: Option<Compatibility>,
    /// `--force`: skip the check that the Docker image exists
    pub force: bool,
    /// for warnings
    pub terminal: &'a Terminal,
}

/// Everything that CreateStack and UpdateStack take (contract section 2.8).
#[derive(Clone, Debug, PartialEq)]
pub struct StackRequest {
    /// `<StackName>-<StackVersion>`
    pub stack_name: String,
    /// the template
    pub template: JsonMap<String, Json>,
    /// template parameters that have a value
    pub parameters: Vec<(String, String)>,
    /// stack tags
    pub tags: Vec<(String, String)>,
    /// none or one SNS topic
    pub notification_arns: Vec<String>,
    /// CAPABILITY_IAM, ...; no duplicates
    pub capabilities: Vec<String>,
}

/// Evaluates a definition: templating, components, tags, topic, capabilities.
pub async fn evaluate(evaluation: &Evaluation<'_>) -> Result<StackRequest, Error> {
    let _ = evaluation;
    todo!()
}
