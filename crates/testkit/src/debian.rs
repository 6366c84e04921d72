//! Debian packages that tests need, installed where one is missing and this process may.

use std::io::{Error, Result};
use std::path::Path;
use std::process::{Command, Stdio};

/// Installs a package; the error says what to install by hand.
pub(crate) fn install(package: &str, what: &str) -> Result<()> {
    if !(is_root() && Path::new("/usr/bin/apt-get").exists()) {
        let how = format!("Please install it (Debian and Ubuntu: apt-get install {package})");
        return Err(Error::other(format!("{what} is needed. {how}")));
    }
    eprintln!("Installing the Debian package {package} ..");
    let install = || apt_get(&["install", "--yes", "--no-install-recommends", package]);
    if install().is_err() {
        apt_get(&["update"])?;
        install()?;
    }
    Ok(())
}

/// On Linux; elsewhere no package is installed anyway.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::other(format!(
        "apt-get {} failed ({}): {said}",
        arguments.join(" "),
        output.status
    )))
}
