//! Which generation of AWS resources a template is made of.

/// The one switch between the original's output and today's (`--compat`, `SENZA_COMPAT`, `SenzaInfo.Compatibility`, the
/// configuration file; contract section 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Compatibility {
    /// The JSON value that senza 2.1 generates: launch configurations, IMDSv1 allowed.
    #[value(name = "2.1")]
    Senza2,
    /// What AWS gives new accounts: launch templates, IMDSv2 required, gp3 encrypted volumes.
    #[default]
    #[value(name = "3")]
    Senza3,
}
