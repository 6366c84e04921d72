//! Styles of messages.
