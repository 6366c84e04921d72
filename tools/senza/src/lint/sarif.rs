//! Findings as code hosts read them: SARIF 2.1.0 (OASIS).

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::{Finding, Rule, Severity};

/// The log of one run.
pub(crate) fn log(findings: &[Finding]) -> Json {
    let rules: Vec<Json> = Rule::ALL
        .iter()
        .map(|rule| {
            json!({
                "id": rule.name(),
                "shortDescription": {"text": rule.about()},
                "defaultConfiguration": {"level": level(rule.severity())},
            })
        })
        .collect();
    let results: Vec<Json> = findings.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "senza lint", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(finding: &Finding) -> Json {
    let message = match &finding.fix {
        Some(fix) => format!("{} (fix: {fix})", finding.message),
        None => finding.message.clone(),
    };
    json!({
        "ruleId": finding.rule.name(),
        "ruleIndex": Rule::ALL.iter().position(|rule| *rule == finding.rule),
        "level": level(finding.severity),
        "message": {"text": message},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(&finding.file)},
            "region": {"startLine": finding.line, "startColumn": finding.column},
        }}],
    })
}

fn level(severity: Severity) -> &'static str {
    severity.name()
}

/// A path as a relative reference of RFC 3986, an absolute one with its scheme; a URL as it is.
fn uri(file: &str) -> String {
    if file.contains("://") {
        return file.to_owned();
    }
    let mut uri = if file.starts_with('/') {
        "file://".to_owned()
    } else {
        String::new()
    };
    for byte in file.strip_prefix("./").unwrap_or(file).bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_references() {
        for (file, expected) in [
            ("./deploy/a b.yaml", "deploy/a%20b.yaml"),
            ("/x/ä.yaml", "file:///x/%C3%A4.yaml"),
            ("https://example.org/a.yaml", "https://example.org/a.yaml"),
        ] {
            assert_eq!(uri(file), expected);
        }
    }
}
