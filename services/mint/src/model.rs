//! Configurations, states, and what workers agree on, as they are kept. No HTTP here.

pub(crate) mod application;
pub(crate) mod brake;
pub(crate) mod bucket;
pub(crate) mod departed;
pub(crate) mod lease;
pub(crate) mod scope;
pub(crate) mod store;
