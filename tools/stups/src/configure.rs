//! The command.

use serde_json::json;
use stups_terminal::{ConfigFile, Failure, Terminal};
use stups_yaml::Value;
use url::Url;

use crate::autoconfig;
use crate::dns::Dns;
use crate::domain::Domain;
use crate::sections::Sections;

/// The DNS records that the originals read.
const COMPONENTS: [&str; 3] = ["zalando-token-cli", "zalando-aws-cli", "zalando-kubectl"];

/// How often a domain is tried before the command gives up.
const ROUNDS: usize = 3;

/// Arguments of `stups configure`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ConfigureArguments {
    /// The organisation's domain (stups.example.org), or the addresses of running services (<http://127.0.0.1:8080>)
    #[arg(value_name = "DOMAIN")]
    domains: Vec<String>,
    /// Ask nothing: fail where a question would be needed
    #[arg(long)]
    non_interactive: bool,
}

/// What was found, and how much it can be trusted.
struct Found {
    sections: Sections,
    /// whether it was read over TLS or from this machine: DNS records are not
    verified: bool,
}

/// Configures the tools.
pub async fn run(terminal: &Terminal, arguments: &ConfigureArguments) -> Result<(), Failure> {
    let found = match arguments.domains.as_slice() {
        [first, ..] if first.contains("://") => from_services(terminal, &arguments.domains).await?,
        [] | [_] => from_domain(terminal, arguments).await?,
        [_, second, ..] => {
            return Err(Failure::usage(format!(
                "One domain only, please, not also \"{second}\""
            )));
        }
    };
    confirm(terminal, &found, arguments.non_interactive)?;
    found.sections.write(terminal)
}

/// What running services say of themselves.
async fn from_services(terminal: &Terminal, addresses: &[String]) -> Result<Found, Failure> {
    let mut sections = Sections::default();
    for address in addresses {
        let url = stups_terminal::url(address)
            .and_then(|text| Url::parse(&text).map_err(|error| format!("\"{text}\" is no URL: {error}")))
            .map_err(Failure::usage)?;
        if url.scheme() != "https" && !is_on_this_machine(&url) {
            return Err(Failure::usage(format!(
                "{url} can be changed on its way: only services on this machine may go without https"
            )));
        }
        let action = terminal.action(&format!("Asking {url}.."));
        match services(&url).await {
            Ok(Some(found)) => {
                sections.extend(found);
                action.ok();
            }
            Ok(None) => return Err(action.fail("it is none of the services that can be configured")),
            Err(error) => return Err(action.fail(&error)),
        }
    }
    Ok(Found {
        sections,
        verified: true,
    })
}

async fn services(url: &Url) -> Result<Option<Sections>, String> {
    match autoconfig::document(url).await? {
        Some(sections) if !sections.is_empty() => Ok(Some(sections)),
        _ => autoconfig::service(url).await,
    }
}

/// What an organisation says about itself. A domain that does not work is asked for again, a few times.
async fn from_domain(terminal: &Terminal, arguments: &ConfigureArguments) -> Result<Found, Failure> {
    let dns = Dns::new().map_err(Failure::application)?;
    let mut given = arguments
        .domains
        .first()
        .cloned()
        .or_else(|| configured_domain(terminal));
    let mut default = None;
    for round in 1..=ROUNDS {
        let text = match given.take() {
            Some(text) => text,
            None => ask_domain(terminal, arguments.non_interactive, default.as_ref())?,
        };
        let domain = match Domain::parse(&text) {
            Ok(domain) if dns.exists(&domain).await => domain,
            Ok(_) | Err(_) => {
                terminal.info(&format!("\"{text}\" is not a valid domain. Please try again."));
                continue;
            }
        };
        if let Some(found) = from_valid_domain(terminal, &dns, &domain).await {
            return Ok(found);
        }
        terminal.info("Automatic configuration failed. Please check the entered STUPS domain.");
        let (suggestion, reason) = domain.suggestion();
        if round < ROUNDS && suggestion != domain {
            terminal.info(&format!("{reason} Did you mean {suggestion}?"));
            default = Some(suggestion);
        }
    }
    Err(Failure::application("No domain could be configured"))
}

fn configured_domain(terminal: &Terminal) -> Option<String> {
    let config = ConfigFile::new("stups", "stups").load_with_environment(terminal);
    config.get("domain").and_then(Value::as_str).map(str::to_owned)
}

