//! The OpenAPI documents, as files: what is checked in under `docs/openapi/`.

use std::path::Path;

use anyhow::Context as _;

use crate::config::{Typed, read};
use crate::service::build;

/// Builds every service on an empty directory and writes its document.
pub(crate) fn write(directory: &Path) -> anyhow::Result<()> {
    let scratch = directory.join(".scratch");
    std::fs::create_dir_all(&scratch).with_context(|| format!("{} cannot be made", scratch.display()))?;
    let typed = Typed {
        data: Some(scratch.clone()),
        insecure_no_auth: true,
        ..Typed::default()
    };
    let settings = read(None, std::iter::empty(), typed)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let written = runtime.block_on(async {
        for service in &settings.services {
            let url = format!("http://{}.example.org", service.name).parse()?;
            let built = build(&service.config, &service.environment(&settings, url), None)
                .await?
                .built;
            let path = directory.join(format!("{}.json", service.name));
            let text = serde_json::to_string_pretty(&built.openapi)?;
            std::fs::write(&path, text + "\n").with_context(|| format!("{} cannot be written", path.display()))?;
        }
        anyhow::Ok(())
    });
    drop(runtime);
    std::fs::remove_dir_all(&scratch)?;
    written
}
