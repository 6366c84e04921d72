//! Hosted zones, and which of them a domain name belongs to.

use super::Account;
use crate::Error;

/// A hosted zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostedZone {
    /// the bare id, `Z...`
    pub(crate) id: String,
    /// the name with its trailing dot
    pub(crate) name: String,
    /// whether only VPCs see it
    pub(crate) is_private: bool,
}

impl HostedZone {
    /// The name without trailing dot.
    pub(crate) fn domain(&self) -> &str {
        self.name.trim_end_matches('.')
    }
}

impl Account {
    /// All hosted zones of the account.
    pub(crate) async fn hosted_zones(&self) -> Result<&[HostedZone], Error> {
        let zones = self
            .hosted_zones
            .get_or_try_init(|| {
                Box::pin(async {
                    let route53 = self.online()?.route53();
                    let mut zones = Vec::new();
                    let mut marker = None;
                    loop {
                        let page = route53.list_hosted_zones().set_marker(marker).send().await?;
                        zones.extend(page.hosted_zones.into_iter().map(|zone| HostedZone {
                            id: zone.id.trim_start_matches("/hostedzone/").to_owned(),
                            name: zone.name,
                            is_private: zone.config.is_some_and(|config| config.private_zone),
                        }));
                        marker = page.next_marker;
                        if !page.is_truncated || marker.is_none() {
                            return Ok::<_, Error>(zones);
                        }
                    }
                })
            })
            .await?;
        Ok(zones)
    }
}

/// The zone that `domain` belongs to: the one that shares the most whole labels with it; of several with that name a private
/// one if `prefer_private`, else a public one. Letter case and a trailing dot don't matter.
pub(crate) fn matching_zone<'a>(zones: &'a [HostedZone], domain: &str, prefer_private: bool) -> Option<&'a HostedZone> {
    let domain = labels(domain);
    let mut best: Option<(usize, bool, &HostedZone)> = None;
    for zone in zones {
        let zone_labels = labels(&zone.name);
        if zone_labels.is_empty() || !domain.ends_with(&zone_labels) {
            continue;
        }
        let rank = (zone_labels.len(), zone.is_private == prefer_private);
        if best.is_none_or(|(count, preferred, _)| rank > (count, preferred)) {
            best = Some((rank.0, rank.1, zone));
        }
    }
    best.map(|(_, _, zone)| zone)
}

fn labels(name: &str) -> Vec<String> {
    name.trim_end_matches('.')
        .split('.')
        .filter(|label| !label.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone(id: &str, name: &str, is_private: bool) -> HostedZone {
        HostedZone {
            id: id.to_owned(),
            name: name.to_owned(),
            is_private,
        }
    }

    fn found<'a>(zones: &'a [HostedZone], domain: &str, prefer_private: bool) -> Option<&'a str> {
        matching_zone(zones, domain, prefer_private).map(|zone| zone.id.as_str())
    }

    #[test]
    fn the_longest_match_by_whole_labels_wins() {
        let zones = [
            zone("parent", "example.net.", false),
            zone("shop", "shop.example.net.", false),
            zone("other", "example.org.", false),
        ];
        for (domain, expected) in [
            ("shop.example.net", Some("shop")),
            ("a.shop.example.net", Some("shop")),
            ("a.b.shop.example.net.", Some("shop")),
            ("wwwshop.example.net", Some("parent")),
            ("A.Shop.Example.NET", Some("shop")),
            ("example.org", Some("other")),
            ("myexample.org", None),
            ("net", None),
            ("", None),
        ] {
            assert_eq!(found(&zones, domain, false), expected, "{domain}");
        }
    }

    #[test]
    fn visibility_decides_between_zones_of_one_name() {
        let zones = [
            zone("public", "example.net.", false),
            zone("private", "example.net.", true),
        ];
        assert_eq!(found(&zones, "a.example.net", true), Some("private"));
        assert_eq!(found(&zones, "a.example.net", false), Some("public"));
        let reversed: Vec<HostedZone> = zones.iter().rev().cloned().collect();
        assert_eq!(found(&reversed, "a.example.net", true), Some("private"));
        assert_eq!(found(&reversed, "a.example.net", false), Some("public"));
        let nested = [
            zone("deep", "b.example.net.", false),
            zone("private", "example.net.", true),
        ];
        assert_eq!(found(&nested, "a.b.example.net", true), Some("deep"));
    }

    proptest! {
        #[test]
        fn a_match_is_a_suffix_of_whole_labels(
            domain in "[a-c]{1,2}(\\.[a-c]{1,2}){0,3}",
            names in prop::collection::vec("[a-c]{1,2}(\\.[a-c]{1,2}){0,2}", 0..6),
        ) {
            let zones: Vec<HostedZone> = names.iter().map(|name| zone(name, &format!("{name}."), false)).collect();
            let is_in = |name: &str| domain == name || domain.ends_with(&[".", name].concat());
            match found(&zones, &domain, false) {
                Some(name) => prop_assert!(is_in(name)),
                None => prop_assert!(!names.iter().any(|name| is_in(name))),
            }
        }
    }
}
