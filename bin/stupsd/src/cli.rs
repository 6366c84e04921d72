//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use stups_server::LogFormat;

use crate::config::{self, Typed};
use crate::service::Name;
use crate::{documents, encrypted_variables, run};

/// Run the STUPS services: identity, Kio and Pier One
///
/// Without arguments, all of them run in one process on this machine's loopback address, keep what they know in ./stups-data, and
/// say where they listen. Settings are read from --config and from environment variables STUPS_SERVICE_KEY (STUPS_KIO_DATABASE).
#[derive(Debug, Parser)]
#[command(name = "stupsd", version)]
pub(crate) struct Arguments {
    /// Which services to run; all by default
    #[arg(value_name = "SERVICE")]
    services: Vec<Name>,
    /// Read settings from this file (TOML)
    #[arg(short, long, value_name = "FILE", env = "STUPS_CONFIG")]
    config: Option<PathBuf>,
    /// Keep databases and keys in this directory
    #[arg(short, long, value_name = "DIR", env = "STUPS_DATA")]
    data: Option<PathBuf>,
    /// Listen on this address: of the only service, or with port 0 for all
    #[arg(short, long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Let everybody in, as a developer who may do everything
    #[arg(long)]
    insecure_no_auth: bool,
    /// Listen on other addresses than loopback without TLS
    #[arg(long)]
    insecure_plain_http: bool,
    /// Read the settings, say whether they can be used, and end
    #[arg(long)]
    check_config: bool,
    /// How log lines look; JSON unless standard error is a terminal
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<Format>,
    /// Write the OpenAPI documents into this directory, and end
    #[arg(long, value_name = "DIR", hide = true)]
    write_openapi: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Json,
    Human,
}

impl Arguments {
    /// Does what was typed.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if let Some(directory) = &self.write_openapi {
            return documents::write(directory);
        }
        let check = self.check_config;
        let typed = Typed {
            services: self.services,
            data: self.data,
            listen: self.listen,
            insecure_no_auth: self.insecure_no_auth,
            insecure_plain_http: self.insecure_plain_http,
            log_format: self.log_format.map(|format| match format {
                Format::Json => LogFormat::Json,
                Format::Human => LogFormat::Human,
            }),
        };
        let variables = encrypted_variables::decrypted(std::env::vars().collect())?;
        let settings = config::read(self.config.as_deref(), variables.into_iter(), typed)?;
        if check {
            println!("The settings can be used.");
            return Ok(());
        }
        run::run(settings)
    }
}
