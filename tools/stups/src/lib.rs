//! `stups configure`: configures every tool for an organisation (contract cli-conventions 2.11).
//!
//! What there is to configure is found in a document that the organisation serves at
//! `https://<domain>/.well-known/stups-autoconfig`, else in the DNS records that the originals read. It is written into the files
//! that our tools and the originals share.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod autoconfig;
mod configure;
mod dns;
mod domain;
mod sections;

pub use configure::{ConfigureArguments, run};
