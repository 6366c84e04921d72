//! Search by PostgreSQL's own text search.

mod index;

use sea_orm::{ConnectionTrait, FromQueryResult};
use stups_store::Error;

use super::headline::{MATCH_END, MATCH_START, mark_up};
use super::{LONGEST_EXCERPTED, Match, Place, Search, document};
use crate::model::application::Model;
use crate::model::list::{COLUMNS, Filter, Page, Sql, limit_clause};

pub(super) use index::index;

/// Finds first and excerpts then, so that only what is answered is excerpted.
pub(super) async fn search(
    connection: &impl ConnectionTrait,
    search: &Search,
    filter: &Filter,
    page: &Page<Place>,
) -> Result<Vec<Match>, Error> {
    let mut sql = Sql::default();
    let query = match search {
        Search::Words(text) => format!("plainto_tsquery('pg_catalog.english', {})", sql.value(text.as_str())),
        Search::Prefixes(text) => format!("CAST({} AS tsquery)", sql.value(prefixes(text))),
    };
    let mut matches = match search {
        Search::Words(text) if search.words() == 1 => matches_of_word(&mut sql, text, filter),
        _ => matches_of_all(&mut sql, &query, filter),
    };
    if let Some(Place { rank, id }) = &page.after {
        let (rank, id) = (sql.value(*rank), sql.value(id.as_str()));
        matches = format!(
            "SELECT * FROM ({matches}) AS found \
             WHERE match_rank < CAST({rank} AS real) OR (match_rank = CAST({rank} AS real) AND match_id > {id})"
        );
    }
    let limit = limit_clause(&mut sql, page.limit);
    let text = format!(
        "SELECT {COLUMNS}, m.match_rank, ts_headline('pg_catalog.english', \
           left(translate(a.id || ' ' || a.name || ' ' || coalesce(a.subtitle, '') || ' ' || coalesce(a.description, ''), \
             E'\\x01\\x02', ''), {LONGEST_EXCERPTED}), \
           {query}, E'StartSel=\\x01, StopSel=\\x02') AS match_headline \
         FROM ({matches} ORDER BY match_rank DESC, match_id{limit}) AS m JOIN applications a ON a.id = m.match_id \
         ORDER BY m.match_rank DESC, m.match_id"
    );
    let rows = connection
        .query_all_raw(sql.statement(connection.get_database_backend(), text))
        .await?;
    rows.iter()
        .map(|row| {
            let headline: String = row.try_get("", "match_headline")?;
            Ok(Match {
                application: Model::from_query_result(row, "")?,
                rank: row.try_get("", "match_rank")?,
                headline: mark_up(&headline),
            })
        })
        .collect()
}

/// One word's ranks are in an index, the highest first.
fn matches_of_word(sql: &mut Sql, text: &str, filter: &Filter) -> String {
    let text = sql.value(text);
    // The word as PostgreSQL writes it: where it sees several, the first in its order.
    sql.text(format!(
        "t.term = (SELECT lexeme FROM unnest(to_tsvector('pg_catalog.english', {text})) ORDER BY lexeme LIMIT 1)"
    ));
    let mut tables = "search_terms t".to_owned();
    if *filter != Filter::default() {
        tables.push_str(" JOIN applications a ON a.id = t.application_id");
        sql.filter(filter);
    }
    format!(
        "SELECT t.application_id AS match_id, t.rank AS match_rank FROM {tables}{}",
        sql.where_clause()
    )
}

fn matches_of_all(sql: &mut Sql, query: &str, filter: &Filter) -> String {
    sql.text(format!("a.search @@ {query}"));
    sql.filter(filter);
    format!(
        "SELECT a.id AS match_id, ts_rank_cd(a.search, {query}) AS match_rank FROM applications a{}",
        sql.where_clause()
    )
}

/// `'ord':* & 'engin':*`
fn prefixes(text: &str) -> String {
    let quoted = |word: &String| format!("'{}':*", word.replace('\\', "\\\\").replace('\'', "''"));
    document::query(text).iter().map(quoted).collect::<Vec<_>>().join(" & ")
}

const _: () = assert!(MATCH_START as u32 == 1 && MATCH_END as u32 == 2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_of_prefixes_is_quoted() {
        assert_eq!(prefixes("ord Engines"), "'engin':* & 'ord':*");
        assert_eq!(prefixes("/a'b"), "'/a':* & 'b':*");
    }
}
