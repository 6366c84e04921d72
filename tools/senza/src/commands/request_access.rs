//! Asking for SSH access to instances through `piu`.

use std::io::ErrorKind;
use std::process::Command;

use futures::stream::{StreamExt, TryStreamExt};
use stups_aws::Session;

use crate::Error;
use crate::route53::list_hosted_zones;

/// The SSH bastion of the region: the first hosted zone's `odd-<region>.<zone>`, if any has such a record.
pub(super) async fn find_odd_host(session: &Session) -> Result<Option<String>, Error> {
    let route53 = session.route53();
    let zones = list_hosted_zones(&route53).await?;
    let found: Vec<Option<String>> = futures::stream::iter(zones)
        .map(|zone| {
            let route53 = route53.clone();
            let name = format!("odd-{}.{}", session.region(), zone.name);
            async move {
                let records = route53
                    .list_resource_record_sets()
                    .hosted_zone_id(zone.id)
                    .start_record_name(&name)
                    .max_items(1)
                    .send()
                    .await?;
                let exists = records
                    .resource_record_sets()
                    .iter()
                    .any(|record| record.name() == name);
                Ok::<_, Error>(exists.then(|| name.trim_end_matches('.').to_owned()))
            }
        })
        .buffered(4)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().next())
}

/// Runs `piu request-access` for one host, on the person's terminal. What piu makes of it is between piu and the person.
pub(super) fn request_access(host: &str, reason: &str, odd_host: Option<&str>, connect: bool) -> Result<(), Error> {
    match Command::new("piu").args(piu_arguments(host, reason, odd_host, connect)).status() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::CommandNotFound {
            command: "piu".to_owned(),
            hint: "piu is one of the STUPS tools: install it, or make its link with `stups link` in a directory of your PATH."
                .to_owned(),
        }),
        Err(error) => Err(Error::Fatal(format!("piu could not be started: {error}"))),
    }
}

fn piu_arguments(host: &str, reason: &str, odd_host: Option<&str>, connect: bool) -> Vec<String> {
    let mut arguments = vec![
        "request-access".to_owned(),
        host.to_owned(),
        format!("{reason} via senza"),
    ];
    if connect {
        arguments.push("--connect".to_owned());
    }
    if let Some(odd_host) = odd_host {
        arguments.extend(["-O".to_owned(), odd_host.to_owned()]);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn piu_is_called_with_host_reason_and_bastion() {
        assert_eq!(
            piu_arguments("10.0.0.1", "disk full", None, false),
            ["request-access", "10.0.0.1", "disk full via senza"]
        );
        assert_eq!(
            piu_arguments("10.0.0.1", "x", Some("odd.example.org"), true),
            [
                "request-access",
                "10.0.0.1",
                "x via senza",
                "--connect",
                "-O",
                "odd.example.org"
            ]
        );
    }
}
