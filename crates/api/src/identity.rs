//! Identity: tokens, token info, service users, teams, users, policy.
