//! Python virtual environments from hash-pinned requirements, made once per machine.

use std::fs::File;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sha2::{Digest, Sha256};

use crate::debian;

/// Written last: an environment without it is incomplete, because it was interrupted while it was made.
const COMPLETE: &str = "complete";

/// A checked-in requirements file with hashes.
#[derive(Clone, Copy, Debug)]
pub enum Requirements {
    /// the AWS API server (moto), cfn-lint and PyYAML
    AwsApi,
    /// the original senza 2.1.143
    Senza,
    /// the originals zign and ztoken 1.2.2, the tokens library 1.1.19, httpie with its zign plug-in
    Zign,
    /// the originals zign and ztoken 1.0.33, with a keyring that is a file
    ZignOld,
    /// the original `stups configure` 1.1.21
    StupsCli,
    /// the original kio 0.1.26
    Kio,
    /// the original kio 0.1.13, which has versions and approvals; needs [`inline_flags_shim`]
    KioOld,
    /// the original pierone 1.0.38, which shows severities and vulnerabilities
    PierOne1_0_38,
    /// the original pierone 1.1.27, the last that does
    PierOne1_1_27,
    /// the original pierone 1.1.41, which marks images as trusted
    PierOne1_1_41,
    /// the original pierone 1.1.44, the first with a credential helper
    PierOne1_1_44,
    /// the original pierone 1.1.56, the last
    PierOne,
    /// the original berry 1.0.28; with the PyYAML of today it reads no configuration file
    Berry,
    /// schemathesis, which calls a service as its OpenAPI document says, and otherwise
    Schemathesis,
}

impl Requirements {
    /// Every one there is.
    pub const ALL: &[Self] = &[
        Self::AwsApi,
        Self::Senza,
        Self::Zign,
        Self::ZignOld,
        Self::StupsCli,
        Self::Kio,
        Self::KioOld,
        Self::PierOne1_0_38,
        Self::PierOne1_1_27,
        Self::PierOne1_1_41,
        Self::PierOne1_1_44,
        Self::PierOne,
        Self::Berry,
        Self::Schemathesis,
    ];
}

/// The requirements of a release of the original pierone.
macro_rules! pierone_release {
    ($version:literal) => {
        concat!(
            include_str!("../requirements/pierone-dependencies.txt"),
            include_str!(concat!("../requirements/pierone-", $version, ".txt"))
        )
    };
}

impl Requirements {
    fn recipe(self) -> Recipe {
        match self {
            Self::AwsApi => Recipe {
                name: "aws-api",
                requirements: include_str!("../requirements/aws-api.txt"),
                python_versions: &[11, 12, 13, 10],
                // Nothing is compiled, so nothing but what the hashes name is executed.
                built_with: None,
                install_options: &["--only-binary", ":all:"],
            },
            Self::Senza => Recipe {
                name: "senza",
                requirements: include_str!("../requirements/senza.txt"),
                // 3.12 has neither `pkg_resources` nor `ssl.match_hostname`, which the original needs.
                python_versions: &[11, 10, 9],
                // Some of its dependencies are source archives. They are built with the environment's own setuptools: an
                // isolated build would fetch one that no hash names.
                // The interpreter's own may be too old to build wheels.
                built_with: Some("setuptools"),
                install_options: &["--no-build-isolation"],
            },
            Self::Zign => Recipe::of_wheels("zign", include_str!("../requirements/zign.txt")),
            Self::ZignOld => Recipe::of_wheels("zign-1.0.33", include_str!("../requirements/zign-1.0.33.txt")),
            Self::StupsCli => Recipe::of_wheels("stups-cli", include_str!("../requirements/stups-cli.txt")),
            Self::Kio => Recipe::of_wheels("kio", include_str!("../requirements/kio.txt")),
            Self::KioOld => Recipe::of_wheels("kio-0.1.13", include_str!("../requirements/kio-0.1.13.txt")),
            Self::PierOne1_0_38 => Recipe::of_wheels("pierone-1.0.38", pierone_release!("1.0.38")),
            Self::PierOne1_1_27 => Recipe::of_wheels("pierone-1.1.27", pierone_release!("1.1.27")),
            Self::PierOne1_1_41 => Recipe::of_wheels("pierone-1.1.41", pierone_release!("1.1.41")),
            Self::PierOne1_1_44 => Recipe::of_wheels("pierone-1.1.44", pierone_release!("1.1.44")),
            Self::PierOne => Recipe::of_wheels("pierone-1.1.56", pierone_release!("1.1.56")),
            Self::Berry => Recipe::of_wheels("berry", include_str!("../requirements/berry.txt")),
            Self::Schemathesis => Recipe::of_wheels("schemathesis", include_str!("../requirements/schemathesis.txt")),
        }
    }
}

