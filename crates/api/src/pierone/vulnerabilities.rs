//! Vulnerabilities in the shape of Clair's first API, which old clients read (contract pierone 2.10, 5.8).

use serde::{Deserialize, Serialize};

/// The scanner could not tell what is in the image.
pub const COULD_NOT_FIGURE_OUT: &str = "clair:CouldntFigureOut";
/// There is none.
pub const NO_CVES_FOUND: &str = "clair:NoCVEsFound";

/// From the worst. What is not in the list is as bad as `Unknown`.
const SEVERITIES: [&str; 7] = ["Critical", "High", "Medium", "Low", "Negligible", "Unknown", "Pending"];

/// What a scanner found in an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct LayerReport {
    /// The image.
    pub layer: ReportedLayer,
}

/// An image, by the name of its topmost layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase", default)]
pub struct ReportedLayer {
    /// Its name at the scanner.
    pub name: String,
    /// The distribution: `debian:12`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_name: Option<String>,
    /// What is installed; nothing when the scanner could not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<Feature>>,
}

/// Something that is installed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase", default)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The distribution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_name: Option<String>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vulnerabilities: Vec<Vulnerability>,
}

/// What is wrong with something that is installed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase", default)]
pub struct Vulnerability {
    /// `CVE-2026-0001`.
    pub name: String,
    /// `Critical`, `High`, `Medium`, `Low`, `Negligible`, `Unknown`, `Pending`.
    pub severity: String,
    /// Where it is described.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The version that does not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed_by: Option<String>,
}

/// The worst of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Severities {
    /// Of what has a fix.
    pub fix_available: String,
    /// Of what has none.
    pub no_fix_available: String,
}

impl Severities {
    /// The worse of both, each for itself: what is true of several images together.
    #[must_use]
    pub fn or_worse(self, other: Self) -> Self {
        let worse = |one: String, other: String| {
            if summary_rank(&other) < summary_rank(&one) {
                other
            } else {
                one
            }
        };
        Self {
            fix_available: worse(self.fix_available, other.fix_available),
            no_fix_available: worse(self.no_fix_available, other.no_fix_available),
        }
    }
}

impl Vulnerability {
    /// Where its severity is among all of them, the worst first: `Critical` is 0.
    pub fn rank(&self) -> usize {
        rank(&self.severity)
    }
}

impl ReportedLayer {
    /// The worst that was found, with and without a fix.
    pub fn severities(&self) -> Severities {
        let Some(features) = &self.features else {
            return Severities {
                fix_available: COULD_NOT_FIGURE_OUT.to_owned(),
                no_fix_available: COULD_NOT_FIGURE_OUT.to_owned(),
            };
        };
        let worst = |fixed: bool| {
            let all = features.iter().flat_map(|feature| &feature.vulnerabilities);
            all.filter(|vulnerability| vulnerability.fixed_by.is_some() == fixed)
                .map(|vulnerability| vulnerability.severity.as_str())
                .min_by_key(|severity| rank(severity))
                .map_or_else(|| NO_CVES_FOUND.to_owned(), str::to_owned)
        };
        Severities {
            fix_available: worst(true),
            no_fix_available: worst(false),
        }
    }
}

fn rank(severity: &str) -> usize {
    SEVERITIES
        .iter()
        .position(|known| *known == severity)
        .unwrap_or(SEVERITIES.len())
}

/// Where a summary is among all of them, the worst first: what is not known is worse than nothing at all.
fn summary_rank(summary: &str) -> usize {
    match summary {
        COULD_NOT_FIGURE_OUT => SEVERITIES.len() + 1,
        NO_CVES_FOUND => SEVERITIES.len() + 2,
        severity => rank(severity),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(found: Option<&[(&str, bool)]>) -> ReportedLayer {
        let vulnerabilities = |found: &[(&str, bool)]| {
            found
                .iter()
                .map(|(severity, fixed)| Vulnerability {
                    severity: (*severity).to_owned(),
                    fixed_by: fixed.then(|| "1.1".to_owned()),
                    ..Vulnerability::default()
                })
                .collect()
        };
        ReportedLayer {
            features: found.map(|found| {
                vec![Feature {
                    vulnerabilities: vulnerabilities(found),
                    ..Feature::default()
                }]
            }),
            ..ReportedLayer::default()
        }
    }

    #[test]
    fn of_several_images_the_worst_counts() {
        let summary = |fix: &str, no_fix: &str| Severities {
            fix_available: fix.to_owned(),
            no_fix_available: no_fix.to_owned(),
        };
        let order = ["Critical", "Pending", "Dreadful", COULD_NOT_FIGURE_OUT, NO_CVES_FOUND];
        for (place, worse) in order.iter().enumerate() {
            for other in &order[place..] {
                let both = summary(worse, other).or_worse(summary(other, worse));
                assert_eq!(both, summary(worse, worse));
            }
        }
    }

    #[test]
    fn the_worst_is_told_apart_by_whether_it_has_a_fix() {
        for (found, fix, no_fix) in [
            (None, COULD_NOT_FIGURE_OUT, COULD_NOT_FIGURE_OUT),
            (Some(&[][..]), NO_CVES_FOUND, NO_CVES_FOUND),
            (
                Some(&[("Low", true), ("High", true), ("Medium", false)]),
                "High",
                "Medium",
            ),
            // What nobody knows does not outrank what is critical.
            (Some(&[("Dreadful", true), ("Pending", true)]), "Pending", NO_CVES_FOUND),
            (Some(&[("Dreadful", false)]), NO_CVES_FOUND, "Dreadful"),
        ] {
            let severities = layer(found).severities();
            assert_eq!(
                (severities.fix_available.as_str(), severities.no_fix_available.as_str()),
                (fix, no_fix)
            );
        }
    }
}
