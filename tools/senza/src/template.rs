//! From a definition to a CloudFormation template, and from there to a stack.

mod account_info;
mod definition;
mod evaluate;
mod mustache;
mod parameters;
pub(crate) mod python;
mod request;
pub(crate) mod schema;
pub(crate) mod secrets;
mod source;
pub(crate) mod stack;
pub(crate) mod text;
mod tree;

pub use definition::Definition;
pub use evaluate::{Evaluation, evaluate};
pub use parameters::{Arguments, bind, read_parameter_file};
pub use request::StackRequest;
