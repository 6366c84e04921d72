//! What every command works with.

use stups_aws::Session;
use stups_terminal::Terminal;

use crate::clean_up::CleanUp;

/// What every command works with: the terminal in the output format in force, and the AWS session.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// where data and messages go
    pub(crate) terminal: Terminal,
    /// region, credentials, clients
    pub(crate) session: Session,
    /// what is to be undone however the command ends
    pub(crate) clean_up: CleanUp,
    /// the command's name
    pub(crate) command: String,
}
