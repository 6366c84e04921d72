//! Questions to a person.

/// One line of a numbered choice.
#[derive(Clone, Debug)]
pub struct Choice<T> {
    /// what is returned when this one is chosen
    pub value: T,
    /// what is shown
    pub label: String,
}
