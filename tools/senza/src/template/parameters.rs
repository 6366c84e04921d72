//! Binding command line words to the parameters of a definition (contract section 2.6).

use indexmap::IndexMap;

use super::Definition;
use crate::Error;
use crate::account::Account;

/// `Arguments` of the templates: region, version and every declared parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// the AWS region
    pub region: String,
    /// VERSION of the command line
    pub version: String,
    /// parameter name to value, in order of declaration
    pub parameters: IndexMap<String, String>,
}

/// Reads a parameter file (path or URL) as `name=value` words.
pub async fn read_parameter_file(source: &str) -> Result<Vec<String>, Error> {
    let _ = source;
    todo!()
}

/// Binds `words` to the definition's parameters; defaults fill what is not given.
pub async fn bind(
    definition: &Definition,
    version: &str,
    words: &[String],
    account: &Account,
) -> Result<Arguments, Error> {
    let _ = (definition, version, words, account);
    todo!()
}
