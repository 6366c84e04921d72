//! The settings of a process: which services, where each listens, what each is told.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use stups_auth::TokenPlace;
use stups_server::{Environment, Limits, LogFormat, open_files_share};
use toml::{Table, Value};
use url::Url;

use crate::service::{Config, Name};
use crate::spelling::{hint, quoted};
use crate::{environment_variables, pierone_variables};

/// Where databases and keys are kept unless told otherwise.
const DATA_DIRECTORY: &str = "stups-data";

/// What was typed on the command line. It wins over everything.
#[derive(Debug, Default)]
pub(crate) struct Typed {
    pub(crate) services: Vec<Name>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) listen: Option<String>,
    pub(crate) insecure_no_auth: bool,
    pub(crate) insecure_plain_http: bool,
    pub(crate) log_format: Option<LogFormat>,
}

/// What to run.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) data_directory: PathBuf,
    pub(crate) log_format: Option<LogFormat>,
    pub(crate) insecure_no_auth: bool,
    pub(crate) insecure_plain_http: bool,
    /// In the order in which they start.
    pub(crate) services: Vec<ServiceSettings>,
}

/// What one service is told.
#[derive(Debug)]
pub(crate) struct ServiceSettings {
    pub(crate) name: Name,
    pub(crate) common: Common,
    pub(crate) config: Config,
}

/// The settings of the whole process in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct General {
    data_directory: Option<PathBuf>,
    log_format: Option<LogFormat>,
    /// Which services to run.
    services: Option<Vec<String>>,
}

/// The settings that every service has.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Common {
    /// Address and port: `0.0.0.0:8080`.
    pub(crate) listen: Option<String>,
    /// How callers reach the service.
    pub(crate) public_url: Option<Url>,
    /// The certificate chain (PEM).
    pub(crate) tls_certificate: Option<PathBuf>,
    /// The certificate's key (PEM).
    pub(crate) tls_key: Option<PathBuf>,
    /// Proxies that end TLS, and are believed about whom they forward for.
    pub(crate) trusted_proxies: Vec<IpAddr>,
    /// Web pages that may call the service; all when empty.
    pub(crate) cors_origins: Vec<String>,
    /// Where identity is.
    pub(crate) identity_url: Option<Url>,
    /// A foreign token info endpoint.
    pub(crate) tokeninfo_url: Option<Url>,
    /// Where that takes the token: `header` or `query`.
    pub(crate) tokeninfo_place: TokenPlace,
    /// The salt of identity's revocation feed.
    pub(crate) revocation_salt: Option<String>,
    /// How long a request may take.
    pub(crate) request_timeout_seconds: Option<u64>,
    /// How many bytes a body may have.
    pub(crate) body_bytes: Option<usize>,
    /// How many requests are worked on at once.
    pub(crate) concurrent_requests: Option<usize>,
    /// How many requests one caller may send in a minute.
    pub(crate) requests_per_minute: Option<u32>,
    /// How many connections there may be at once.
    pub(crate) connections: Option<usize>,
    /// How long a connection may wait for its next request.
    pub(crate) keep_alive_seconds: Option<u64>,
}

const COMMON: [&str; 16] = [
    "listen",
    "public_url",
    "tls_certificate",
    "tls_key",
    "trusted_proxies",
    "cors_origins",
    "identity_url",
    "tokeninfo_url",
    "tokeninfo_place",
    "revocation_salt",
    "request_timeout_seconds",
    "body_bytes",
    "concurrent_requests",
    "requests_per_minute",
    "connections",
    "keep_alive_seconds",
];

const GENERAL: [&str; 3] = ["data_directory", "log_format", "services"];

/// Reads the settings: defaults, the file, the environment, what was typed; the later wins.
pub(crate) fn read(
    file: Option<&Path>,
    variables: impl Iterator<Item = (String, String)>,
    typed: Typed,
) -> anyhow::Result<Settings> {
    let mut table = match file {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
            text.parse::<Table>()
                .map_err(|error| anyhow!("{}: {}", path.display(), error.message()))?
        }
        None => Table::new(),
    };
    let variables: Vec<_> = variables.collect();
    environment_variables::apply(&mut table, variables.iter().cloned());

    let mut tables = Vec::new();
    for name in Name::ALL {
        match table.remove(name.as_str()) {
            Some(Value::Table(service)) => tables.push((name, service)),
            Some(_) => bail!("{name} is not a table of settings"),
            None => tables.push((name, Table::new())),
        }
    }
    known_keys("", &table, &GENERAL, &Name::ALL.map(Name::as_str))?;
    let general: General = parse("", table)?;
    let wanted = wanted(&typed, &general)?;

    let mut services = Vec::new();
    for (name, mut service) in tables.into_iter().filter(|(name, _)| wanted.contains(name)) {
        if name == Name::Pierone {
            pierone_variables::apply(&mut service, &variables, wanted == [name])?;
        }
        services.push(service_settings(name, service)?);
    }
    apply_port(&mut services, &variables)?;
    apply_listen(&mut services, typed.listen)?;
    let data_directory = typed
        .data
        .or(general.data_directory)
        .unwrap_or_else(|| PathBuf::from(DATA_DIRECTORY));
    Ok(Settings {
        data_directory,
        log_format: typed.log_format.or(general.log_format),
        insecure_no_auth: typed.insecure_no_auth,
        insecure_plain_http: typed.insecure_plain_http,
        services,
    })
}

