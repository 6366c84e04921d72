//! What the other commands need from the machine: Debian packages, installed where one is missing.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::cargo::succeed;

/// A Debian package and how to tell that what it brings is there, wherever it came from.
#[derive(Debug)]
pub(crate) struct Need {
    package: &'static str,
    /// a command that exits with 0 when it is there
    check: &'static [&'static str],
}

const C_COMPILER: Need = Need {
    package: "gcc",
    check: &["cc", "--version"],
};
const C_LIBRARY: Need = Need {
    package: "libc6-dev",
    check: &["test", "-e", "/usr/include/stdlib.h"],
};
const PYTHON: Need = Need {
    package: "python3",
    check: &["python3", "--version"],
};
const PYTHON_ENVIRONMENTS: Need = Need {
    package: "python3-venv",
    check: &["python3", "-c", "import venv, ensurepip"],
};
const TIME: Need = Need {
    package: "time",
    check: &["/usr/bin/time", "--version"],
};

const CURL: Need = Need {
    package: "curl",
    check: &["curl", "--version"],
};

const POSTGRESQL: Need = Need {
    package: "postgresql",
    // Debian keeps the server's programs out of the path.
    check: &["sh", "-c", "ls /usr/lib/postgresql/*/bin/initdb || command -v initdb"],
};
const WRK: Need = Need {
    package: "wrk",
    // It knows no way to be asked for its version that exits with 0.
    check: &["sh", "-c", "command -v wrk"],
};

const SKOPEO: Need = Need {
    package: "skopeo",
    check: &["skopeo", "--version"],
};
const BUILDAH: Need = Need {
    package: "buildah",
    check: &["buildah", "--version"],
};
const PODMAN: Need = Need {
    package: "podman",
    check: &["podman", "--version"],
};
const DOCKER: Need = Need {
    package: "docker.io",
    check: &["dockerd", "--version"],
};

/// For building, and for the AWS API that demo and tests run against.
pub(crate) const BASICS: &[Need] = &[C_COMPILER, C_LIBRARY, PYTHON, PYTHON_ENVIRONMENTS, CURL];

/// For everything.
pub(crate) const ALL: &[Need] = &[
    C_COMPILER,
    C_LIBRARY,
    PYTHON,
    PYTHON_ENVIRONMENTS,
    CURL,
    TIME,
    POSTGRESQL,
    WRK,
    SKOPEO,
    BUILDAH,
    PODMAN,
    DOCKER,
];

impl Need {
    fn is_met(&self) -> bool {
        let Some((program, arguments)) = self.check.split_first() else {
            return true;
        };
        Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

/// Installs the Debian packages that are missing, saying so; says nothing when none is.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<_> = needs
        .iter()
        .filter(|need| !need.is_met())
        .map(|need| need.package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("Please install what the Debian packages {packages} bring, then try again");
    }
    if !is_root() {
        bail!("Debian packages are missing; please run: sudo apt-get install {packages}");
    }
    eprintln!("Installing Debian packages: {packages}");
    succeed(&mut apt_get(&["update"]))?;
    succeed(apt_get(&["install", "--yes", "--no-install-recommends"]).args(&missing))?;
    match needs.iter().find(|need| !need.is_met()) {
        None => Ok(()),
        Some(need) => bail!(
            "{} is installed, but `{}` still fails",
            need.package,
            need.check.join(" ")
        ),
    }
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .arg("--quiet=2")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
    command
}

fn is_root() -> bool {
    // "Uid: <real> <effective> ..." (proc_pid_status(5))
    fs::read_to_string("/proc/self/status").is_ok_and(|status| {
        status
            .lines()
            .any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
    })
}
