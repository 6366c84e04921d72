//! The arithmetic of weighted traffic: a pure function from weights to weights (contract section 2.10).

use indexmap::IndexMap;

/// 100 % of traffic; one unit is half a percent.
pub const FULL: i64 = 200;

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

/// Calculates new weights. `old` maps identifiers to (version, weight); the target must be among them.
pub fn plan(old: &IndexMap<String, (String, i64)>, target: &str, percentage: f64) -> WeightPlan {
    let _ = (old, target, percentage);
    todo!()
}
