//! Where everything but AWS is that a definition may need.

use std::path::PathBuf;

/// Addresses of services, and directories.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    /// list of Flatcar images, with `{channel}` and `{architecture}`
    pub(crate) coreos_feed: String,
    /// API of Spot by NetApp, without a slash at its end
    pub(crate) spot_api: String,
    /// directories with programs, plug-ins among them
    pub(crate) programs: Vec<PathBuf>,
}

impl Endpoints {
    /// The services' own addresses, or those in the environment: `SENZA_COREOS_FEED`, `SPOTINST_API_URL`; the directories of
    /// `PATH`.
    pub(crate) fn of_process() -> Self {
        let address = |variable: &str, default: &str| {
            std::env::var(variable)
                .ok()
                .filter(|address| !address.is_empty())
                .unwrap_or_else(|| default.to_owned())
                .trim_end_matches('/')
                .to_owned()
        };
        Self {
            coreos_feed: address(
                "SENZA_COREOS_FEED",
                "https://{channel}.release.flatcar-linux.net/{architecture}-usr/current/flatcar_production_ami_all.json",
            ),
            spot_api: address("SPOTINST_API_URL", "https://api.spotinst.io"),
            programs: std::env::var_os("PATH")
                .map(|path| std::env::split_paths(&path).collect())
                .unwrap_or_default(),
        }
    }
}
