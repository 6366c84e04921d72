//! What handlers take out of a request. Each refuses with an [`Error`](crate::Error) that says what was wrong.

mod authenticated;
mod json;
mod origin;
mod path;
mod query;

pub(crate) use authenticated::authenticate;
pub use authenticated::{Authenticated, Credentials};
pub use json::Json;
pub(crate) use json::too_large;
pub use origin::Origin;
pub use path::Path;
pub use query::Query;
