//! Whether there is a newer release, asked of a feed that the configuration file names.

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value as Json;
use stups_terminal::{OutputFormat, Terminal, write_private};

use crate::http;
use crate::settings::{Settings, boolean};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Set, it switches the check off.
const OPT_OUT: &str = "SENZA_NO_UPDATE_CHECK";
/// How long an answer counts.
const LIFETIME: Duration = Duration::from_hours(24);
/// Nobody waits longer for it.
const PATIENCE: Duration = Duration::from_secs(1);
/// A feed with all releases of a project is long.
const LARGEST_FEED: usize = 8 << 20;
const LONGEST_VERSION: usize = 64;

/// Warns on stderr when the feed knows a newer release. Whatever goes wrong is nobody's business but the feed's.
pub(crate) async fn check(terminal: &Terminal, settings: &Settings) {
    let Some(feed) = feed(terminal.stdout_is_terminal(), |name| std::env::var_os(name), settings) else {
        return;
    };
    let Some(newest) = newest(feed, &cache(settings)).await else {
        return;
    };
    if is_newer(&newest, VERSION) {
        // In any other format than text messages go to stderr.
        terminal.with_format(OutputFormat::Json).warning(&format!(
            "There is a newer release of Senza: {newest}. This is {VERSION}."
        ));
    }
}

/// The feed to ask, if a person looks at it and nobody switched it off.
fn feed(stdout_is_terminal: bool, environment: impl Fn(&str) -> Option<OsString>, settings: &Settings) -> Option<&str> {
    let is_set = |name| environment(name).is_some_and(|value| !value.is_empty());
    let is_off = settings.value("updates", "check").and_then(boolean) == Some(false);
    if !stdout_is_terminal || is_off || is_set("CI") || is_set(OPT_OUT) {
        return None;
    }
    settings.text("updates", "feed")
}

fn cache(settings: &Settings) -> PathBuf {
    settings.path().with_file_name("newest_version")
}

/// The newest release, from the cache while that is young.
async fn newest(feed: &str, cache: &Path) -> Option<String> {
    let known = std::fs::read_to_string(cache).ok();
    let known = known.as_deref().and_then(|text| version(text.trim()));
    if known.is_some() && is_young(cache) {
        return known;
    }
    let answer = http::get_limited(feed, &[], PATIENCE, LARGEST_FEED).await.ok();
    let found = answer.and_then(|bytes| in_feed(&serde_json::from_slice(&bytes).ok()?));
    // A feed that does not answer costs its second once a day, not with every command.
    let kept = found.clone().or(known).unwrap_or_else(|| VERSION.to_owned());
    let _ = write_private(cache, format!("{kept}\n").as_bytes());
    found
}

fn is_young(cache: &Path) -> bool {
    let written = std::fs::metadata(cache).and_then(|metadata| metadata.modified());
    written.is_ok_and(|written| {
        let age = SystemTime::now().duration_since(written);
        age.is_ok_and(|age| age < LIFETIME)
    })
}

/// The newest release that a feed names: a Python package index's, a GitHub repository's, or just a version.
fn in_feed(feed: &Json) -> Option<String> {
    let named = |value: &Json| value.as_str().and_then(version);
    let is_release = |release: &&Json| {
        let is = |key: &str| release.get(key).and_then(Json::as_bool).unwrap_or(false);
        !is("draft") && !is("prerelease")
    };
    if let Some(releases) = feed.as_array() {
        let versions = releases
            .iter()
            .filter(is_release)
            .filter_map(|release| named(release.get("tag_name")?));
        return versions.reduce(|one, other| if is_newer(&other, &one) { other } else { one });
    }
    let places = [feed.pointer("/info/version"), feed.get("tag_name"), feed.get("version")];
    places.into_iter().flatten().find_map(named)
}

/// A version, if it looks like one: it is shown on a terminal.
fn version(text: &str) -> Option<String> {
    let text = text.trim_start_matches(['v', 'V']);
    let is_sound = text.starts_with(|character: char| character.is_ascii_digit())
        && text.len() <= LONGEST_VERSION
        && text
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || ".-+_".contains(character));
    is_sound.then(|| text.to_owned())
}

/// A part of a version. Words (`rc`, `alpha`) come before numbers.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Word(String),
    Number(u64),
}

/// Whether `one` is a later version than `other`. Numbers count as such: 0.42 is later than 0.7; candidates come before their release.
fn is_newer(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (parts(one), parts(other));
    let length = one.len().max(other.len());
    one.resize_with(length, || Part::Number(0));
    other.resize_with(length, || Part::Number(0));
    one > other
}

fn parts(version: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = version.split('+').next().unwrap_or_default();
    while let Some(first) = rest.chars().next() {
        let kind = |character: char| (character.is_ascii_digit(), character.is_ascii_alphabetic());
        let end = rest
            .find(|character| kind(character) != kind(first))
            .unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        if first.is_ascii_digit() {
            parts.push(Part::Number(part.parse().unwrap_or(u64::MAX)));
        } else if first.is_ascii_alphabetic() {
            parts.push(Part::Word(part.to_lowercase()));
        }
        rest = after;
    }
    parts
}