fn wanted(typed: &Typed, general: &General) -> anyhow::Result<Vec<Name>> {
    if !typed.services.is_empty() {
        return Ok(typed.services.clone());
    }
    let Some(names) = &general.services else {
        return Ok(Name::ALL.to_vec());
    };
    if names.is_empty() {
        bail!("services names none: there is nothing to run");
    }
    names
        .iter()
        .map(|name| {
            let found = Name::ALL.into_iter().find(|known| known.as_str() == name);
            found.ok_or_else(|| anyhow!("there is no service {name}{}", hint(name, Name::ALL.map(Name::as_str))))
        })
        .collect()
}

fn service_settings(name: Name, table: Table) -> anyhow::Result<ServiceSettings> {
    let (common, own): (Table, Table) = table.into_iter().partition(|(key, _)| COMMON.contains(&key.as_str()));
    let common: Common = parse(name.as_str(), common)?;
    if common.tls_certificate.is_some() != common.tls_key.is_some() {
        bail!("{name}.tls_certificate and {name}.tls_key belong together");
    }
    let config = match name {
        Name::Identity => Config::Identity(Box::new(parse(name.as_str(), own)?)),
        Name::Kio => Config::Kio(Box::new(parse(name.as_str(), own)?)),
        Name::Pierone => Config::Pierone(Box::new(parse(name.as_str(), own)?)),
        Name::Essentials => Config::Essentials(Box::new(parse(name.as_str(), own)?)),
        Name::Mint => Config::Mint(Box::new(parse(name.as_str(), own)?)),
    };
    Ok(ServiceSettings { name, common, config })
}

/// Refuses keys that nobody knows, with the nearest that somebody does.
fn known_keys(place: &str, table: &Table, known: &[&str], more: &[&str]) -> anyhow::Result<()> {
    for key in table.keys() {
        if !known.contains(&key.as_str()) {
            let names = known.iter().chain(more).copied();
            bail!("there is no setting {place}{key}{}", hint(key, names));
        }
    }
    Ok(())
}

/// Reads settings; says which is wrong, and why.
fn parse<T: DeserializeOwned>(place: &str, table: Table) -> anyhow::Result<T> {
    Value::Table(table).try_into().map_err(|error: toml::de::Error| {
        let message = error.message();
        let names = quoted(message);
        match names.split_first() {
            Some((unknown, expected)) if message.starts_with("unknown field") => {
                let known = expected
                    .iter()
                    .copied()
                    .chain(if place.is_empty() { [].iter() } else { COMMON.iter() }.copied());
                anyhow!("there is no setting {place}.{unknown}{}", hint(unknown, known))
            }
            _ => anyhow!("{place}: {error}"),
        }
    })
}

/// The originals' `HTTP_PORT`, for a process that runs one service.
fn apply_port(services: &mut [ServiceSettings], variables: &[(String, String)]) -> anyhow::Result<()> {
    let [only] = services else { return Ok(()) };
    let port = variables
        .iter()
        .find(|(name, value)| name == "HTTP_PORT" && !value.is_empty());
    if let (Some((_, port)), None) = (port, &only.common.listen) {
        let port: u16 = port.parse().map_err(|_| anyhow!("HTTP_PORT is not a port: {port}"))?;
        only.common.listen = Some(format!("127.0.0.1:{port}"));
    }
    Ok(())
}

fn apply_listen(services: &mut [ServiceSettings], listen: Option<String>) -> anyhow::Result<()> {
    let Some(listen) = listen else { return Ok(()) };
    if services.len() > 1 && !listen.ends_with(":0") {
        bail!("--listen is for one service, or ends in :0: two cannot listen on {listen}");
    }
    for service in services {
        service.common.listen = Some(listen.clone());
    }
    Ok(())
}

