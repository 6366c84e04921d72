//! What a person who starts the services is told.

use std::fmt::Write as _;

use secrecy::ExposeSecret as _;
use url::Url;

use crate::service::{Administrator, Name};

/// A service that can be called.
pub(crate) struct Running {
    pub(crate) name: Name,
    pub(crate) url: Url,
}

/// One line per service; after the first start also how to log in, and three commands to try.
pub(crate) fn welcome(running: &[Running], administrator: Option<&Administrator>) -> String {
    let mut text = String::new();
    for Running { name, url } in running {
        let _ = writeln!(text, "{:<10} {}", name.as_str(), bare(url));
    }
    if let Some(administrator) = administrator {
        let user = administrator.name.rsplit('/').next().unwrap_or(&administrator.name);
        let _ = writeln!(
            text,
            "\nAdministrator: user {user}, password {} (shown only now)",
            administrator.password.expose_secret()
        );
    }
    let url = |name: Name| {
        running
            .iter()
            .find(|service| service.name == name)
            .map(|service| bare(&service.url))
    };
    if let (Some(identity), Some(kio)) = (url(Name::Identity), url(Name::Kio)) {
        let _ = write!(
            text,
            "\nTry:\n  stups configure {identity} {kio}\n  stups zign token uid\n  stups kio applications list\n"
        );
    }
    text
}

fn bare(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_service_the_login_once_and_three_commands() {
        let running = [
            Running {
                name: Name::Identity,
                url: "http://127.0.0.1:8081".parse().unwrap(),
            },
            Running {
                name: Name::Kio,
                url: "http://127.0.0.1:8080".parse().unwrap(),
            },
        ];
        let administrator = Administrator {
            name: "/employees/admin".to_owned(),
            password: "s3cret".into(),
        };
        let text = welcome(&running, Some(&administrator));
        assert!(
            text.starts_with("identity   http://127.0.0.1:8081\nkio        http://127.0.0.1:8080\n"),
            "{text}"
        );
        assert!(text.contains("user admin, password s3cret"), "{text}");
        assert_eq!(text.split_once("Try:\n").unwrap().1.lines().count(), 3);
        assert!(!welcome(&running, None).contains("password"));
        assert_eq!(welcome(&running[1..], None), "kio        http://127.0.0.1:8080\n");
    }
}
