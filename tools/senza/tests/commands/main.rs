//! The commands that read, `wait` and `init`, over HTTP against an AWS API.

mod account;
mod cli;
mod deploy;
mod domains;
mod images;
mod init;
mod instances;
mod list;
mod scripted;
mod stack_details;
mod traffic;
mod wait;
