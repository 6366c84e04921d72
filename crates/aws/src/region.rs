//! Regions.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// The regions in which CloudFormation exists, sorted: those of the AWS partition, China, GovCloud and the European Sovereign Cloud.
///
/// Source: the endpoint data that botocore 1.44 carries.
pub const REGIONS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// Whether CloudFormation exists in `region`.
pub fn is_known_region(region: &str) -> bool {
    REGIONS.contains(&region)
}

/// Whether `text` has the form of a region's name. AWS opens new ones, so a name that another service gives may be unknown; but it
/// becomes part of a host's name, so it must not be just anything.
pub fn is_region_name(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.contains('-')
        && text.split('-').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

/// The region in which S3 says a bucket is, whatever else it answers. It becomes part of a host's name, so not everything is taken.
pub fn bucket_region(answer: &HttpResponse) -> Option<String> {
    let region = answer.headers().get("x-amz-bucket-region")?;
    is_region_name(region).then(|| region.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_sorted_and_told_once() {
        assert!(REGIONS.is_sorted_by(|left, right| left < right));
    }

    #[test]
    fn known_and_unknown_regions() {
        for region in [
            "eu-central-1",
            "us-east-1",
            "cn-north-1",
            "us-gov-west-1",
            "eusc-de-east-1",
        ] {
            assert!(is_known_region(region), "{region}");
        }
        for region in ["", "eu-central", "eu-central-1a", "EU-CENTRAL-1", "mars-north-1"] {
            assert!(!is_known_region(region), "{region}");
        }
    }

    #[test]
    fn names_of_regions() {
        assert!(REGIONS.iter().all(|region| is_region_name(region)));
        assert!(is_region_name("mars-north-1"));
        for text in [
            "",
            "eu",
            "-eu-west-1",
            "eu--west-1",
            "eu-west-",
            "EU-west-1",
            "eu-west-1.example.org",
            "eu-west/1",
        ] {
            assert!(!is_region_name(text), "{text}");
        }
    }
}
