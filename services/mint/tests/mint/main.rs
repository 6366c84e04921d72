//! mint over HTTP and its worker, on both databases, in a world that tests steer.

#![allow(clippy::unwrap_used)]

mod brake;
mod configuration;
mod faults;
mod permissions;
mod places;
mod service;
mod several;
mod support;
mod traces;
mod world;
