//! Service users: the machine account of one application, with passwords and clients that are rotated without a pause
//! (contract identity 2.14).

pub mod generations;

pub(crate) use generations::{Generation, USE_RESOLUTION_MS, valid};
