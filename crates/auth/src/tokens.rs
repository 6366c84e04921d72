//! The client half: tokens for our own calls.