/// How an environment is made.
#[derive(Clone, Copy, Debug)]
struct Recipe {
    name: &'static str,
    /// the text of a requirements file
    requirements: &'static str,
    /// the minor versions of Python 3 with which it works, best first
    python_versions: &'static [u32],
    /// the one among the requirements that has to be there before the others
    built_with: Option<&'static str>,
    install_options: &'static [&'static str],
}

impl Recipe {
    /// Packages that are all wheels: nothing is compiled, so nothing but what the hashes name is executed.
    const fn of_wheels(name: &'static str, requirements: &'static str) -> Self {
        Self {
            name,
            requirements,
            python_versions: &[11, 12, 13],
            built_with: None,
            install_options: &["--only-binary", ":all:"],
        }
    }

    /// Other requirements are another directory: an environment never changes.
    fn directory_name(self) -> String {
        let digest = Sha256::digest(self.requirements);
        let hash = digest
            .iter()
            .take(6)
            .fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
        format!("{}-{hash:012x}", self.name)
    }
}

/// What `PYTHONPATH` has to be for programs whose regular expressions have their flags behind blanks, which Python takes no more
/// since 3.11. The programs stay as they are.
pub fn inline_flags_shim() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/python/inline_flags"))
}

/// A virtual environment that has what [`Requirements`] lists.
#[derive(Clone, Debug)]
pub struct PythonEnvironment {
    bin: PathBuf,
}

impl PythonEnvironment {
    /// The environment for `requirements`; makes it on first use (one process at a time, others wait), says so on stderr,
    /// and finds it again silently afterwards. It lives in the user's cache directory under a name made of the file's hash.
    pub fn get(requirements: Requirements) -> Result<Self> {
        Self::get_in(&cache_directory()?, requirements.recipe())
    }

    fn get_in(cache: &Path, recipe: Recipe) -> Result<Self> {
        let directory = cache.join("stups").join("python");
        let root = directory.join(recipe.directory_name());
        let environment = Self { bin: root.join("bin") };
        if is_complete(&root) {
            return Ok(environment);
        }

        std::fs::create_dir_all(&directory)?;
        let lock = File::create(root.with_extension("lock"))?;
        lock.lock()?;
        // Somebody else may have made it while this process waited.
        if !is_complete(&root) {
            eprintln!(
                "Installing Python packages for {} in {} ..",
                recipe.name,
                root.display()
            );
            if root.exists() {
                std::fs::remove_dir_all(&root)?;
            }
            make(&root, recipe)?;
            std::fs::write(root.join(COMPLETE), [])?;
        }
        Ok(environment)
    }

    /// An executable of the environment: `python`, `moto_server`, `senza`, ...
    pub fn executable(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// Its `bin` directory.
    pub fn bin(&self) -> &Path {
        &self.bin
    }
}

/// Complete, and its interpreter (a link to the system's) is still there.
fn is_complete(root: &Path) -> bool {
    root.join(COMPLETE).exists() && root.join("bin/python").exists()
}

fn cache_directory() -> Result<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("XDG_CACHE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .ok_or_else(|| Error::other("Neither XDG_CACHE_HOME nor HOME is set: no place for a cache"))
}

fn make(root: &Path, recipe: Recipe) -> Result<()> {
    let python = interpreter(recipe.python_versions)?;
    run(Command::new(python).args(["-m", "venv"]).arg(root))?;
    if let Some(name) = recipe.built_with {
        install(root, "build.txt", &only(name, recipe.requirements), &[])?;
    }
    install(root, "requirements.txt", recipe.requirements, recipe.install_options)
}

/// The lines of one package in a requirements file.
fn only(name: &str, requirements: &str) -> String {
    let lines = requirements.lines().skip_while(|line| {
        let rest = line.strip_prefix(name);
        !rest.is_some_and(|rest| rest.starts_with("=="))
    });
    let mut text = String::new();
    for line in lines {
        text.extend([line, "\n"]);
        if !line.ends_with('\\') {
            break;
        }
    }
    text
}

/// Installs the requirements, which are kept in a file of this name.
fn install(root: &Path, name: &str, requirements: &str, options: &[&str]) -> Result<()> {
    let file = root.join(name);
    std::fs::write(&file, requirements)?;
    run(Command::new(root.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ])
        .args(["--require-hashes", "--no-deps"])
        .args(options)
        .arg("-r")
        .arg(file))
}

/// A Python that can make virtual environments; on Debian, as root, it is installed where it is missing.
fn interpreter(versions: &[u32]) -> Result<PathBuf> {
    if let Some(python) = find_interpreter(versions) {
        return Ok(python);
    }
    let names: Vec<String> = versions.iter().map(|minor| format!("3.{minor}")).collect();
    let missing = format!("Python {} with the modules venv and ensurepip", names.join(" or "));
    debian::install("python3-venv", &missing)?;
    find_interpreter(versions).ok_or_else(|| {
        Error::other(format!(
            "{missing} is needed, and this system's python3-venv is not that"
        ))
    })
}

