//! The arithmetic of weighted traffic: a pure function from weights to weights.
//!
//! Weights are those of Route 53 records. The rules are the original's (stups-senza 2.1.143), with three mends:
//!
//! - a version without traffic is never given any to make up for a rounding error;
//! - weights that do not add up to [`FULL`] (records of other tools, changes by hand) are scaled to it first, by the
//!   largest remainder, so that no weight ever comes out negative. A version that has traffic keeps at least one unit;
//! - a record that no stack is known for takes part with an empty version.

use std::collections::BTreeMap;

use indexmap::IndexMap;

/// 100 % of traffic; one unit is half a percent.
pub const FULL: i64 = 200;

/// Units in one percent.
const UNITS_PER_PERCENT: f64 = 2.0;

/// What a traffic change does to one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightChange {
    /// the version (empty for a record without a stack)
    pub version: String,
    /// weight before
    pub old: i64,
    /// new weight before compensation, minus old
    pub delta: i64,
    /// correction of rounding errors and minimum weights, if any
    pub compensation: Option<i64>,
    /// weight after
    pub new: i64,
}

/// All versions' new weights when `target` is to get `percentage` (0 to 100).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightPlan {
    /// by identifier (`<StackName>-<StackVersion>`)
    pub changes: IndexMap<String, WeightChange>,
    /// the target's share in units when it had to differ from what was asked for
    pub adjusted: Option<i64>,
}

impl WeightPlan {
    /// Whether no version has a weight afterwards. Route 53 then answers with all of them equally often.
    pub fn is_all_zero(&self) -> bool {
        self.changes.values().all(|change| change.new == 0)
    }
}

/// A percentage in units, cut off: 0.25 -> 0, 33.3 -> 66, 99.9 -> 199. Percentages outside of 0 to 100 are clamped.
pub fn units(percentage: f64) -> i64 {
    (percentage.clamp(0.0, 100.0) * UNITS_PER_PERCENT).trunc() as i64
}

/// A weight in percent.
pub fn percent(units: i64) -> f64 {
    units as f64 / UNITS_PER_PERCENT
}

/// Calculates new weights. `old` maps identifiers to (version, weight); a target that is not among them starts at 0.
///
/// The new weights add up to [`FULL`], or are all zero when the last version is switched off.
pub fn plan(old: &IndexMap<String, (String, i64)>, target: &str, percentage: f64) -> WeightPlan {
    let mut old = old.clone();
    old.entry(target.to_owned()).or_default();
    let before = scaled_to_full(&old);

    let asked = units(percentage);
    let others: Vec<&String> = before
        .iter()
        .filter(|(identifier, weight)| *identifier != target && **weight > 0)
        .map(|(identifier, _)| identifier)
        .collect();
    let count = i64::try_from(others.len()).unwrap_or(i64::MAX);
    let others_sum: i64 = others.iter().map(|identifier| before[*identifier]).sum();

    let mut compensations: IndexMap<&str, i64> = IndexMap::new();
    let mut share = asked;
    if count == 0 && asked > 0 && asked < FULL {
        // Nobody else can take the rest.
        compensations.insert(target, FULL - asked);
        share = FULL;
    }

    let step = if count > 0 {
        (FULL - share - others_sum) / count
    } else {
        0
    };
    let uncompensated: IndexMap<&str, i64> = before
        .iter()
        .map(|(identifier, weight)| {
            let new = match (identifier == target, *weight) {
                (true, _) => share,
                (false, 0) => 0,
                (false, _) if share == FULL => 0,
                (false, weight) => (weight + step).max(1),
            };
            (identifier.as_str(), new)
        })
        .collect();

    let mut new = uncompensated.clone();
    let mut error = FULL - new.values().sum::<i64>();
    if error != 0 && count > 0 {
        let part = if error > 0 {
            (error / count).max(1)
        } else {
            (error / count).min(-1)
        };
        let mut by_version = others.clone();
        by_version.sort_by(|one, other| old[*other].0.cmp(&old[*one].0));
        for identifier in by_version {
            let Some(weight) = new.get_mut(identifier.as_str()) else {
                continue;
            };
            if *weight + part <= 0 {
                continue;
            }
            *weight += part;
            error -= part;
            compensations.insert(identifier, part);
            if error == 0 {
                break;
            }
        }
        if error != 0 {
            new.insert(target, share + error);
            compensations.insert(target, error);
        }
    }

    let result = new.get(target).copied().unwrap_or(share);
    WeightPlan {
        adjusted: (result != asked).then_some(result),
        changes: old
            .iter()
            .map(|(identifier, (version, weight))| {
                let key = identifier.as_str();
                let change = WeightChange {
                    version: version.clone(),
                    old: *weight,
                    delta: uncompensated[key].saturating_sub(*weight),
                    compensation: compensations.get(key).copied(),
                    new: new[key],
                };
                (identifier.clone(), change)
            })
            .collect(),
    }
}

