//! What every command works with.

use stups_aws::Session;
use stups_terminal::Terminal;

use crate::account::Account;
use crate::clean_up::CleanUp;
use crate::settings::Settings;

/// What every command works with: the terminal in the output format in force, and the AWS session.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// where data and messages go
    pub(crate) terminal: Terminal,
    /// region, credentials, clients
    pub(crate) session: Session,
    /// what the configuration file says: read once, so that what is wrong with it is told once
    pub(crate) settings: Settings,
    /// what is to be undone however the command ends
    pub(crate) clean_up: CleanUp,
    /// the command's name
    pub(crate) command: String,
}

impl Context {
    /// The account, of which nothing is known yet.
    pub(crate) fn account(&self) -> Account {
        Account::new(self.session.clone(), self.terminal.clone(), self.settings.clone())
    }
}
