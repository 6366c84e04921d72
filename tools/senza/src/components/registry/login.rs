//! The credentials that `docker login` has stored.

use std::path::PathBuf;

use serde_json::Value as Json;

/// `user:password` in base64, as it goes into an `Authorization: Basic` header, for the registry at this host; nothing when
/// nobody has logged in, or when a credential helper keeps it.
pub(super) fn stored(registry: &str) -> Option<String> {
    let directory = std::env::var_os("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")))?;
    let content = std::fs::read(directory.join("config.json")).ok()?;
    of_registry(&serde_json::from_slice(&content).ok()?, registry)
}

fn of_registry(configuration: &Json, registry: &str) -> Option<String> {
    let logins = configuration.get("auths")?.as_object()?;
    let login = [registry.to_owned(), format!("https://{registry}")]
        .iter()
        .find_map(|name| logins.get(name))?;
    let credentials = login.get("auth")?.as_str()?;
    (!credentials.is_empty()).then(|| credentials.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn logins_are_found_by_host() {
        let configuration = json!({"auths": {"a.io": {"auth": "YTpi"}, "https://b.io": {"auth": "Yjpj"}, "c.io": {}}});
        assert_eq!(of_registry(&configuration, "a.io").as_deref(), Some("YTpi"));
        assert_eq!(of_registry(&configuration, "b.io").as_deref(), Some("Yjpj"));
        assert_eq!(of_registry(&configuration, "c.io"), None);
        assert_eq!(of_registry(&configuration, "d.io"), None);
        assert_eq!(of_registry(&json!([]), "a.io"), None);
    }
}
