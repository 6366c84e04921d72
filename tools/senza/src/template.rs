//! From a definition to a CloudFormation template, and from there to a stack.

pub(crate) mod account_info;
mod definition;
mod evaluate;
pub(crate) mod mustache;
mod parameters;
pub(crate) mod python;
mod request;
pub(crate) mod schema;
pub(crate) mod secrets;
pub(crate) mod source;
pub(crate) mod stack;
mod stack_options;
pub(crate) mod text;
mod tree;
pub(crate) mod upload;

pub use definition::Definition;
pub use evaluate::{Evaluation, evaluate};
pub use parameters::{Arguments, bind, read_parameter_file};
pub use request::StackRequest;
pub use stack_options::StackOptions;
