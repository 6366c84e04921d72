//! What handlers take out of a request. Each refuses with an [`Error`](crate::Error) that says what was wrong.

mod authenticated;
mod json;
mod origin;
mod path;
mod query;

pub use authenticated::{Authenticated, Credentials};
pub(crate) use authenticated::{admit, authenticate};
pub use json::Json;
pub(crate) use json::too_large;
pub use origin::Origin;
pub use path::Path;
pub use query::Query;
