//! Names of load balancers: at most 32 characters made of stack name and version.

/// AWS's limit for names of load balancers and target groups, in characters.
pub(crate) const LIMIT: usize = 32;

/// `<stack name, shortened>-<version>`. The version is kept whole, so versions beyond 31 characters exceed AWS's limit of 32.
pub(crate) fn load_balancer_name(stack_name: &str, version: &str) -> String {
    let room = LIMIT.saturating_sub(version.chars().count() + 1);
    format!("{}-{version}", valid_name(stack_name, room))
}

/// The first `length` characters of `name`, then without a leading or trailing dash and with one dash for a run of them.
pub(crate) fn valid_name(name: &str, length: usize) -> String {
    let cut: Vec<char> = name.chars().take(length).collect();
    let last = cut.len().saturating_sub(1);
    cut.iter()
        .enumerate()
        .filter(|&(index, &character)| {
            let is_dropped = index == 0 || index == last || cut.get(index + 1) == Some(&'-');
            character != '-' || !is_dropped
        })
        .map(|(_, character)| character)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_cut_and_cleaned() {
        for (stack_name, version, expected) in [
            ("app-name", "1", "app-name-1"),
            (
                "really-long-application-name",
                "cd871c54",
                "really-long-application-cd871c54",
            ),
            (
                "foobarfoobarfoobarfoobarfoobar",
                "0.1",
                "foobarfoobarfoobarfoobarfoob-0.1",
            ),
            ("a--b---c", "1", "a-b-c-1"),
            (
                "a-very-long-application-name-indeed",
                "3-pub",
                "a-very-long-application-na-3-pub",
            ),
            ("-a-", "1", "a-1"),
            ("--a", "1", "-a-1"),
            ("-", "1", "-1"),
            ("", "", "-"),
            (
                "app",
                "abcdefghijklmnopqrstuvwxyz0123456789",
                "-abcdefghijklmnopqrstuvwxyz0123456789",
            ),
        ] {
            assert_eq!(
                load_balancer_name(stack_name, version),
                expected,
                "{stack_name} {version}"
            );
        }
    }

    proptest! {
        #[test]
        fn never_exceeds_the_limit(stack_name in "[a-z-]{0,60}", version in "[a-zA-Z0-9.-]{0,31}") {
            let name = load_balancer_name(&stack_name, &version);
            prop_assert!(name.chars().count() <= LIMIT);
            prop_assert!(name.ends_with(&version));
        }
    }
}
