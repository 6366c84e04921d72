//! The commands, over HTTP against an AWS API.

mod account;
mod cli;
mod console;
mod diff;
mod domains;
mod dump;
mod elastigroup;
mod groups;
mod health;
mod images;
mod init;
mod instances;
mod lint;
mod list;
mod lizzy;
mod original;
mod patch;
mod process;
mod proxy;
mod respawn;
mod scale;
mod scripted;
mod stack_details;
mod traffic;
mod wait;
