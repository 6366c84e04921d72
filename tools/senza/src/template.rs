//! From a definition to a CloudFormation template.

mod definition;
mod evaluate;
mod mustache;
mod parameters;
mod python;

pub use definition::Definition;
pub use evaluate::{Evaluation, StackRequest, evaluate};
pub use parameters::{Arguments, bind, read_parameter_file};
