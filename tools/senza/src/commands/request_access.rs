//! Asking for SSH access to instances through `piu`.

use std::io::ErrorKind;
use std::process::Command;

use futures::{StreamExt, TryStreamExt, stream};
use stups_aws::Session;

use crate::Error;
use crate::route53::Dns;

/// How many zones are asked about at the same time.
const AT_THE_SAME_TIME: usize = 4;

/// The SSH bastion of the region: the first hosted zone's `odd-<region>.<zone>`, if any has such a record.
pub(super) async fn find_odd_host(session: &Session) -> Result<Option<String>, Error> {
    let dns = &Dns::new(session);
    let zones = dns.zones().await?;
    let names = zones
        .iter()
        .map(|zone| format!("odd-{}.{}", session.region(), zone.domain()));
    let look_ups = names.map(|name| async move {
        let records = dns.address_records(&name).await?;
        Ok::<_, Error>((!records.is_empty()).then_some(name))
    });
    let found: Vec<Option<String>> = stream::iter(look_ups.collect::<Vec<_>>())
        .buffered(AT_THE_SAME_TIME)
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
    use stups_aws::route53::types::{ResourceRecord, ResourceRecordSet, RrType};
    use stups_testkit::{Account, AwsApi};

    use super::*;
    use crate::route53::Record;

    #[tokio::test]
    async fn the_bastion_of_the_region_is_found_in_any_zone() {
        let account = Account::builder(AwsApi::shared().await)
            .hosted_zone("one.example.org")
            .hosted_zone("two.example.org")
            .build()
            .await;
        let session = account.session();
        let dns = Dns::new(&session);
        let zones = dns.zones().await.unwrap();
        let zone = zones.iter().find(|zone| zone.domain() == "two.example.org").unwrap();
        // Another region's bastion is none.
        for name in ["odd-mars-1.two.example.org.", "odd-us-east-1.two.example.org."] {
            assert_eq!(find_odd_host(&session).await.unwrap(), None, "before {name}");
            let value = ResourceRecord::builder().value("192.0.2.1").build().unwrap();
            let set = ResourceRecordSet::builder().name(name).r#type(RrType::A).ttl(20);
            let record = Record {
                zone_id: zone.id.clone(),
                set: set.resource_records(value).build().unwrap(),
            };
            dns.upsert(&[record], "test").await.unwrap();
        }
        let found = find_odd_host(&session).await.unwrap();
        assert_eq!(found.as_deref(), Some("odd-us-east-1.two.example.org"));
    }

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
