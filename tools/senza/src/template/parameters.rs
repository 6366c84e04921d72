//! Binding command line words to the parameters of a definition.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use stups_terminal::Failure;
use stups_yaml::{Key, Map, Value};

use super::definition::Declaration;
use super::mustache::{self, Renderer, StandaloneLines, Template};
use super::{Definition, account_info, python, source, tree};
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

impl Arguments {
    /// `Arguments.<name>`.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).or(match name {
            "region" => Some(&self.region),
            "version" => Some(&self.version),
            _ => None,
        })
    }

    /// What templates see as `Arguments`.
    pub(crate) fn to_context(&self) -> Value {
        let parameters = self.parameters.iter().map(|(name, value)| (name.as_str(), value));
        let context: Map = [("region", &self.region), ("version", &self.version)]
            .into_iter()
            .chain(parameters)
            .map(|(name, value)| (Key::from(name), Value::from(value.as_str())))
            .collect();
        Value::Map(context)
    }
}

/// Reads a parameter file (path or URL, a map of names to values) as `name=value` words.
///
/// # Errors
/// A usage error when it can't be read or is not YAML; exit code 1 when it holds no parameters.
pub async fn read_parameter_file(source: &str) -> Result<Vec<String>, Error> {
    let text = source::read(source)
        .await
        .map_err(|error| Error::Usage(format!("Can't read parameter file: {error}")))?;
    parse_parameter_file(source, &text)
}

fn parse_parameter_file(source: &str, text: &str) -> Result<Vec<String>, Error> {
    let invalid = |reason: String| Failure::application(format!("{source} is not a valid parameter: {reason}"));
    match stups_yaml::load(text) {
        Err(error) => Err(Error::Usage(format!("Error {source}: {error}"))),
        Ok(Value::Null) => Err(invalid("Parameter file is empty".to_owned()).into()),
        Ok(Value::Map(map)) => Ok(map
            .iter()
            .map(|(key, value)| format!("{}={}", python::text(&python::key_value(key)), python::text(value)))
            .collect()),
        Ok(other) => Err(invalid(format!("it must be a map of names to values, not {}", other.kind())).into()),
    }
}

/// Binds `words` to the definition's parameters; defaults fill what is not given.
///
/// # Errors
/// A usage error for words that do not fit the declarations; [`Error::InvalidDefinition`] for a default that can't be rendered.
pub async fn bind(
    definition: &Definition,
    version: &str,
    words: &[String],
    account: &Account,
) -> Result<Arguments, Error> {
    let declarations = definition.declarations();
    let mut given = assign(&declarations, words)?;
    for declaration in &declarations {
        if declaration.default.is_none() && given.get(declaration.name).is_none_or(Option::is_none) {
            return Err(Error::Usage(format!(
                "Missing parameter \"{}\". Need: \"{}\"",
                declaration.name,
                names(&declarations)
            )));
        }
    }
    let mut arguments = Arguments {
        region: account.session().region().to_owned(),
        version: version.to_owned(),
        parameters: given
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
            .collect(),
    };
    for declaration in &declarations {
        if let (Some(default), Some(value @ None)) = (declaration.default, given.get_mut(declaration.name)) {
            let rendered = render_default(definition, declaration.name, default, &arguments, account).await?;
            arguments
                .parameters
                .insert(declaration.name.to_owned(), rendered.clone());
            *value = Some(rendered);
        }
    }
    arguments.parameters = given
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    Ok(arguments)
}

