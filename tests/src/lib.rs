//! The platform as it is shipped, for tests: the `stups` and `stupsd` executables that `cargo build` makes, started on free
//! ports in a temporary directory.

mod executables;
mod http;
mod kio;
mod platform;
mod provider;
mod proxy;
mod service;
mod steps;
mod transcript;
mod tunnel;
mod user;
mod vouch;

pub use executables::{executable, home};
pub use http::client;
pub use kio::{KioData, KioProcess, put};
pub use platform::{Login, Platform};
pub use provider::{Asked, Behaviour, Provider};
pub use proxy::{Moment, Proxy};
pub use service::{AUDIT_TOKEN, ServiceProcess, audit, json, log_in, verify_audit};
pub use steps::Steps;
pub use stups_testkit::until;
pub use transcript::Transcript;
pub use tunnel::tunnel;
pub use user::{Ended, User};
pub use vouch::vouch;