/// The way from `old` to exactly `wanted`; a version that `wanted` does not name gets nothing.
pub fn plan_exact(old: &IndexMap<String, (String, i64)>, wanted: &BTreeMap<String, i64>) -> WeightPlan {
    let mut old = old.clone();
    for identifier in wanted.keys() {
        old.entry(identifier.clone()).or_default();
    }
    let change = |(identifier, (version, weight)): (String, (String, i64))| {
        let new = wanted.get(&identifier).copied().unwrap_or(0);
        let change = WeightChange {
            version,
            old: weight,
            delta: new.saturating_sub(weight),
            compensation: None,
            new,
        };
        (identifier, change)
    };
    WeightPlan {
        changes: old.into_iter().map(change).collect(),
        adjusted: None,
    }
}

/// A step of a deployment: `target` is to get `percentage`, and the others what that leaves them of their weights `before` the
/// deployment. So the weights after a step are the same whether the deployment came to it in one go or was stopped on the way.
///
/// What others did meanwhile stands: a version without traffic in `now` gets none, one that is not in `before` counts as it is now.
pub fn plan_step(
    now: &IndexMap<String, (String, i64)>,
    before: &BTreeMap<String, i64>,
    target: &str,
    percentage: f64,
) -> WeightPlan {
    let start = |(identifier, (version, weight)): (&String, &(String, i64))| {
        let started_with = match before.get(identifier) {
            _ if identifier == target => 0,
            Some(before) if *weight > 0 => *before,
            _ => *weight,
        };
        (identifier.clone(), (version.clone(), started_with))
    };
    let start: IndexMap<_, _> = now.iter().map(start).collect();
    let from_start = plan(&start, target, percentage);
    let changes = from_start.changes.into_iter();
    let wanted = changes.map(|(identifier, change)| (identifier, change.new)).collect();
    WeightPlan {
        adjusted: from_start.adjusted,
        ..plan_exact(now, &wanted)
    }
}

