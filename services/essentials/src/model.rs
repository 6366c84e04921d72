//! The catalogue as it is kept. No HTTP here.

pub(crate) mod resource_type;
pub(crate) mod scope;
pub(crate) mod store;
