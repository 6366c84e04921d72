//! `stups link`: links named like the tools.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use stups_terminal::{Failure, Terminal};

use crate::tool::Tool;

/// Arguments of `stups link`.
#[derive(Debug, clap::Args)]
pub(crate) struct LinkArguments {
    /// Directory for the links, made if there is none
    directory: PathBuf,
    /// Replace other files of the same names
    #[arg(short, long)]
    force: bool,
}

/// Makes `DIRECTORY/<tool>` a symbolic link to this executable for each tool, and for `stups` itself. Correct links are kept. Other files of that
/// name are looked for before anything is written, and refused unless forced.
pub(crate) fn run(terminal: &Terminal, arguments: &LinkArguments) -> Result<(), Failure> {
    let executable = env::current_exe()
        .and_then(fs::canonicalize)
        .map_err(|error| Failure::application(format!("Can't find this executable: {error}")))?;
    fs::create_dir_all(&arguments.directory).map_err(|error| failed("make", &arguments.directory, &error))?;
    let directory =
        fs::canonicalize(&arguments.directory).map_err(|error| failed("open", &arguments.directory, &error))?;

    let mut missing = Vec::new();
    let names = Tool::ALL
        .iter()
        .filter(|tool| tool.is_linked())
        .map(|tool| tool.name())
        .chain(["stups"]);
    for name in names {
        let link = directory.join(format!("{name}{}", env::consts::EXE_SUFFIX));
        if link == executable {
            continue;
        }
        match Existing::at(&link, &executable).map_err(|error| failed("read", &link, &error))? {
            Existing::Link => terminal.info(&format!("{} is there", link.display())),
            Existing::Other if !arguments.force => {
                let text = format!("{} is another file; replace it with --force", link.display());
                return Err(Failure::application(text));
            }
            Existing::Directory => {
                return Err(Failure::application(format!("{} is a directory", link.display())));
            }
            Existing::Nothing | Existing::Other => missing.push(link),
        }
    }
    for link in missing {
        let action = terminal.action(&format!("Linking {}..", link.display()));
        match place(&link, &executable) {
            Ok(()) => action.ok(),
            Err(error) => {
                action.fatal(&error.to_string());
                return Err(Failure::silent());
            }
        }
    }
    if !is_searched(&directory, env::var_os("PATH").as_deref()) {
        terminal.warning(&format!(
            "{0} is not in PATH: export PATH=\"{0}:$PATH\"",
            directory.display()
        ));
    }
    Ok(())
}

fn failed(verb: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::application(format!("Can't {verb} {}: {error}", path.display()))
}

/// What is where a link should be.
#[derive(Debug, PartialEq, Eq)]
enum Existing {
    Nothing,
    /// a link to this executable
    Link,
    /// a file, or a link to something else
    Other,
    Directory,
}

impl Existing {
    fn at(path: &Path, executable: &Path) -> io::Result<Self> {
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Nothing),
            Err(error) => return Err(error),
        };
        Ok(if metadata.is_dir() {
            Self::Directory
        } else if metadata.is_symlink() && fs::read_link(path)? == executable {
            Self::Link
        } else {
            Self::Other
        })
    }
}

/// Puts the link there in one step: whoever runs the tool meanwhile finds the old file or the new link, never nothing.
fn place(link: &Path, executable: &Path) -> io::Result<()> {
    let name = link.file_name().unwrap_or(OsStr::new("link")).to_string_lossy();
    let new = link.with_file_name(format!(".{name}.{}", std::process::id()));
    symlink(executable, &new)?;
    fs::rename(&new, link).inspect_err(|_| {
        // The rename's own error is the one to tell.
        let _ = fs::remove_file(&new);
    })
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

/// Whether the shell looks for programs in `directory` (canonical).
fn is_searched(directory: &Path, path: Option<&OsStr>) -> bool {
    path.is_some_and(|path| {
        env::split_paths(path).any(|entry| fs::canonicalize(entry).is_ok_and(|entry| entry == directory))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_searched_however_path_spells_it() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let canonical = fs::canonicalize(directory.path()).expect("it exists");
        let spelled = canonical.join(".").join("");
        let path = env::join_paths([Path::new("/nowhere"), &spelled]).expect("no colon in it");
        assert!(is_searched(&canonical, Some(&path)));
        assert!(!is_searched(&canonical, Some(OsStr::new("/nowhere:/usr"))));
        assert!(!is_searched(&canonical, None));
    }
}