impl ServiceSettings {
    /// What the service is told about where it runs.
    pub(crate) fn environment(&self, settings: &Settings, public_url: Url) -> Environment {
        let common = &self.common;
        let defaults = Limits::default();
        let mut environment = Environment::new(&settings.data_directory, public_url);
        environment.identity_url.clone_from(&common.identity_url);
        environment.tokeninfo_url.clone_from(&common.tokeninfo_url);
        environment.tokeninfo_place = common.tokeninfo_place;
        if let Some(salt) = &common.revocation_salt {
            environment.revocation_salt.clone_from(salt);
        }
        environment.insecure_no_auth = settings.insecure_no_auth;
        environment.limits = Limits {
            request_timeout: common
                .request_timeout_seconds
                .map_or(defaults.request_timeout, Duration::from_secs),
            body_bytes: common.body_bytes.unwrap_or(defaults.body_bytes),
            concurrent_requests: common.concurrent_requests.unwrap_or(defaults.concurrent_requests),
            requests_per_minute: common.requests_per_minute,
            connections: common
                .connections
                .unwrap_or(defaults.connections)
                .min(open_files_share(settings.services.len()).unwrap_or(usize::MAX)),
            keep_alive: common
                .keep_alive_seconds
                .map_or(defaults.keep_alive, Duration::from_secs),
            cors_origins: common.cors_origins.clone(),
            trusted_proxies: common.trusted_proxies.clone(),
        };
        environment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(file: &str, variables: &[(&str, &str)], typed: Typed) -> anyhow::Result<Settings> {
        let directory = std::env::temp_dir().join(format!("stupsd-config-{:?}", std::thread::current().id()));
        std::fs::write(&directory, file)?;
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let result = read(Some(&directory), variables, typed);
        std::fs::remove_file(&directory)?;
        result
    }

    fn refused(file: &str) -> String {
        format!("{:#}", settings(file, &[], Typed::default()).unwrap_err())
    }

    #[test]
    fn nothing_at_all_is_everything_with_defaults() {
        let settings = read(None, std::iter::empty(), Typed::default()).unwrap();
        let names: Vec<_> = settings.services.iter().map(|service| service.name).collect();
        assert_eq!(names, Name::ALL);
        assert_eq!(settings.data_directory, Path::new("stups-data"));
    }

    #[test]
    fn what_is_typed_wins_over_variables_over_the_file() {
        let file = "data_directory = \"/file\"\nservices = [\"kio\"]\n[kio]\nlisten = \"127.0.0.1:1\"\n";
        let variables = [("STUPS_KIO_LISTEN", "127.0.0.1:2"), ("HTTP_PORT", "3")];
        let read = settings(file, &variables, Typed::default()).unwrap();
        assert_eq!(read.services[0].common.listen.as_deref(), Some("127.0.0.1:2"));
        let typed = Typed {
            listen: Some("127.0.0.1:4".to_owned()),
            data: Some("/typed".into()),
            ..Typed::default()
        };
        let read = settings(file, &variables, typed).unwrap();
        assert_eq!(read.services[0].common.listen.as_deref(), Some("127.0.0.1:4"));
        assert_eq!(read.data_directory, Path::new("/typed"));
        let read = settings("services = [\"kio\"]\n", &variables[1..], Typed::default()).unwrap();
        assert_eq!(read.services[0].common.listen.as_deref(), Some("127.0.0.1:3"));
    }

    #[test]
    fn an_unknown_setting_is_refused_with_the_nearest_known_one() {
        for (file, message) in [
            (
                "data_dir = \"x\"\n",
                "there is no setting data_dir, did you mean data_directory?",
            ),
            ("[koi]\nlisten = \"x\"\n", "there is no setting koi, did you mean kio?"),
            (
                "[kio]\nlisen = \"x\"\n",
                "there is no setting kio.lisen, did you mean listen?",
            ),
            (
                "[kio]\ndatabas = \"x\"\n",
                "there is no setting kio.databas, did you mean database?",
            ),
            ("[identity]\nqqq = 1\n", "there is no setting identity.qqq"),
            ("services = [\"koi\"]\n", "there is no service koi, did you mean kio?"),
        ] {
            assert_eq!(refused(file), message, "{file}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (file, part) in [
            ("[kio", "unclosed table"),
            ("kio = 1\n", "kio is not a table"),
            ("[kio]\npublic_url = \"x\"\n", "kio"),
            ("[kio]\ntls_key = \"x\"\n", "belong together"),
            ("[kio]\nadmin_users = \"jdoe\"\n", "jdoe"),
            ("[kio]\nbody_bytes = \"many\"\n", "body_bytes"),
            ("services = []\n", "nothing to run"),
        ] {
            let message = refused(file);
            assert!(message.contains(part), "{file}: {message}");
        }
        let missing = read(
            Some(Path::new("/no/such/file.toml")),
            std::iter::empty(),
            Typed::default(),
        );
        assert!(format!("{:#}", missing.unwrap_err()).starts_with("/no/such/file.toml cannot be read"));
    }

    #[test]
    fn two_services_cannot_listen_on_one_port() {
        let typed = |listen: &str| Typed {
            listen: Some(listen.to_owned()),
            ..Typed::default()
        };
        assert!(read(None, std::iter::empty(), typed("127.0.0.1:8080")).is_err());
        assert!(read(None, std::iter::empty(), typed("127.0.0.1:0")).is_ok());
    }
}
