//! Where the services other than AWS are that a definition may need.

/// Addresses of services.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    /// list of Flatcar images, with `{channel}` and `{architecture}`
    pub(crate) coreos_feed: String,
    /// API of Spot by NetApp, without a slash at its end
    pub(crate) spot_api: String,
}

impl Endpoints {
    /// The services' own addresses, or those in the environment: `SENZA_COREOS_FEED`, `SENZA_SPOTINST_API`.
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
            spot_api: address("SENZA_SPOTINST_API", "https://api.spotinst.io"),
        }
    }
}
