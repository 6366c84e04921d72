//! The original berry 1.0.28 on the same bucket: what it does and says, ours does and says.

use std::fs;
use std::path::Path;
use std::process::Command;

use stups_testkit::{PythonEnvironment, Requirements};

use crate::support::{Place, bare, names, run, user};

/// What one run of a berry shows.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    exit_code: i32,
    /// the beginnings of the lines that scripts know: the first sentence of each
    lines: Vec<String>,
    files: Vec<(String, String)>,
}

fn shown(mut command: Command, directory: &Path) -> Shown {
    let outcome = run(&mut command);
    // The libraries of the original tell where they found credentials, and print stack traces.
    let lines = outcome
        .stderr
        .lines()
        .filter(|line| line.starts_with("INFO: Rotated") || line.starts_with("ERROR: "));
    let files = names(directory).into_iter().map(|name| {
        let content = fs::read_to_string(directory.join(&name)).unwrap();
        (name, content)
    });
    Shown {
        exit_code: outcome.exit_code,
        lines: lines.map(first_sentence).collect(),
        files: files.collect(),
    }
}

/// Without the advice behind it, which each of them words in its own way.
fn first_sentence(line: &str) -> String {
    let end = [". ", ", please"].iter().filter_map(|end| line.find(end)).min();
    line.get(..end.unwrap_or(line.len())).unwrap().to_owned()
}

/// Both berries, each with a directory of its own.
struct Both {
    place: Place,
    original: PythonEnvironment,
}

impl Both {
    async fn new(place: Place) -> Self {
        let original = tokio::task::spawn_blocking(|| PythonEnvironment::get(Requirements::Berry))
            .await
            .unwrap()
            .unwrap();
        fs::create_dir(place.scratch("original")).unwrap();
        Self { place, original }
    }

    /// Runs both with the same words, `DIRECTORY` among them being each one's own. Shows what the original does.
    fn same(&self, words: &[&str]) -> Shown {
        let [ours, theirs] = self.each(words);
        assert_eq!(ours, theirs, "{words:?}");
        theirs
    }

    fn each(&self, words: &[&str]) -> [Shown; 2] {
        let with = |mut command: Command, directory: &Path| {
            command.args(words.iter().map(|word| match *word {
                "DIRECTORY" => directory.as_os_str(),
                word => word.as_ref(),
            }));
            shown(command, directory)
        };
        let mut original = Command::new(self.original.executable("berry"));
        bare(&mut original);
        original.envs(self.place.account.environment());
        [
            with(self.place.berry(&[]), &self.place.directory()),
            with(original, &self.place.scratch("original")),
        ]
    }
}

#[tokio::test]
async fn both_write_the_same_files_and_say_so() {
    let both = Both::new(Place::with_credentials().await).await;
    let bucket = both.place.bucket.as_str();
    let once = ["-a", "pets", "-m", bucket, "--once", "DIRECTORY"];
    let first = both.same(&once);
    assert_eq!((first.exit_code, first.lines.len(), first.files.len()), (0, 2, 2));
    let second = both.same(&once);
    assert_eq!((second.exit_code, second.lines.len()), (0, 0));
    both.place.put("pets/user.json", &user("second-password")).await;
    assert_eq!(both.same(&once).lines, ["INFO: Rotated user credentials for pets"]);
    both.place.put("pets/user.json", &user("third-password")).await;
    let silent = both.same(&["-a", "pets", "-m", bucket, "--once", "--silent", "DIRECTORY"]);
    assert_eq!((silent.exit_code, silent.lines.len()), (0, 0));
    // Abbreviated options.
    assert_eq!(
        both.same(&["--app", "pets", "--mint", bucket, "--on", "DIRECTORY"])
            .exit_code,
        0
    );
}

#[tokio::test]
async fn both_fail_alike() {
    let both = Both::new(Place::with_credentials().await).await;
    let bucket = both.place.bucket.as_str();
    let place = &both.place;
    let missing = both.same(&["-a", "cats", "-m", bucket, "--once", "DIRECTORY"]);
    assert_eq!((missing.exit_code, missing.lines.len()), (1, 2));
    assert!(
        missing.lines[0].contains("\"cats/user.json\" not found in mint S3 bucket"),
        "{missing:?}"
    );
    let silent = both.same(&["-a", "cats", "-m", bucket, "--once", "-s", "DIRECTORY"]);
    assert_eq!((silent.exit_code, silent.lines.len()), (1, 2));
    for (words, exit_code) in [
        (&["--once"][..], 2),
        (&["--once", "--nonsense", "DIRECTORY"], 2),
        (&["--once", "-i", "soon", "DIRECTORY"], 2),
        (&["--help"], 0),
    ] {
        assert_eq!(both.same(words).exit_code, exit_code, "{words:?}");
    }
    let no_application = both.same(&["-m", bucket, "-f", "/nonexistent", "--once", "DIRECTORY"]);
    assert_eq!(
        (no_application.exit_code, no_application.lines),
        (1, vec!["ERROR: Usage Error: Application ID missing".to_owned()])
    );
    let no_bucket = both.same(&["-a", "pets", "-f", "/nonexistent", "--once", "DIRECTORY"]);
    assert_eq!(
        (no_bucket.exit_code, no_bucket.lines),
        (1, vec!["ERROR: Usage Error: Mint Bucket is not configured".to_owned()])
    );

    let keys = place.file("keys", "# pets:AKIA:x\ncats:AKIA:x\n");
    let no_keys = both.same(&["-a", "pets", "-m", bucket, "-c", &keys, "--once", "DIRECTORY"]);
    assert_eq!(no_keys.exit_code, 1);
    assert!(
        no_keys.lines[0].starts_with("ERROR: Usage Error: No AWS credentials found for application \"pets\" in"),
        "{no_keys:?}"
    );

    // What each says differs: the original prints a stack trace for each file.
    let nowhere = place.scratch("nowhere");
    let words = ["-a", "pets", "-m", bucket, "--once", nowhere.to_str().unwrap()];
    assert!(both.each(&words).iter().all(|shown| shown.exit_code == 1));
    assert!(!nowhere.exists());
}

#[tokio::test]
async fn both_look_up_keys_in_the_same_file() {
    let both = Both::new(Place::with_credentials().await).await;
    let environment = both.place.account.environment();
    let value = |name: &str| &environment.iter().find(|(key, _)| key == name).unwrap().1;
    let keys = format!(
        "# a comment\ncats:AKIA:x\n pets:{}:{}\npets:AKIAOTHER:x\n",
        value("AWS_ACCESS_KEY_ID"),
        value("AWS_SECRET_ACCESS_KEY")
    );
    let keys = both.place.file("keys", &keys);
    let shown = both.same(&[
        "-a",
        "pets",
        "-m",
        &both.place.bucket,
        "-c",
        &keys,
        "--once",
        "DIRECTORY",
    ]);
    assert_eq!((shown.exit_code, shown.files.len()), (0, 2));
}

#[tokio::test]
async fn each_takes_over_the_other_s_files() {
    let both = Both::new(Place::with_credentials().await).await;
    let bucket = both.place.bucket.as_str();
    both.same(&["-a", "pets", "-m", bucket, "--once", "DIRECTORY"]);
    let (ours, theirs) = (both.place.directory(), both.place.scratch("original"));
    let aside = both.place.scratch("aside");
    fs::rename(&ours, &aside).unwrap();
    fs::rename(&theirs, &ours).unwrap();
    fs::rename(&aside, &theirs).unwrap();
    assert_eq!(
        both.same(&["-a", "pets", "-m", bucket, "--once", "DIRECTORY"]).lines,
        [""; 0]
    );
}
