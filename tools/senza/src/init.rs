//! `senza init`: templates of definitions.
