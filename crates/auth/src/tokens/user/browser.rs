//! Showing a page to the person at this machine.

use std::env;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::sync::oneshot;
use url::Url;

/// A browser that is going to fail does so sooner.
const STARTUP: Duration = Duration::from_secs(2);

/// Whether a page can be shown here: a browser is named, or there is a display and nobody is far away.
pub(crate) fn is_likely() -> bool {
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    likely(set)
}

fn likely(set: impl Fn(&str) -> bool) -> bool {
    if set("BROWSER") {
        return true;
    }
    let far_away = set("SSH_CONNECTION") || set("SSH_TTY");
    let display = !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY");
    display && !far_away
}

/// Opens the address in `$BROWSER` or the system's browser. Whether one was opened.
pub(crate) async fn open(url: &Url) -> bool {
    for mut command in commands(env::var("BROWSER").ok().as_deref(), url) {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(mut child) = command.spawn() else { continue };
        let (sender, ended) = oneshot::channel();
        // A browser may run for as long as it likes; somebody has to wait for it, or it stays as a zombie.
        std::thread::spawn(move || {
            let opened = child.wait().is_ok_and(|status| status.success());
            // Whoever asked may have gone on already.
            let _ = sender.send(opened);
        });
        match tokio::time::timeout(STARTUP, ended).await {
            Ok(Ok(false)) => (),
            Ok(_) | Err(_) => return true,
        }
    }
    false
}

/// What to try, in order: `$BROWSER` is a list separated by colons, each with `%s` for the address or the address behind it.
fn commands(browsers: Option<&str>, url: &Url) -> Vec<Command> {
    let mut commands = Vec::new();
    let separator = if cfg!(windows) { ';' } else { ':' };
    for browser in browsers.unwrap_or_default().split(separator) {
        let mut words = browser.split_whitespace().filter(|word| *word != "&");
        let Some(program) = words.next() else { continue };
        let mut command = Command::new(program);
        let mut named = false;
        for word in words {
            named |= word.contains("%s");
            command.arg(word.replace("%s", url.as_str()));
        }
        if !named {
            command.arg(url.as_str());
        }
        commands.push(command);
    }
    if commands.is_empty() {
        let mut command = if cfg!(target_os = "macos") {
            Command::new("open")
        } else if cfg!(windows) {
            let mut command = Command::new("rundll32");
            command.arg("url.dll,FileProtocolHandler");
            command
        } else {
            Command::new("xdg-open")
        };
        command.arg(url.as_str());
        commands.push(command);
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(browsers: Option<&str>) -> Vec<Vec<String>> {
        let url = "http://x/?a=b".parse().unwrap();
        let text = |word: &std::ffi::OsStr| word.to_string_lossy().into_owned();
        commands(browsers, &url)
            .iter()
            .map(|command| {
                std::iter::once(command.get_program())
                    .chain(command.get_args())
                    .map(text)
                    .collect()
            })
            .collect()
    }

    #[test]
    fn the_address_is_the_last_word_or_in_place_of_its_mark() {
        assert_eq!(words(Some("./script.sh")), [["./script.sh", "http://x/?a=b"]]);
        assert_eq!(
            words(Some("firefox --new=%s:lynx &")),
            [vec!["firefox", "--new=http://x/?a=b"], vec!["lynx", "http://x/?a=b"]]
        );
        if cfg!(target_os = "linux") {
            assert_eq!(words(None), [["xdg-open", "http://x/?a=b"]]);
            assert_eq!(words(Some(" ")), [["xdg-open", "http://x/?a=b"]]);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn without_display_or_from_far_away_there_is_no_browser() {
        let with = |names: &'static [&str]| likely(|name| names.contains(&name));
        assert!(!with(&[]));
        assert!(with(&["DISPLAY"]) && with(&["WAYLAND_DISPLAY"]));
        assert!(!with(&["DISPLAY", "SSH_CONNECTION"]));
        assert!(with(&["SSH_CONNECTION", "BROWSER"]));
    }

    #[tokio::test]
    async fn a_command_that_fails_opens_nothing() {
        let url: Url = "http://x/".parse().unwrap();
        let mut commands = commands(Some("/nonexistent/browser"), &url);
        assert!(commands[0].spawn().is_err());
    }
}
