//! IAM roles.

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value as Json, json};

use super::Account;
use crate::Error;

impl Account {
    /// The inline policies of a role as `{PolicyName, PolicyDocument}`, in IAM's order. Managed policies are not among them.
    pub(crate) async fn inline_policies(&self, role: &str) -> Result<Vec<Json>, Error> {
        self.role_policies
            .get(
                role,
                Box::pin(async {
                    let iam = &self.online()?.iam();
                    let pages = iam.list_role_policies().role_name(role).into_paginator().items().send();
                    let names: Result<Vec<String>, _> = pages.collect().await;
                    let names = names.map_err(|error| match Error::from(error) {
                        Error::Aws(aws) if aws.has_code("NoSuchEntity") => {
                            Error::Fatal(format!("IAM role \"{role}\" does not exist"))
                        }
                        other => other,
                    })?;
                    stream::iter(names)
                        .map(|name| async move {
                            let policy = iam.get_role_policy().role_name(role).policy_name(&name).send().await?;
                            let document = policy_document(&policy.policy_document).ok_or_else(|| {
                                Error::Fatal(format!("Policy {name} of IAM role {role} is not readable as JSON"))
                            })?;
                            Ok(json!({"PolicyName": name, "PolicyDocument": document}))
                        })
                        .buffered(8)
                        .try_collect()
                        .await
                }),
            )
            .await
    }
}

/// A policy document as IAM sends it: JSON, percent-encoded (RFC 3986).
fn policy_document(encoded: &str) -> Option<Json> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).filter(|_| first == b'%');
        let decoded = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(decoded.unwrap_or(first));
        rest = if decoded.is_some() {
            tail.get(2..).unwrap_or_default()
        } else {
            tail
        };
    }
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_percent_encoded_json() {
        assert_eq!(
            policy_document("%7B%22Version%22%3A%20%222012-10-17%22%7D"),
            Some(json!({"Version": "2012-10-17"}))
        );
        assert_eq!(policy_document("{\"a\": \"100%\"}"), Some(json!({"a": "100%"})));
        assert_eq!(policy_document("%7"), None);
    }
}
