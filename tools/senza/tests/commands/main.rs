//! The commands that read, `wait` and `init`, over HTTP against an AWS API.

mod account;
mod calls;
mod cli;
mod domains;
mod images;
mod init;
mod init_templates;
mod instances;
mod list;
mod scripted;
mod stack_details;
mod traffic;
mod wait;
mod wild;