fn find_interpreter(versions: &[u32]) -> Option<PathBuf> {
    let named = versions.iter().map(|minor| format!("python3.{minor}"));
    // `/usr/bin` by its path too: an environment or a version manager may come before it and lack what it has.
    named
        .chain(["python3".to_owned()])
        .flat_map(|name| [PathBuf::from(&name), Path::new("/usr/bin").join(name)])
        .find(|python| version(python).is_some_and(|minor| versions.contains(&minor)))
}

/// The minor version of a Python 3 that can make virtual environments.
fn version(python: &Path) -> Option<u32> {
    let output = Command::new(python)
        .args([
            "-c",
            "import sys, venv, ensurepip; assert sys.version_info[0] == 3; print(sys.version_info[1])",
        ])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().parse().ok())?
}

/// Runs a command silently; when it fails, the error has its name and what it said last.
fn run(command: &mut Command) -> Result<()> {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output()?;
    if status.success() {
        return Ok(());
    }
    let said = if stderr.is_empty() { stdout } else { stderr };
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().collect();
    let last = lines
        .get(lines.len().saturating_sub(20)..)
        .unwrap_or_default()
        .join("\n");
    Err(Error::other(format!(
        "{} failed ({status}): {last}",
        command.get_program().to_string_lossy()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: Recipe = Recipe {
        name: "empty",
        requirements: "# nothing\n",
        python_versions: &[11, 12, 13, 10, 9],
        built_with: None,
        install_options: &[],
    };

    #[test]
    fn one_package_is_found_among_the_requirements() {
        let requirements = "# from: a b\nsetuptools-scm==1 \\\n    --hash=sha256:0\nsetuptools==79.0.1 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\nsix==1 \\\n    --hash=sha256:3\n";
        let expected = "setuptools==79.0.1 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n";
        assert_eq!(only("setuptools", requirements), expected);
        assert_eq!(only("wheel", requirements), "");
    }

    #[test]
    fn an_environment_is_made_once() {
        let cache = tempfile::tempdir().unwrap();
        let environment = PythonEnvironment::get_in(cache.path(), EMPTY).unwrap();
        let python = environment.executable("python");
        assert!(python.starts_with(environment.bin()));
        assert!(Command::new(&python).arg("--version").status().unwrap().success());

        // A file that is still there afterwards shows that nothing was made anew.
        let witness = environment.bin().join("witness");
        std::fs::write(&witness, []).unwrap();
        PythonEnvironment::get_in(cache.path(), EMPTY).unwrap();
        assert!(witness.exists());

        // As a process leaves it that was killed before it had finished.
        std::fs::remove_file(environment.bin().with_file_name(COMPLETE)).unwrap();
        PythonEnvironment::get_in(cache.path(), EMPTY).unwrap();
        assert!(!witness.exists());
        assert!(python.exists());
    }

    #[test]
    fn several_at_once_make_one() {
        let cache = tempfile::tempdir().unwrap();
        let environments: Vec<PythonEnvironment> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| PythonEnvironment::get_in(cache.path(), EMPTY).unwrap()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(
            environments
                .iter()
                .all(|environment| environment.bin() == environments[0].bin())
        );
        assert!(environments[0].executable("python").exists());
    }

    #[test]
    fn other_requirements_are_another_environment() {
        let other = Recipe {
            requirements: "# nothing else\n",
            ..EMPTY
        };
        assert_ne!(EMPTY.directory_name(), other.directory_name());
        assert_eq!(EMPTY.directory_name(), EMPTY.directory_name());
    }

    #[test]
    fn a_package_without_a_hash_is_refused() {
        let cache = tempfile::tempdir().unwrap();
        let unpinned = Recipe {
            requirements: "PyYAML==6.0.3\n",
            ..EMPTY
        };
        let error = PythonEnvironment::get_in(cache.path(), unpinned)
            .unwrap_err()
            .to_string();
        assert!(error.contains("hash"), "{error}");
    }

    #[test]
    fn checked_in_requirements_name_versions_and_hashes_only() {
        for requirements in Requirements::ALL {
            let recipe = requirements.recipe();
            let lines = recipe
                .requirements
                .lines()
                .filter(|line| !line.starts_with('#') && !line.is_empty());
            for line in lines {
                let is_hash = line.trim_start().starts_with("--hash=sha256:");
                assert!(is_hash || line.contains("=="), "{}: {line}", recipe.name);
                assert!(!line.contains("://"), "{}: {line}", recipe.name);
            }
        }
    }

    #[test]
    fn a_missing_interpreter_is_no_panic() {
        assert_eq!(version(Path::new("/nonexistent/python3")), None);
        assert_eq!(find_interpreter(&[]), None);
    }
}
