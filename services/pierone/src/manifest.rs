//! Manifests: what they say, and how they get a name (contract pierone 5.3, 5.6).

mod named;
mod names_of;
mod parse;
mod put;
mod read;
mod referrers;

pub(crate) use named::{Means, Named};
pub(crate) use names_of::{Change, history, latest_tag};
pub(crate) use parse::{LARGEST, Manifest};
pub(crate) use put::{Past, Put};
pub(crate) use read::{Stored, TagRow, stored, tag_row};
pub(crate) use referrers::referrers;
