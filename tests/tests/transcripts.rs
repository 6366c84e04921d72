//! The chapters of the user's guide that show what to type and what happens then: it does happen.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use stups_testkit::{Account, AwsApi};
use stups_tests::{Transcript, executable, home};

/// Every Markdown file below `directory`, in order.
fn chapters(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(chapters(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Runs a chapter as a person with an account of AWS's and an empty directory would.
async fn run(transcript: &Transcript, api: &AwsApi) -> Vec<String> {
    let account = Account::standard(api).await;
    let scratch = tempfile::tempdir().unwrap();
    let (directory, programs) = (scratch.path().join("work"), scratch.path().join("programs"));
    for made in [&directory, &programs] {
        fs::create_dir(made).unwrap();
    }
    symlink(executable("stups"), programs.join("senza")).unwrap();
    let mut environment: Vec<(String, String)> = home(scratch.path())
        .into_iter()
        .map(|(name, value)| match name {
            "PATH" => (name.to_owned(), format!("{}:{value}", programs.display())),
            _ => (name.to_owned(), value),
        })
        .collect();
    environment.extend(account.environment());
    transcript.run(&directory, &environment)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guide_shows_is_what_happens() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src");
    let api = AwsApi::shared().await;
    let mut tried = Vec::new();
    let mut differences = Vec::new();
    for chapter in chapters(&guide) {
        let name = chapter.strip_prefix(&guide).unwrap().display().to_string();
        let transcript =
            Transcript::read(&fs::read_to_string(&chapter).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        if transcript.is_empty() {
            continue;
        }
        let found = run(&transcript, api).await;
        differences.extend(found.into_iter().map(|difference| format!("{name}, {difference}")));
        tried.push(name);
    }
    for name in [
        "getting-started.md",
        "senza.md",
        "senza/deploying.md",
        "senza/traffic.md",
    ] {
        assert!(tried.iter().any(|tried| tried == name), "{name} shows nothing");
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}
