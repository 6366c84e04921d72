//! Who may read the files.

use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

use nix::unistd::{Group, User};

/// Owner and group of the files. Without a group only the owner may read them; a group may read them, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ownership {
    /// else whoever runs berry
    owner: Option<u32>,
    group: Option<u32>,
}

impl Ownership {
    /// Looks up names of this machine; numbers are taken as they are. Errors name who is unknown.
    pub(crate) fn resolve(owner: Option<&str>, group: Option<&str>) -> Result<Self, String> {
        let owner = owner.map(|name| {
            number(name, "user", |name| {
                Ok(User::from_name(name)?.map(|user| user.uid.as_raw()))
            })
        });
        let group = group.map(|name| {
            number(name, "group", |name| {
                Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()))
            })
        });
        Ok(Self {
            owner: owner.transpose()?,
            group: group.transpose()?,
        })
    }

    /// Makes an open file so. Ownership first: a moment with the new mode and the old group would let strangers read.
    pub(crate) fn apply(self, file: &File) -> io::Result<()> {
        if self.owner.is_some() || self.group.is_some() {
            fchown(file, self.owner, self.group)?;
        }
        file.set_permissions(Permissions::from_mode(self.mode()))
    }

    /// Whether a file is so already.
    pub(crate) fn is_of(self, file: &Metadata) -> bool {
        file.mode() & 0o7777 == self.mode()
            && self.owner.is_none_or(|owner| owner == file.uid())
            && self.group.is_none_or(|group| group == file.gid())
    }

    fn mode(self) -> u32 {
        if self.group.is_some() { 0o640 } else { 0o600 }
    }
}

fn number(name: &str, kind: &str, look_up: impl Fn(&str) -> nix::Result<Option<u32>>) -> Result<u32, String> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    match look_up(name) {
        Ok(Some(number)) => Ok(number),
        Ok(None) => Err(format!("There is no {kind} \"{name}\" on this machine")),
        Err(error) => Err(format!("The {kind} \"{name}\" can't be looked up: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let root = Ownership::resolve(Some("root"), Some("12345")).unwrap();
        assert_eq!(
            root,
            Ownership {
                owner: Some(0),
                group: Some(12345)
            }
        );
        assert_eq!(root.mode(), 0o640);
        assert_eq!(Ownership::resolve(None, None).unwrap().mode(), 0o600);
        assert_eq!(
            Ownership::resolve(Some("no such user"), None),
            Err("There is no user \"no such user\" on this machine".to_owned())
        );
        assert_eq!(
            Ownership::resolve(None, Some("-1")),
            Err("There is no group \"-1\" on this machine".to_owned())
        );
    }

    #[test]
    fn a_file_is_made_so() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_permissions(Permissions::from_mode(0o644)).unwrap();
        let private = Ownership::default();
        assert!(!private.is_of(&file.as_file().metadata().unwrap()));
        private.apply(file.as_file()).unwrap();
        assert!(private.is_of(&file.as_file().metadata().unwrap()));
        // The file's own group may always be set.
        let own = Ownership {
            owner: None,
            group: Some(file.as_file().metadata().unwrap().gid()),
        };
        assert!(!own.is_of(&file.as_file().metadata().unwrap()));
        own.apply(file.as_file()).unwrap();
        assert!(own.is_of(&file.as_file().metadata().unwrap()));
    }
}
