//! What a definition may ask about the AWS account; each answer is looked up once, and only when it is needed.

use serde_json::Value as Json;
use stups_aws::Session;
use stups_terminal::Terminal;

use crate::Error;

/// The AWS account of one run. Every look-up is made at most once.
#[derive(Debug)]
pub struct Account {
    session: Session,
    terminal: Terminal,
}

impl Account {
    /// The account that `session` works in. `terminal` is asked when an answer is ambiguous and a person is there.
    pub fn new(session: Session, terminal: Terminal) -> Self {
        Self { session, terminal }
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The value of `{{AccountInfo.<name>}}`: Region, AccountID, AccountAlias, TeamID, Domain, VpcID, MintBucket; nothing for
    /// any other name (contract: AccountInfo).
    pub async fn info(&self, name: &str) -> Result<Option<Json>, Error> {
        let _ = (name, &self.terminal);
        todo!()
    }
}
