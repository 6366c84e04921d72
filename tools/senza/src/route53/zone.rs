//! Hosted zones, and which of them a domain name belongs to.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use stups_aws::route53::Client;
use stups_aws::route53::types;

use super::canonical;
use super::name::labels_in_zone;
use crate::Error;

/// A hosted zone, as far as finding the right one goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

impl From<types::HostedZone> for HostedZone {
    fn from(zone: types::HostedZone) -> Self {
        Self {
            id: zone.id.trim_start_matches("/hostedzone/").to_owned(),
            name: zone.name,
            is_private: zone.config.is_some_and(|config| config.private_zone),
        }
    }
}

/// All hosted zones of the account.
pub(super) async fn list_hosted_zones(route53: &Client) -> Result<Vec<HostedZone>, Error> {
    let zones: Vec<types::HostedZone> = route53
        .list_hosted_zones()
        .into_paginator()
        .items()
        .send()
        .collect::<Result<_, _>>()
        .await?;
    Ok(zones.into_iter().map(HostedZone::from).collect())
}

/// The zones that `name` (any spelling) is in, the one that shares the most whole labels with it first; of several of one
/// name the private ones first if `prefer_private`, else the public ones.
pub(crate) fn zones_of_name<'z>(zones: &'z [HostedZone], name: &str, prefer_private: bool) -> Vec<&'z HostedZone> {
    let name = canonical(name);
    let mut matching: Vec<(usize, &HostedZone)> = zones
        .iter()
        .filter_map(|zone| Some((labels_in_zone(&name, &canonical(&zone.name))?, zone)))
        .collect();
    matching.sort_by_key(|(labels, zone)| (Reverse(*labels), zone.is_private != prefer_private));
    matching.into_iter().map(|(_, zone)| zone).collect()
}

/// The zone that `name` belongs to: the first of [`zones_of_name`].
pub(crate) fn matching_zone<'z>(zones: &'z [HostedZone], name: &str, prefer_private: bool) -> Option<&'z HostedZone> {
    zones_of_name(zones, name, prefer_private).first().copied()
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

    #[test]
    fn all_zones_of_a_name_are_known_best_first() {
        let zones = [
            zone("parent", "example.net.", false),
            zone("private", "shop.example.net.", true),
            zone("public", "shop.example.net.", false),
            zone("sibling", "hop.example.net.", false),
        ];
        let ids = |name: &str| -> Vec<&str> {
            let found = zones_of_name(&zones, name, false);
            found.iter().map(|zone| zone.id.as_str()).collect()
        };
        assert_eq!(ids("www.shop.example.net"), ["public", "private", "parent"]);
        assert_eq!(ids("wwwshop.example.net"), ["parent"]);
        assert!(ids("example.com").is_empty());
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
