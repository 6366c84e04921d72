/// What a service tells of a request in the access log, beside what every line has: names of images, sizes. Put into the answer's
/// extensions, whether that is a success or an error. Never a secret.
#[derive(Clone, Debug, Default)]
pub struct LogFields(pub(crate) Vec<(&'static str, LogValue)>);

#[derive(Clone, Debug)]
pub(crate) enum LogValue {
    Text(String),
    Number(u64),
}

impl LogFields {
    /// The same with a text. The name is letters and `_`.
    #[must_use]
    pub fn text(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.push((name, LogValue::Text(value.into())));
        self
    }

    /// The same with a number. The name is letters and `_`.
    #[must_use]
    pub fn number(mut self, name: &'static str, value: u64) -> Self {
        self.0.push((name, LogValue::Number(value)));
        self
    }
}
