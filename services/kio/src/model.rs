//! Applications, versions and approvals as they are kept. No HTTP here.

pub(crate) mod application;
pub(crate) mod approval;
pub(crate) mod list;
pub(crate) mod merge;
pub(crate) mod reader;
pub(crate) mod store;
pub(crate) mod version;
