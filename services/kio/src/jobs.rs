//! What Kio does by itself.

mod ship_audit;

pub(crate) use ship_audit::ShipAudit;
