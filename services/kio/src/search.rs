//! Full-text search over id, name, subtitle and description, with rank and excerpt (contract kio 2.6).
//!
//! PostgreSQL searches by itself. On SQLite the service keeps the index in a table of its own, with the same words, ranks and
//! excerpts.

mod document;
mod headline;
mod lexeme;
mod parser;
mod postgresql;
mod rank;
mod sqlite;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use sea_orm::DatabaseTransaction;
use stups_store::{Dialect, Error, Store};

use crate::model::application::Model;
use crate::model::list::{Filter, Page};

/// What is searched for. All words have to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// Whole words.
    Words(String),
    /// Words that begin so.
    Prefixes(String),
}

impl Search {
    fn text(&self) -> &str {
        match self {
            Self::Words(text) | Self::Prefixes(text) => text,
        }
    }

    /// How many different words are searched for.
    pub(crate) fn words(&self) -> usize {
        document::query(self.text()).len()
    }
}

/// An application that matches.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Match {
    pub(crate) application: Model,
    pub(crate) rank: f32,
    /// HTML: matches in `<b>`, all else escaped.
    pub(crate) headline: String,
}

/// Where an application stands in a list by descending rank.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) rank: f32,
    pub(crate) id: String,
}

impl Place {
    fn order(&self, other: &Self) -> Ordering {
        other.rank.total_cmp(&self.rank).then_with(|| self.id.cmp(&other.id))
    }
}

/// No more of a document than so many characters is looked at for its excerpt.
const LONGEST_EXCERPTED: usize = 50_000;

/// The applications that match and fulfil the filter, by descending rank, then by id.
pub(crate) async fn search(
    store: &Store,
    search: &Search,
    filter: &Filter,
    page: &Page<Place>,
) -> Result<Vec<Match>, Error> {
    if search.words() == 0 {
        return Ok(Vec::new());
    }
    match store.dialect() {
        Dialect::Sqlite => sqlite::search(store.connection(), search, filter, page).await,
        Dialect::PostgreSql => postgresql::search(store.connection(), search, filter, page).await,
    }
}

/// Brings the index up to date with an application that is being written; `previous` is what stood there.
pub(crate) async fn index(
    dialect: Dialect,
    transaction: &DatabaseTransaction,
    previous: Option<&Model>,
    application: &Model,
) -> Result<(), Error> {
    match dialect {
        Dialect::Sqlite => sqlite::index(transaction, previous, application).await,
        Dialect::PostgreSql => postgresql::index(transaction, previous, application).await,
    }
}