fn names(declarations: &[Declaration<'_>]) -> String {
    let names: Vec<&str> = declarations.iter().map(|declaration| declaration.name).collect();
    names.join(" ")
}

/// The value given for each declared parameter, if any: first by position, then by name.
fn assign(declarations: &[Declaration<'_>], words: &[String]) -> Result<IndexMap<String, Option<String>>, Error> {
    let mut given: IndexMap<String, Option<String>> = declarations
        .iter()
        .map(|declaration| (declaration.name.to_owned(), None))
        .collect();
    let mut seen_keyword = false;
    for (value, word) in given.values_mut().zip(words) {
        if word.contains('=') {
            seen_keyword = true;
        } else if seen_keyword {
            return Err(Error::Usage(
                "Positional parameters must not follow keywords.".to_owned(),
            ));
        } else {
            *value = Some(word.clone());
        }
    }
    if words.len() > declarations.len() {
        return Err(Error::Usage(format!(
            "Too many parameters given. Need only: \"{}\"",
            names(declarations)
        )));
    }
    for (name, word) in words.iter().filter_map(|word| word.split_once('=')) {
        match given.get_mut(name) {
            None => return Err(Error::Usage(format!("Unrecognized keyword parameter: \"{name}\""))),
            Some(Some(_)) => {
                return Err(Error::Usage(format!("Parameter specified multiple times: \"{name}\"")));
            }
            Some(value) => *value = Some(word.to_owned()),
        }
    }
    Ok(given)
}

/// A default as text, rendered with `AccountInfo` and with those keys of `SenzaInfo` that it names. `SenzaInfo` itself may use the
/// arguments that are known so far.
async fn render_default(
    definition: &Definition,
    name: &str,
    default: &Value,
    arguments: &Arguments,
    account: &Account,
) -> Result<String, Error> {
    let at_default = |error: mustache::Error| {
        let error = account_info::with_all_names(error);
        definition.invalid(format!("SenzaInfo/Parameters/{name}/Default: {error}"))
    };
    let template = Template::parse(&python::text(default), StandaloneLines::Vanish).map_err(at_default)?;
    let mut names = BTreeSet::new();
    template.collect_names(&mut names);
    if names.is_empty() {
        return Renderer::new(&Value::Null).render(&template).map_err(at_default);
    }
    let raw_info = definition.info();
    let mut info: Map = names
        .iter()
        .filter_map(|name| name.strip_prefix("SenzaInfo.")?.split('.').next())
        .filter_map(|key| Some((Key::from(key), raw_info.get(key)?.clone())))
        .collect();
    if names.contains("SenzaInfo.StackVersion") {
        info.insert(Key::from("StackVersion"), Value::from(arguments.version.as_str()));
    }
    let info = Value::Map(info);
    let at_info = |error: tree::Error| definition.invalid(format!("SenzaInfo/{error}"));
    tree::collect_names(&info, &mut names).map_err(at_info)?;
    let account_info = Value::Map(account_info::look_up(account, &names).await?);
    let mut context = Map::new();
    context.insert(Key::from("AccountInfo"), account_info.clone());
    context.insert(Key::from("Arguments"), arguments.to_context());
    let info = tree::render(&info, &Value::Map(context)).map_err(at_info)?;
    let mut context = Map::new();
    context.insert(Key::from("AccountInfo"), account_info);
    context.insert(Key::from("SenzaInfo"), info);
    Renderer::new(&Value::Map(context))
        .render(&template)
        .map_err(at_default)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn declare<'a>(names: &[&'a str]) -> Vec<Declaration<'a>> {
        names.iter().map(|name| Declaration { name, default: None }).collect()
    }

    fn assign_words(names: &[&str], words: &[&str]) -> Result<Vec<(String, Option<String>)>, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        assign(&declare(names), &words)
            .map(|given| given.into_iter().collect())
            .map_err(|error| {
                assert!(matches!(error, Error::Usage(_)));
                error.to_string()
            })
    }

    #[test]
    fn words_bind_by_position_then_by_name() {
        for (words, a, b) in [
            (&["1", "2"][..], Some("1"), Some("2")),
            (&["1"], Some("1"), None),
            (&["1", "B=2"], Some("1"), Some("2")),
            (&["B=2", "A=1"], Some("1"), Some("2")),
            (&["B=2"], None, Some("2")),
            (&["A="], Some(""), None),
            (&["", "x"], Some(""), Some("x")),
            (&["A=x=y"], Some("x=y"), None),
            (&[], None, None),
        ] {
            let expected = [("A", a), ("B", b)].map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
            assert_eq!(assign_words(&["A", "B"], words), Ok(expected.to_vec()), "{words:?}");
        }
    }

    #[test]
    fn words_that_do_not_fit_are_usage_errors() {
        for (words, message) in [
            (&["A=1", "2"][..], "Positional parameters must not follow keywords."),
            // Only checked within the declared positions: here the number is wrong first.
            (&["1", "B=2", "3"], "Too many parameters given. Need only: \"A B\""),
            (&["A=1", "2", "3"], "Positional parameters must not follow keywords."),
            (&["1", "2", "3"], "Too many parameters given. Need only: \"A B\""),
            (&["C=1"], "Unrecognized keyword parameter: \"C\""),
            (&["=1"], "Unrecognized keyword parameter: \"\""),
            (&["1", "A=1"], "Parameter specified multiple times: \"A\""),
            (&["A=1", "A=2"], "Parameter specified multiple times: \"A\""),
        ] {
            assert_eq!(assign_words(&["A", "B"], words), Err(message.to_owned()), "{words:?}");
        }
        assert_eq!(
            assign_words(&[], &["a=b"]),
            Err("Too many parameters given. Need only: \"\"".to_owned())
        );
    }

    #[test]
    fn parameter_files_give_words() {
        assert_eq!(
            parse_parameter_file("p.yaml", "B: x=y\nA: 0755\nC: yes\nD: [1, a]\nE:\n8080: 1.0\n").unwrap(),
            ["B=x=y", "A=493", "C=True", "D=[1, 'a']", "E=None", "8080=1.0"]
        );
        for (text, exit_code, message) in [
            ("", 1, "p.yaml is not a valid parameter: Parameter file is empty"),
            (
                "- a",
                1,
                "p.yaml is not a valid parameter: it must be a map of names to values, not a list",
            ),
            ("a: [", 2, "Error p.yaml: line "),
        ] {
            let failure = parse_parameter_file("p.yaml", text).unwrap_err().into_failure();
            assert_eq!(failure.exit_code, exit_code);
            assert!(failure.message.starts_with(message), "{failure}");
        }
    }

    proptest! {
        #[test]
        fn binding_never_panics(words in prop::collection::vec("[AB=x]{0,4}", 0..5)) {
            let _ = assign(&declare(&["A", "B", "x"]), &words);
        }

        #[test]
        fn by_name_and_by_position_agree(values in prop::collection::vec("[^=]*", 3), named in 0_usize..=3) {
            let names = ["A", "B", "C"];
            let positional = assign(&declare(&names), &values).unwrap();
            let words: Vec<String> = values
                .iter()
                .enumerate()
                .map(|(position, value)| match names.get(position) {
                    Some(name) if position >= named => format!("{name}={value}"),
                    _ => value.clone(),
                })
                .collect();
            prop_assert_eq!(assign(&declare(&names), &words).unwrap(), positional);
        }
    }
}
