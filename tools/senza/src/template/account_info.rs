//! The `AccountInfo` part of a template's context: only what the templates ask for is looked up.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use stups_yaml::{Key, Map, Value};

use super::mustache;
use crate::Error;
use crate::account::Account;

/// Everything that `AccountInfo` can tell.
pub(crate) const NAMES: [&str; 7] = [
    "Region",
    "AccountID",
    "AccountAlias",
    "TeamID",
    "Domain",
    "VpcID",
    "MintBucket",
];

/// The `AccountInfo` names among the tags' `names`.
fn wanted(names: &BTreeSet<String>) -> Vec<&'static str> {
    let asked = |name: &str| {
        names.iter().any(|tag| {
            let mut parts = tag.split('.');
            match parts.next() {
                Some("AccountInfo") => parts.next() == Some(name),
                // {{#AccountInfo}}{{Region}}{{/AccountInfo}}
                first => first == Some(name) && names.contains("AccountInfo"),
            }
        })
    };
    NAMES.into_iter().filter(|name| asked(name)).collect()
}

/// Looks up what the tags' `names` need, all at the same time.
pub(crate) async fn look_up(account: &Account, names: &BTreeSet<String>) -> Result<Map, Error> {
    let answers = try_join_all(wanted(names).into_iter().map(async |name| {
        let answer = account.info(name).await?;
        Ok::<_, Error>((name, answer))
    }))
    .await?;
    Ok(answers
        .into_iter()
        .filter_map(|(name, answer)| Some((Key::from(name), Value::from(&answer?))))
        .collect())
}

/// The same error; when it is about a name in `AccountInfo`, with all the names there are instead of those looked up.
pub(crate) fn with_all_names(error: mustache::Error) -> mustache::Error {
    match error {
        mustache::Error::Unknown { name, .. } if name.starts_with("AccountInfo.") => mustache::Error::Unknown {
            name,
            known: NAMES.iter().map(|known| format!("AccountInfo.{known}")).collect(),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted_in(tags: &[&str]) -> Vec<&'static str> {
        wanted(&tags.iter().map(|tag| (*tag).to_owned()).collect())
    }

    #[test]
    fn only_what_is_asked_for() {
        assert!(wanted_in(&["Arguments.Region", "SenzaInfo.StackName", "Region"]).is_empty());
        assert_eq!(
            wanted_in(&["AccountInfo.Region", "AccountInfo.TeamID"]),
            ["Region", "TeamID"]
        );
        assert_eq!(wanted_in(&["AccountInfo", "Domain", "Other"]), ["Domain"]);
        assert!(wanted_in(&["AccountInfo.Regions"]).is_empty());
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let error = with_all_names(mustache::Error::Unknown {
            name: "AccountInfo.VpcId".to_owned(),
            known: vec![],
        });
        assert_eq!(
            error.to_string(),
            "\"AccountInfo.VpcId\" is not defined, did you mean \"AccountInfo.VpcID\"?"
        );
    }
}
