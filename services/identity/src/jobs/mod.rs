//! What the service does by itself.

mod expire;
mod follow_revocations;
mod rotate_keys;

pub use expire::Expire;
pub use follow_revocations::FollowRevocations;
pub use rotate_keys::{RotateKeys, import_rs256, rotate};
