//! User data for Taupage.
