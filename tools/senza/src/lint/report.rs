//! Findings as people and programs read them.

use std::fmt::Write as _;

use stups_terminal::Row;

use super::Finding;
use crate::styles;

/// The columns of the table.
pub(crate) fn columns() -> [&'static str; 7] {
    ["file", "line", "column", "severity", "rule", "message", "fix"]
}

/// A row per finding.
pub(crate) fn rows(findings: &[Finding]) -> Vec<Row> {
    findings
        .iter()
        .map(|finding| {
            styles::row([
                ("file", finding.file.as_str().into()),
                ("line", finding.line.into()),
                ("column", finding.column.into()),
                ("severity", finding.severity.name().into()),
                ("rule", finding.rule.name().into()),
                ("message", finding.message.as_str().into()),
                ("fix", finding.fix.clone().into()),
            ])
        })
        .collect()
}

/// A line per finding in the form that editors know, `file:line:column: severity: message [rule]`, and a line with the fix.
pub(crate) fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let Finding {
            file,
            line,
            column,
            message,
            ..
        } = finding;
        let (severity, rule) = (finding.severity.name(), finding.rule.name());
        let _ = writeln!(text, "{file}:{line}:{column}: {severity}: {message} [{rule}]");
        if let Some(fix) = &finding.fix {
            let _ = writeln!(text, "    fix: {fix}");
        }
    }
    text
}
