//! `senza init`

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use stups_terminal::{Failure, OutputFormat, Terminal};

use crate::Error;
use crate::cli::{CommonArguments, OutputArguments};
use crate::context::Context;
use crate::init::{Answers, Template, Unanswered};
use crate::styles::{row, table};

/// Initialize a new Senza definition
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct InitArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    /// Use a custom template
    #[arg(short, long, value_name = "TEMPLATE_ID")]
    pub(crate) template: Option<String>,
    /// Provide user variables for the template
    #[arg(short = 'v', long = "user-variable", value_name = "KEY=VAL")]
    pub(crate) user_variables: Vec<String>,
    /// Ask nothing: what is not given takes its default
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
    /// Replace a definition file that exists
    #[arg(short, long)]
    pub(crate) force: bool,
    /// The file to write; - is stdout
    #[arg(value_name = "DEFINITION_FILE")]
    pub(crate) definition_file: PathBuf,
}

/// Runs the command. The file is written last: only when everything it names was looked after.
pub(crate) async fn run(context: &Context, arguments: &InitArguments) -> Result<(), Error> {
    let terminal = &context.terminal;
    let file = &arguments.definition_file;
    let to_stdout = file == Path::new("-");
    if !to_stdout && !arguments.force {
        may_be_written(terminal, file, arguments.yes)?;
    }
    let unanswered = Unanswered {
        terminal,
        takes_defaults: arguments.yes,
    };
    let template = Template::choose(arguments.template.as_deref(), &unanswered)?;
    let answers = Answers::new(unanswered, &arguments.user_variables, template.variables())?;
    let account = context.account();
    let definition = template.prepare(&answers, &account).await?;
    let name = if to_stdout {
        "<stdout>".into()
    } else {
        file.to_string_lossy()
    };
    let action = terminal.action(&format!("Generating Senza definition file {name}.."));
    let written = async {
        if to_stdout {
            terminal.print(&definition);
            return Ok(());
        }
        replace(file, &definition).map_err(|source| Error::File {
            path: name.to_string(),
            source,
        })
    };
    action.during(written).await?;
    // In text the progress line has said it, and the definition itself is no table.
    if !to_stdout && terminal.format() != OutputFormat::Text {
        let cells = [
            ("definition_file", name.to_string().into()),
            ("template", template.id().into()),
            ("result", "written".into()),
        ];
        terminal.print_table(&table(
            &["definition_file", "template", "result"],
            &[],
            vec![row(cells)],
        ));
    }
    Ok(())
}

/// Asks before an existing file is replaced; without a person to ask it is not, nor where nobody is to be asked.
fn may_be_written(terminal: &Terminal, file: &Path, asks_nobody: bool) -> Result<(), Error> {
    // Devices and pipes can be written to without losing anything.
    if !file.is_file() {
        return Ok(());
    }
    let name = file.display();
    if asks_nobody || !terminal.is_interactive() {
        return Err(Error::Fatal(format!(
            "{name} exists already. Use --force to replace it."
        )));
    }
    if terminal.confirm(&format!("{name} exists already. Do you want to replace it?"), false)? {
        Ok(())
    } else {
        Err(Failure::aborted().into())
    }
}

/// Writes the file in one step: whoever looks sees the old content or the new.
fn replace(file: &Path, content: &str) -> io::Result<()> {
    // Through a symbolic link the file behind it is replaced, not the link.
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    if target.exists() && !target.is_file() {
        return File::options().write(true).open(&target)?.write_all(content.as_bytes());
    }
    let directory = match target.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any new file: what the umask leaves of this.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut new = builder.tempfile_in(directory)?;
    new.write_all(content.as_bytes())?;
    new.as_file().sync_all()?;
    if let Ok(old) = fs::metadata(&target) {
        new.as_file().set_permissions(old.permissions())?;
    }
    new.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_file_is_replaced_only_with_consent() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.yaml");
        let (person_who_agrees, _) = Terminal::captured_tty("y\n");
        assert!(may_be_written(&person_who_agrees, &file, false).is_ok());
        fs::write(&file, "old").unwrap();
        assert!(may_be_written(&person_who_agrees, &file, false).is_ok());
        let (person_who_declines, _) = Terminal::captured_tty("\n");
        let error = may_be_written(&person_who_declines, &file, false).unwrap_err();
        assert!(matches!(error, Error::Terminal(failure) if failure.is_aborted()));
        let (pipe, captured) = Terminal::captured("y\n");
        let error = may_be_written(&pipe, &file, false).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("a.yaml exists already. Use --force to replace it.")
        );
        assert_eq!(captured.stdout(), "");
        let (person_who_is_not_asked, captured) = Terminal::captured_tty("y\n");
        assert!(may_be_written(&person_who_is_not_asked, &file, true).is_err());
        assert_eq!(captured.stdout(), "");
    }

    #[test]
    fn files_are_replaced_whole_and_keep_their_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.yaml");
        replace(&file, "one").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&file, "two").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        let link = directory.path().join("link.yaml");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, "three").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "three");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
        assert!(replace(&directory.path().join("missing/a.yaml"), "x").is_err());
    }
}
