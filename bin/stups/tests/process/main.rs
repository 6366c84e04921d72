//! The executable as it is shipped.

#[cfg(target_os = "linux")]
mod interrupt;
#[cfg(unix)]
mod link;
mod multi_call;
#[cfg(unix)]
mod senza_environment;
mod support;
