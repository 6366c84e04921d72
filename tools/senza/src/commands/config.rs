//! `senza config`

use stups_terminal::{Failure, OutputFormat, Terminal};
use stups_yaml::{Key, Map, Value};

use crate::Error;
use crate::cli::OutputArguments;
use crate::settings::Settings;
use crate::styles::{row, table};

/// Get and set options of Senza's configuration file
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ConfigArguments {
    /// What to get or set, as SECTION.KEY
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    /// The new value; without one, the present value is printed
    #[arg(value_name = "VALUE")]
    pub(crate) value: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// Runs the command on the settings and the file that they are in.
pub(crate) fn run(terminal: &Terminal, settings: &Settings, arguments: &ConfigArguments) -> Result<(), Error> {
    let Some((section, name)) = arguments.key.split_once('.') else {
        return Err(Error::Usage(format!(
            "key does not contain a section: {}",
            arguments.key
        )));
    };
    let Some(value) = &arguments.value else {
        return show(settings.value(section, name), terminal, arguments);
    };
    let file = settings.file();
    let mut refused = false;
    file.update(|content| refused = !set(content, section, name, value))
        .map_err(|source| Error::File {
            path: file.path().display().to_string(),
            source,
        })?;
    if refused {
        return Err(Error::Fatal(format!(
            "{} has a value named {section} where a section is expected; nothing was changed",
            file.path().display()
        )));
    }
    Ok(())
}

/// Prints the value. One that is not there is exit code 1 without a word, for scripts that ask.
fn show(value: Option<&Value>, terminal: &Terminal, arguments: &ConfigArguments) -> Result<(), Error> {
    let text = match value {
        None => return Err(Failure::silent().into()),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_json().to_string(),
    };
    if terminal.format() == OutputFormat::Text {
        terminal.print(&format!("{text}\n"));
    } else {
        let cells = [("key", arguments.key.as_str().into()), ("value", text.into())];
        terminal.print_table(&table(&["key", "value"], &[], vec![row(cells)]));
    }
    Ok(())
}

/// Sets a value, in a new section if need be; no when the section is something else.
fn set(content: &mut Map, section: &str, name: &str, value: &str) -> bool {
    let entry = content.entry(Key::from(section)).or_insert(Value::Null);
    if matches!(entry, Value::Null) {
        *entry = Value::Map(Map::new());
    }
    match entry.as_map_mut() {
        Some(section) => {
            section.insert(Key::from(name), Value::from(value));
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use stups_terminal::ConfigFile;

    use super::*;

    /// Runs `senza config` with `words` on a file; exit code and output.
    fn config(file: &ConfigFile, format: OutputFormat, words: &[&str]) -> (u8, String) {
        let (terminal, captured) = Terminal::captured("");
        let arguments = ConfigArguments {
            key: words[0].to_owned(),
            value: words.get(1).map(ToString::to_string),
            output: OutputArguments::default(),
        };
        let terminal = terminal.with_format(format);
        let settings = Settings::of_file(file.clone(), &terminal);
        let ended = run(&terminal, &settings, &arguments);
        let exit_code = ended.map_or_else(|error| error.into_failure().exit_code, |()| 0);
        (exit_code, captured.stdout())
    }

    #[test]
    fn values_are_set_and_got() {
        let directory = tempfile::tempdir().unwrap();
        let file = ConfigFile::in_directory(directory.path(), "senza", "config");
        let text = |words: &[&str]| config(&file, OutputFormat::Text, words);
        assert_eq!(text(&["sentry.endpoint"]), (1, String::new()));
        assert_eq!(text(&["sentry.endpoint", "https://example.org"]), (0, String::new()));
        assert_eq!(text(&["account.domain.x", "7"]), (0, String::new()));
        assert_eq!(text(&["sentry.endpoint"]), (0, "https://example.org\n".to_owned()));
        assert_eq!(text(&["account.domain.x"]), (0, "7\n".to_owned()));
        assert_eq!(text(&["account.other"]), (1, String::new()));
        assert_eq!(
            config(&file, OutputFormat::Json, &["account.domain.x"]),
            (0, "[{\"key\": \"account.domain.x\", \"value\": \"7\"}]\n".to_owned())
        );
        assert_eq!(
            std::fs::read_to_string(directory.path().join("senza/config.yaml")).unwrap(),
            "account:\n  domain.x: '7'\nsentry:\n  endpoint: https://example.org\n"
        );
    }

    #[test]
    fn a_key_without_section_is_wrong_usage_and_a_value_is_no_section() {
        let directory = tempfile::tempdir().unwrap();
        let file = ConfigFile::in_directory(directory.path(), "senza", "config");
        assert_eq!(config(&file, OutputFormat::Text, &["nosection"]).0, 2);
        assert_eq!(config(&file, OutputFormat::Text, &["nosection", "x"]).0, 2);
        std::fs::create_dir_all(file.path().parent().unwrap()).unwrap();
        std::fs::write(file.path(), "a: 1\n").unwrap();
        assert_eq!(config(&file, OutputFormat::Text, &["a.b"]).0, 1);
        assert_eq!(config(&file, OutputFormat::Text, &["a.b", "x"]).0, 1);
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "a: 1\n");
    }
}
