//! An AWS API (moto server) on a free loopback port.

/// A running AWS API. Dropping it ends the process.
#[derive(Debug)]
pub struct AwsApi {}

impl AwsApi {
    /// The test binary's own AWS API: started at the first call, shared by its tests, ended with the process.
    pub async fn shared() -> &'static Self {
        todo!()
    }

    /// Starts another one, for tests that need it alone, and for the demo.
    pub async fn start() -> std::io::Result<Self> {
        todo!()
    }

    /// `http://127.0.0.1:<port>`
    pub fn endpoint(&self) -> String {
        todo!()
    }
}