fn ask_domain(terminal: &Terminal, non_interactive: bool, default: Option<&Domain>) -> Result<String, Failure> {
    if non_interactive {
        return Err(Failure::application("No valid domain was given"));
    }
    terminal.prompt(
        "Please enter your STUPS domain (e.g. \"stups.example.org\")",
        default.map(Domain::as_str),
    )
}

/// The document of the domain, else its DNS records. `None`, once it was said why, if Kio is not there.
async fn from_valid_domain(terminal: &Terminal, dns: &Dns, domain: &Domain) -> Option<Found> {
    let mut found = match from_document(terminal, domain).await {
        Some(sections) => Found {
            sections,
            verified: true,
        },
        None => Found {
            sections: from_records(terminal, dns, domain).await,
            verified: false,
        },
    };
    found
        .sections
        .extend(Sections::of("stups", &json!({"domain": domain.as_str()})));
    let kio = probe(terminal, &mut found.sections, "kio", domain).await;
    if let Err(error) = kio {
        terminal.error(&format!("ERROR: {error}"));
        return None;
    }
    // The originals stopped asking for it when it was retired, so it may be missing.
    if let Err(error) = probe(terminal, &mut found.sections, "pierone", domain).await {
        terminal.warning(&format!("Pier One is not configured: {error}"));
    }
    Some(found)
}

async fn from_document(terminal: &Terminal, domain: &Domain) -> Option<Sections> {
    let url = Url::parse(&format!("https://{domain}")).ok()?;
    let action = terminal.action(&format!("Trying {url}.well-known/stups-autoconfig.."));
    match autoconfig::document(&url).await {
        Ok(Some(sections)) if !sections.is_empty() => {
            action.ok();
            Some(sections)
        }
        Ok(_) => {
            action.warning("not there");
            None
        }
        Err(error) => {
            action.warning(&error);
            None
        }
    }
}

async fn from_records(terminal: &Terminal, dns: &Dns, domain: &Domain) -> Sections {
    let mut sections = Sections::default();
    for component in COMPONENTS {
        let action = terminal.action(&format!("Trying to autoconfigure {component}.."));
        match dns.autoconfig(component, domain).await {
            Ok(map) => {
                sections.add(component, map);
                action.ok();
            }
            Err(error) => action.warning(&error),
        }
    }
    sections
}

/// Whether the service is there: where the document says, else under its name in the domain. What is there is configured.
async fn probe(terminal: &Terminal, sections: &mut Sections, service: &str, domain: &Domain) -> Result<(), String> {
    let named = autoconfig::url_of(sections.get(service).and_then(|map| map.get("url")));
    let url = match named {
        Some(url) => url,
        None => Url::parse(&format!("https://{service}.{domain}")).map_err(|error| error.to_string())?,
    };
    let shown = url.as_str().trim_end_matches('/').to_owned();
    let action = terminal.action(&format!("Checking {shown}.."));
    match autoconfig::is_reached(&url).await {
        Ok(()) => {
            action.ok();
            sections.extend(Sections::of(service, &json!({"url": shown})));
            Ok(())
        }
        Err(error) => {
            action.warning("ERROR");
            Err(error)
        }
    }
}

/// Shows which values would change, and asks. What comes from DNS alone never changes a value without a question: anybody on
/// the way could have answered.
fn confirm(terminal: &Terminal, found: &Found, non_interactive: bool) -> Result<(), Failure> {
    let changes = found.sections.changes(terminal);
    if changes.is_empty() {
        return Ok(());
    }
    for change in &changes {
        terminal.info(&format!(
            "{} {}: {} becomes {}",
            change.section, change.key, change.from, change.to
        ));
    }
    let agreed = if non_interactive {
        found.verified
    } else {
        terminal.confirm("Do you want to change these values?", found.verified)?
    };
    if agreed {
        Ok(())
    } else {
        Err(Failure::application("Nothing was changed"))
    }
}

fn is_on_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_with(words: &[&str]) -> Result<(), Failure> {
        let (terminal, _) = Terminal::captured("");
        let arguments = ConfigureArguments {
            domains: words.iter().map(|&word| word.to_owned()).collect(),
            non_interactive: true,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(run(&terminal, &arguments))
    }

    #[test]
    fn an_address_without_tls_must_be_on_this_machine() {
        let failure = run_with(&["http://kio.example.org"]).unwrap_err();
        assert_eq!(failure.exit_code, 2);
        assert!(failure.message.contains("https"), "{failure}");
    }

    #[test]
    fn one_domain_is_enough() {
        assert_eq!(run_with(&["a.example.org", "b.example.org"]).unwrap_err().exit_code, 2);
    }
}
