//! What is wrong with a definition, all of it at once, with line and column, and without asking AWS.

mod account;
mod cloudformation;
mod components;
mod dated;
mod document;
mod info;
mod names;
mod parameters;
mod report;
mod rules;
mod sarif;
mod schemas;
mod secrets;
mod shape;
mod taupage;
mod templates;
#[cfg(test)]
mod tests;

use crate::account::Snapshot;
use crate::template::Definition;
use document::Document;
pub(crate) use report::{columns, rows, text};
pub(crate) use rules::{Rule, Severity};
pub(crate) use sarif::log as sarif_log;
pub(crate) use schemas::{SchemaSource, Schemas, check as check_schemas, types_of};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// the path or URL of the definition
    pub(crate) file: String,
    /// 1-based
    pub(crate) line: usize,
    /// 1-based, in characters
    pub(crate) column: usize,
    pub(crate) rule: Rule,
    pub(crate) severity: Severity,
    /// what is wrong
    pub(crate) message: String,
    /// what would be right
    pub(crate) fix: Option<String>,
}

/// Everything that is wrong with the definition `text`; `file` is what it is called, `account` one that was saved, to look names up in.
/// In the order of the text.
pub(crate) fn lint(file: &str, text: &str, account: Option<&Snapshot>) -> Vec<Finding> {
    let outline = match stups_yaml::Outline::read(text) {
        Ok(outline) => outline,
        Err(error) => {
            return vec![Finding {
                file: file.to_owned(),
                line: error.line,
                column: error.column,
                rule: Rule::Syntax,
                severity: Rule::Syntax.severity(),
                message: error.message,
                fix: None,
            }];
        }
    };
    let mut document = Document::new(file, text, &outline);
    document.yaml_errors();
    if shape::check(&mut document) {
        info::check(&mut document);
        parameters::check(&mut document);
        components::check(&mut document);
        taupage::check(&mut document);
        templates::check(&mut document);
        cloudformation::check(&mut document);
        dated::check(&mut document);
        secrets::check(&mut document);
        names::check(&mut document);
        if let Some(account) = account {
            account::check(&mut document, account);
        }
    }
    let mut findings = document.into_findings();
    if findings.iter().all(|finding| finding.severity != Severity::Error) {
        // Whatever else the commands refuse is a mistake too.
        if let Err(error) = Definition::new(file, outline.value.clone()) {
            findings.push(of_whole_file(file, Rule::Shape, &error.to_string()));
        }
    }
    in_order(findings)
}

/// In the order of the text, each once.
fn in_order(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| (finding.line, finding.column, finding.rule));
    findings.dedup();
    findings
}

/// That the definition `file` could not be made into a template, and what to do.
pub(crate) fn not_generated(file: &str, reason: &str, fix: Option<String>) -> Finding {
    Finding {
        fix,
        ..of_whole_file(file, Rule::Generated, reason)
    }
}

fn of_whole_file(file: &str, rule: Rule, message: &str) -> Finding {
    Finding {
        file: file.to_owned(),
        line: 1,
        column: 1,
        rule,
        severity: rule.severity(),
        message: message.to_owned(),
        fix: None,
    }
}
