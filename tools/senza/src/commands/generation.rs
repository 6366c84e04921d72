//! What print, create and update have in common: a definition, a version and parameters become a stack request.

use super::stack_result::{print_results, stack_row};
use crate::account::Account;
use crate::compatibility::CompatibilityChoice;
use crate::context::Context;
use crate::template::{self, Definition, Evaluation, StackRequest};
use crate::{Compatibility, Error};

/// The definition to generate a template from.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct GenerationArguments {
    /// Senza definition: a YAML file or its URL
    #[arg(value_name = "DEFINITION")]
    pub(crate) definition: String,
    /// Version of the stack (letters and digits)
    #[arg(value_name = "VERSION")]
    pub(crate) version: String,
    /// Values of the definition's parameters, in order or as NAME=VALUE
    #[arg(value_name = "PARAMETER")]
    pub(crate) parameters: Vec<String>,
    /// YAML file (or its URL) with parameters
    #[arg(long, value_name = "PATH")]
    pub(crate) parameter_file: Option<String>,
    /// Ignore failing validation checks
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Generation of AWS resources: 2.1 as Senza 2.1 made them, 3 as AWS offers them today (environment: SENZA_COMPAT)
    #[arg(long, value_enum, value_name = "GENERATION")]
    pub(crate) compat: Option<Compatibility>,
    /// S3 bucket for templates that are too large for a request; made when it does not exist
    #[arg(long, value_name = "BUCKET")]
    pub(crate) template_bucket: Option<String>,
}

impl GenerationArguments {
    /// Reads the definition, binds the parameters and evaluates. `keep_deployed`: the stack may be there and keeps its
    /// generation of resources. `requested`: the generation asked for, if any.
    pub(crate) async fn generate(
        &self,
        context: &Context,
        requested: Option<Compatibility>,
        keep_deployed: bool,
    ) -> Result<StackRequest, Error> {
        let compatibility =
            CompatibilityChoice::of_process(requested, keep_deployed, &context.settings, &context.command)?;
        self.generate_in(context, &context.account(), compatibility).await
    }

    /// As [`GenerationArguments::generate`], in this account.
    pub(crate) async fn generate_in(
        &self,
        context: &Context,
        account: &Account,
        compatibility: CompatibilityChoice,
    ) -> Result<StackRequest, Error> {
        let terminal = &context.terminal;
        let definition = Definition::read(&self.definition).await?;
        check_version(&self.version)?;
        let mut words = self.parameters.clone();
        if let Some(file) = &self.parameter_file {
            words.extend(template::read_parameter_file(file).await?);
        }
        let arguments = template::bind(&definition, &self.version, &words, account).await?;
        let evaluation = Evaluation {
            definition: &definition,
            arguments: &arguments,
            account,
            compatibility,
            // A saved account is for where nobody can be asked: registries can't either.
            force: self.force || account.is_offline(),
            terminal,
        };
        let mut request = terminal
            .action("Generating Cloud Formation template..")
            .during(Box::pin(template::evaluate(&evaluation)))
            .await?;
        request.template_bucket = self
            .template_bucket
            .clone()
            .or_else(|| context.settings.text("defaults", "template_bucket").map(str::to_owned));
        Ok(request)
    }
}

fn check_version(version: &str) -> Result<(), Error> {
    if version.is_empty() || !version.chars().all(|character| character.is_ascii_alphanumeric()) {
        return Err(Error::Usage(
            "Version must satisfy regular expression pattern \"[a-zA-Z0-9]+\"".to_owned(),
        ));
    }
    Ok(())
}

/// What came of a create or update, for the formats that programs read; in text the progress lines have said it.
pub(crate) fn print_result(context: &Context, request: &StackRequest, stack_id: Option<&str>, result: &str) {
    let (name, version) = request
        .stack_name
        .rsplit_once('-')
        .unwrap_or((request.stack_name.as_str(), ""));
    print_results(&context.terminal, vec![stack_row(name, version, stack_id, result)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_letters_and_digits() {
        for version in ["1", "v1", "A0b", "cd871c54"] {
            assert!(check_version(version).is_ok());
        }
        for version in ["", "1.0", "v-1", "ä", "v1\n", " "] {
            assert_eq!(check_version(version).unwrap_err().into_failure().exit_code, 2);
        }
    }
}