/// The weights scaled so that they add up to [`FULL`], by the largest remainder; all zero stays all zero.
fn scaled_to_full(old: &IndexMap<String, (String, i64)>) -> IndexMap<String, i64> {
    let weights: Vec<i128> = old.values().map(|(_, weight)| i128::from((*weight).max(0))).collect();
    let sum: i128 = weights.iter().sum();
    let full = i128::from(FULL);
    if sum == 0 || sum == full {
        return old
            .iter()
            .map(|(identifier, (_, weight))| (identifier.clone(), (*weight).max(0)))
            .collect();
    }
    // One unit each is only to be had while there are no more versions than units.
    let active = weights.iter().filter(|weight| **weight > 0).count();
    let minimum = i128::from(active <= FULL as usize);
    let mut shares: Vec<i128> = weights
        .iter()
        .map(|weight| (weight * full / sum).max(minimum.min(*weight)))
        .collect();

    let mut by_remainder: Vec<usize> = (0..weights.len()).filter(|index| weights[*index] > 0).collect();
    by_remainder.sort_by_key(|index| std::cmp::Reverse(weights[*index] * full % sum));
    let mut missing = full - shares.iter().sum::<i128>();
    for index in by_remainder {
        // Those lifted to the minimum already have more than their remainder.
        if missing > 0 && weights[index] * full / sum >= minimum {
            shares[index] += 1;
            missing -= 1;
        }
    }
    // Lifting small ones to the minimum may have given out too much: the largest ones pay.
    while missing < 0 {
        let Some(largest) = shares.iter_mut().max() else { break };
        *largest -= 1;
        missing += 1;
    }
    old.keys()
        .cloned()
        .zip(shares.into_iter().map(|share| i64::try_from(share).unwrap_or(FULL)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn weights_of(weights: &[i64]) -> IndexMap<String, (String, i64)> {
        weights
            .iter()
            .enumerate()
            .map(|(index, weight)| (format!("app-v{}", index + 1), (format!("v{}", index + 1), *weight)))
            .collect()
    }

    fn new_weights(plan: &WeightPlan) -> Vec<i64> {
        plan.changes.values().map(|change| change.new).collect()
    }

    fn after(weights: &[i64], target: usize, percentage: f64) -> Vec<i64> {
        new_weights(&plan(&weights_of(weights), &format!("app-v{target}"), percentage))
    }

    #[test]
    fn the_pinned_sequence() {
        let mut weights = vec![120, 60, 20, 0];
        for (target, percentage, expected) in [
            (4, 100.0, [0, 0, 0, 200]),
            (3, 10.0, [0, 0, 20, 180]),
            (2, 0.5, [0, 1, 20, 179]),
            (1, 1.0, [2, 1, 19, 178]),
            (4, 95.0, [1, 1, 13, 185]),
            (4, 100.0, [0, 0, 0, 200]),
            (4, 10.0, [0, 0, 0, 200]),
            (4, 0.0, [0, 0, 0, 0]),
        ] {
            weights = after(&weights, target, percentage);
            assert_eq!(weights, expected, "v{target} {percentage}");
        }
    }

    #[test]
    fn observed_examples() {
        for (weights, target, percentage, expected) in [
            (vec![66, 67, 67], 1, 0.5, vec![1, 99, 100]),
            (vec![100, 100], 2, 33.3, vec![134, 66]),
            (vec![1, 1, 198], 3, 49.9, vec![50, 51, 99]),
            (vec![0, 0, 0], 2, 50.0, vec![0, 200, 0]),
            (vec![66, 67, 67], 1, 99.5, vec![198, 1, 1]),
            (vec![200, 0], 2, 99.9, vec![1, 199]),
        ] {
            assert_eq!(
                after(&weights, target, percentage),
                expected,
                "{weights:?} v{target} {percentage}"
            );
        }
    }

    #[test]
    fn a_lowered_share_is_reported() {
        let plan = plan(&weights_of(&[66, 67, 67]), "app-v1", 99.5);
        assert_eq!(plan.adjusted, Some(198));
        assert_eq!(plan.changes["app-v1"].compensation, Some(-1));
        assert_eq!(plan.changes["app-v1"].delta, 199 - 66);
    }

    #[test]
    fn the_only_version_gets_everything() {
        let plan = plan(&weights_of(&[0, 200]), "app-v2", 10.0);
        assert_eq!(new_weights(&plan), [0, 200]);
        assert_eq!(plan.adjusted, Some(200));
        assert_eq!(plan.changes["app-v2"].compensation, Some(180));
        assert_eq!(plan.changes["app-v2"].delta, 0);
    }

    #[test]
    fn the_last_version_can_be_switched_off() {
        let plan = plan(&weights_of(&[200, 0]), "app-v1", 0.0);
        assert!(plan.is_all_zero());
        assert_eq!(plan.adjusted, None);
        assert_eq!(plan.changes["app-v1"].delta, -200);
    }

    #[test]
    fn idle_versions_are_never_compensated() {
        // The original gives half a percent to an idle version here: 25/87/87/0/0/1.
        assert_eq!(after(&[99, 1, 1, 0, 0, 0], 1, 12.5), [25, 87, 88, 0, 0, 0]);
    }

    #[test]
    fn other_sums_are_scaled_first() {
        assert_eq!(after(&[255, 255], 1, 50.0), [100, 100]);
        assert_eq!(after(&[255, 255, 0], 3, 10.0), [90, 90, 20]);
        assert_eq!(after(&[1, 255], 1, 5.0), [10, 190]);
        // A sum below 200 is not an invitation to take from versions that have nothing.
        assert_eq!(after(&[10, 10, 0], 1, 50.0), [100, 100, 0]);
        // The delta is what the record itself goes through.
        let plan = plan(&weights_of(&[255, 255]), "app-v1", 50.0);
        assert_eq!(plan.changes["app-v2"].old, 255);
        assert_eq!(plan.changes["app-v2"].delta, -155);
    }

    #[test]
    fn a_record_without_a_stack_takes_part() {
        let mut old = weights_of(&[100, 50]);
        old.insert("app-gone".to_owned(), (String::new(), 50));
        assert_eq!(new_weights(&plan(&old, "app-v1", 75.0)), [150, 25, 25]);
        // The highest version is the first to be compensated, here by -1; the one without a version comes last.
        assert_eq!(new_weights(&plan(&old, "app-v1", 74.5)), [149, 25, 26]);
    }

    #[test]
    fn an_unknown_target_starts_at_zero() {
        assert_eq!(new_weights(&plan(&weights_of(&[200]), "app-v9", 25.0)), [150, 50]);
    }

    #[test]
    fn exact_weights_leave_nothing_to_versions_that_are_not_named() {
        let wanted = BTreeMap::from([("app-v1".to_owned(), 150), ("app-v9".to_owned(), 50)]);
        let plan = plan_exact(&weights_of(&[0, 200]), &wanted);
        assert_eq!(new_weights(&plan), [150, 0, 50]);
        assert_eq!(plan.changes["app-v2"].delta, -200);
        assert_eq!(plan.changes["app-v9"].old, 0);
        assert!(!plan.is_all_zero());
    }

    #[test]
    fn percentages_are_cut_off_and_clamped() {
        for (percentage, expected) in [
            (0.25, 0),
            (0.5, 1),
            (33.3, 66),
            (99.9, 199),
            (100.0, 200),
            (250.0, 200),
            (-3.0, 0),
            (f64::NAN, 0),
            (f64::INFINITY, 200),
        ] {
            assert_eq!(units(percentage), expected, "{percentage}");
        }
        assert!((percent(199) - 99.5).abs() < f64::EPSILON);
    }

    prop_compose! {
        fn any_weights()(weights in prop::collection::vec(prop_oneof![2 => Just(0_i64), 1 => Just(1_i64), 4 => 0_i64..=255], 1..12))
            -> Vec<i64> { weights }
    }

    proptest! {
        #[test]
        fn sums_hold(weights in any_weights(), target in 0_usize..12, percentage in 0.0_f64..=100.0) {
            let old = weights_of(&weights);
            let target = format!("app-v{}", target % weights.len() + 1);
            let plan = plan(&old, &target, percentage);
            prop_assert!(plan.changes.keys().eq(old.keys()));
            let new = new_weights(&plan);
            prop_assert!(new.iter().all(|weight| (0..=FULL).contains(weight)), "{new:?}");
            let others_idle = old.iter().all(|(identifier, (_, weight))| *identifier == target || *weight == 0);
            let expected = if others_idle && units(percentage) == 0 { 0 } else { FULL };
            prop_assert_eq!(new.iter().sum::<i64>(), expected);
            for (identifier, change) in &plan.changes {
                prop_assert_eq!(change.old, old[identifier].1);
                prop_assert_eq!(change.new, change.old + change.delta + change.compensation.unwrap_or(0)
                    - if others_idle && *identifier == target { change.compensation.unwrap_or(0) } else { 0 });
                if *identifier != target && change.old == 0 {
                    prop_assert_eq!(change.new, 0, "an idle version got traffic");
                }
                if *identifier != target && change.old > 0 && units(percentage) < FULL {
                    prop_assert!(change.new > 0, "a version lost its last traffic");
                }
            }
        }

        #[test]
        fn the_target_gets_what_was_asked_unless_the_minimum_is_in_the_way(
            weights in any_weights(), target in 0_usize..12, percentage in 0.0_f64..=100.0,
        ) {
            let target = format!("app-v{}", target % weights.len() + 1);
            let plan = plan(&weights_of(&weights), &target, percentage);
            let new = plan.changes[&target].new;
            prop_assert_eq!(plan.adjusted, (new != units(percentage)).then_some(new));
            if plan.adjusted.is_some() {
                let minimum_met = plan.changes.iter().all(|(identifier, change)| {
                    *identifier == target || change.old == 0 || change.old + change.delta > 1
                });
                let alone = plan.changes.iter().all(|(identifier, change)| *identifier == target || change.old == 0);
                prop_assert!(alone || !minimum_met, "{:?}", plan);
            }
        }

        #[test]
        fn weights_that_no_record_has_do_no_harm(weights in prop::collection::vec(any::<i64>(), 1..300), percentage in any::<f64>()) {
            let plan = plan(&weights_of(&weights), "app-v1", percentage);
            let new = new_weights(&plan);
            prop_assert!(new.iter().all(|weight| (0..=FULL).contains(weight)));
            prop_assert!([0, FULL].contains(&new.iter().sum::<i64>()));
        }
    }
}
