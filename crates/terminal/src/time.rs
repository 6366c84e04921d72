//! Relative times.

/// How long ago `epoch` (seconds) was at `now` (seconds), as `5s ago`, `3m ago`, `2h ago`, `4d ago`; empty for epoch 0.
pub fn relative_age(epoch: f64, now: f64) -> String {
    let _ = (epoch, now);
    todo!()
}
