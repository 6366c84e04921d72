//! Berry as it is shipped, against an AWS API, against prepared answers, and beside the original berry.

mod copy;
mod daemon;
mod exec;
mod fake_s3;
mod original;
mod redirects;
mod stores;
mod support;
