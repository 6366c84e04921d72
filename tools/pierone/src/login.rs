//! `pierone login`

use std::env;
use std::env::consts::EXE_SUFFIX;

use stups_terminal::{Failure, Terminal};

use crate::context::{config_file, configured, registry, registry_url};
use crate::docker_config::{DockerConfig, HELPER};

/// Has docker ask the credential helper, and remembers the registry unless it was named by `--url`.
pub(crate) async fn run(terminal: &Terminal, option: Option<&str>) -> Result<(), Failure> {
    let url = registry_url(terminal, option).await?;
    let helper = format!("docker-credential-{HELPER}{EXE_SUFFIX}");
    let path = env::var_os("PATH").unwrap_or_default();
    if !env::split_paths(&path).any(|directory| directory.join(&helper).is_file()) {
        return Err(Failure::application(format!(
            "{helper}, which docker asks for tokens, is in no directory of PATH. \"stups link DIRECTORY\" puts it there."
        )));
    }
    if option.is_none() && configured(terminal, "url")?.as_ref() != Some(&url) {
        let store = config_file().update(|content| {
            content.insert("url".into(), url.as_str().into());
        });
        store.map_err(|error| Failure::application(format!("Can't remember the registry: {error}")))?;
    }
    let mut config = DockerConfig::load()?;
    config.use_helper(&registry(&url))?;
    config.store()?;
    terminal.ok(&format!(
        "Authentication configured for {url}, you don't need to run pierone login anymore!"
    ));
    Ok(())
}
