//! Senza's component types: each edits the template that is being built.

use serde_json::{Map as JsonMap, Value as Json};
use stups_terminal::Terminal;
use stups_yaml::Map;

use crate::account::Account;
use crate::template::Arguments;
use crate::{Compatibility, Error};

/// One entry of `SenzaComponents`.
#[derive(Clone, Debug)]
pub struct Component {
    /// the entry's single key
    pub name: String,
    /// `Type` as written
    pub component_type: String,
    /// everything else
    pub properties: Map,
}

/// What a component works with while it edits the template.
#[derive(Debug)]
pub struct Generation<'a> {
    /// the CloudFormation template so far
    pub template: &'a mut JsonMap<String, Json>,
    /// the evaluated `SenzaInfo`
    pub info: &'a JsonMap<String, Json>,
    /// region, version and parameters
    pub arguments: &'a Arguments,
    /// the AWS account
    pub account: &'a Account,
    /// which generation of AWS resources to make
    pub compatibility: Compatibility,
    /// `--force`: skip the check that the Docker image exists
    pub force: bool,
    /// for warnings
    pub terminal: &'a Terminal,
}

/// Starts every look-up that `components` will need, all at the same time. Failures are left to the component that needs the
/// answer.
pub async fn prefetch(components: &[Component], account: &Account) {
    let _ = (components, account);
    todo!()
}

/// Lets `component` edit the template. An unknown type is a usage error that names the nearest known one.
pub async fn apply(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let _ = (component, generation);
    todo!()
}
