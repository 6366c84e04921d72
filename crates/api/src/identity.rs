//! Identity: tokens, token info, service users, teams, users, policy (contract identity).

mod app_passwords;
mod client;
mod directory;
mod discovery;
mod patch;
mod service_users;
mod token;
mod token_info;

pub use app_passwords::{AppPassword, MadeAppPassword, NewAppPassword};
pub use client::IdentityClient;
pub use directory::{
    Account, AccountMember, AccountReference, Change, ChangeKind, Client, ClientSecret, Grant, Group, ImportReport,
    NewPassword, NewSshKey, Page, Password, PolicyPayload, PolicyQuestion, SshKey, Team, TeamKind, TeamOfUser,
    TokenProfile, User, UserDetails,
};
pub use discovery::Metadata;
pub use patch::{AccountPatch, ClientPatch, Scopes, TeamPatch, UserPatch};
pub use service_users::{
    ClientConfig, ClientRotation, Commit, CommitClient, NewClient, RealmName, RealmScopes, ServiceUser,
    ServiceUserAnswer, ServiceUserId, ServiceUserPassword, ServiceUserWrite, UserConfig,
};
pub use token::{DeviceAuthorization, Introspection, TokenResponse};
pub use token_info::TokenInfo;
