//! The commands, over HTTP against an AWS API.

mod account;
mod calls;
mod cli;
mod command_lines;
#[cfg(target_os = "linux")]
mod configured;
mod console;
mod deploy;
mod diff;
mod domains;
mod drift;
mod dump;
mod elastigroup;
mod formats;
mod groups;
mod health;
mod images;
mod init;
mod init_templates;
mod instances;
mod journal;
mod lint;
mod list;
mod lizzy;
mod logs;
mod original;
#[path = "../original_support/mod.rs"]
mod original_support;
mod patch;
mod process;
mod protection;
mod proxy;
mod quota;
mod respawn;
mod saved_account;
mod scale;
mod scripted;
mod stack_details;
mod stack_options;
mod traffic;
mod wait;
mod watch;
mod wild;
