//! Files that only their owner may read.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Replaces `path` by `content` in one step, readable by its owner only; makes missing directories.
///
/// A crash leaves the old content or the new one. A symbolic link stays; the file it leads to is replaced.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(_) => path.to_owned(),
    };
    let directory = directory(&path)?;
    create_private_directories(directory)?;
    // tempfile makes files of mode 0600.
    let mut file = tempfile::Builder::new().prefix(".stups-").tempfile_in(directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    sync_directory(directory)
}

/// The directory that `path` is in.
pub(crate) fn directory(path: &Path) -> io::Result<&Path> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Ok(Path::new(".")),
        Some(parent) => Ok(parent),
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a path of a file")),
    }
}

/// Makes missing directories, for their owner only.
pub(crate) fn create_private_directories(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Makes a file's new name survive a crash of the machine.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    fs::File::open(directory)?.sync_all()
}

/// Elsewhere a directory cannot be synchronised.
#[cfg(not(unix))]
fn sync_directory(_directory: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_replaced_and_nothing_else_stays_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/file.yaml");
        write_private(&path, b"one, which is longer").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/file");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        write_private(&path, b"secret").unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write_private(&path, b"secret").unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_stays() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("dotfiles");
        let link = directory.path().join("kio.yaml");
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write_private(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[test]
    fn what_is_no_place_for_a_file_is_an_error() {
        assert!(write_private(Path::new("/"), b"x").is_err());
        assert!(write_private(Path::new(""), b"x").is_err());
        let directory = tempfile::tempdir().unwrap();
        assert!(write_private(directory.path(), b"x").is_err());
        fs::write(directory.path().join("file"), "x").unwrap();
        assert!(write_private(&directory.path().join("file/below"), b"x").is_err());
    }
}
