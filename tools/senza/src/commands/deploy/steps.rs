//! In which steps a version gets its traffic.

use std::str::FromStr;

use crate::weights::{percent, units};

/// Rising shares in percent, each at least half a percent above the one before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Steps(Vec<f64>);

impl Steps {
    /// What is still to be done when the shares for which `is_reached` is true are behind.
    pub(crate) fn left(&self, is_reached: impl Fn(f64) -> bool) -> &[f64] {
        let reached = self.0.iter().rposition(|step| is_reached(*step));
        let next = reached.map_or(0, |index| index + 1);
        self.0.get(next..).unwrap_or_default()
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[f64] {
        &self.0
    }
}

/// `10,50,100`
impl FromStr for Steps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut steps: Vec<f64> = Vec::new();
        for word in text.split(',') {
            let word = word.trim().trim_end_matches('%');
            let step = word
                .parse::<f64>()
                .ok()
                .filter(|step| *step > 0.0 && *step <= 100.0)
                .ok_or_else(|| format!("\"{word}\" is no percentage above 0 and up to 100"))?;
            let step_units = units(step);
            if step_units == 0 {
                return Err(format!("{word} % is less than half a percent, the smallest share"));
            }
            if steps.last().is_some_and(|last| step_units <= units(*last)) {
                return Err(format!(
                    "the steps have to rise, by half a percent at least; {word} does not"
                ));
            }
            steps.push(percent(step_units));
        }
        Ok(Self(steps))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use indexmap::IndexMap;
    use proptest::prelude::*;

    use super::*;
    use crate::weights::{FULL, plan_step};

    #[test]
    fn steps_rise() {
        assert_eq!("10,50,100".parse(), Ok(Steps(vec![10.0, 50.0, 100.0])));
        assert_eq!(" 0.5% , 33.3 ".parse(), Ok(Steps(vec![0.5, 33.0])));
        for (text, words) in [
            ("", "no percentage"),
            ("0", "no percentage"),
            ("101", "no percentage"),
            ("NaN", "no percentage"),
            ("10,,20", "no percentage"),
            ("0.2", "less than half a percent"),
            ("50,10", "have to rise"),
            ("10,10.2", "have to rise"),
        ] {
            let error = text.parse::<Steps>().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn steps_that_are_reached_are_behind() {
        let steps: Steps = "10,50,100".parse().unwrap();
        assert_eq!(steps.left(|_| false), [10.0, 50.0, 100.0]);
        assert_eq!(steps.left(|step| step <= 50.0), [100.0]);
        assert!(steps.left(|_| true).is_empty());
    }

    /// A version has this share of all weights.
    fn has(weights: &IndexMap<String, (String, i64)>, target: &str, percentage: f64) -> bool {
        weights[target].1 > 0 && weights[target].1 >= units(percentage)
    }

    prop_compose! {
        fn any_steps()(shares in prop::collection::btree_set(1_i64..=FULL, 1..6)) -> Steps {
            Steps(shares.into_iter().map(percent).collect())
        }
    }

    proptest! {
        #[test]
        fn steps_are_read_as_they_are_written(steps in any_steps()) {
            let text: Vec<String> = steps.all().iter().map(ToString::to_string).collect();
            prop_assert_eq!(text.join(",").parse(), Ok(steps));
        }

        /// Whatever the weights are at the start and wherever it stops, a deployment that goes on ends with the weights of one without a
        /// stop.
        #[test]
        fn a_deployment_that_was_stopped_ends_as_one_that_was_not(
            steps in any_steps(), others in prop::collection::vec(0_i64..=FULL, 0..5), stop in 0_usize..6,
        ) {
            let target = "app-new";
            let mut weights: IndexMap<String, (String, i64)> = others.iter().enumerate()
                .map(|(index, weight)| (format!("app-v{index}"), (format!("v{index}"), *weight)))
                .collect();
            weights.insert(target.to_owned(), ("new".to_owned(), 0));
            let before: BTreeMap<String, i64> = weights.iter()
                .map(|(identifier, (_, weight))| (identifier.clone(), *weight))
                .filter(|(_, weight)| *weight > 0)
                .collect();
            let run = |weights: &mut IndexMap<String, (String, i64)>, steps_to_make: usize| {
                let left = steps.left(|step| has(weights, target, step)).to_vec();
                for step in left.into_iter().take(steps_to_make) {
                    if !has(weights, target, step) {
                        for (identifier, change) in plan_step(weights, &before, target, step).changes {
                            weights[&identifier].1 = change.new;
                        }
                    }
                }
            };
            let mut through = weights.clone();
            run(&mut through, usize::MAX);
            run(&mut weights, stop);
            // Here it was killed; this is the second run.
            run(&mut weights, usize::MAX);
            prop_assert_eq!(weights.values().map(|(_, weight)| weight).sum::<i64>(), FULL);
            prop_assert_eq!(weights, through);
        }
    }
}
