//! Search in an index of our own: a row per word and application.

mod index;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;

use sea_orm::{ConnectionTrait, EntityTrait as _};
use stups_store::Error;

use super::document::{Position, decode, query};
use super::headline::headline;
use super::rank::rank;
use super::{LONGEST_EXCERPTED, Match, Place, Search};
use crate::model::application::{self, Model};
use crate::model::list::{COLUMNS, Filter, Page, Sql, limit_clause};

pub(super) use index::index;

/// A word's applications are counted up to this number only: beyond it, it is frequent.
const FREQUENT: u32 = 2_000;

/// Finds and ranks first; then loads and excerpts what is answered.
pub(super) async fn search(
    connection: &impl ConnectionTrait,
    search: &Search,
    filter: &Filter,
    page: &Page<Place>,
) -> Result<Vec<Match>, Error> {
    let words = query(search.text());
    let mut places = match (search, words.as_slice()) {
        (Search::Words(_), [word]) => places_of_word(connection, word, filter, page).await?,
        (Search::Words(_), _) => places_of_words(connection, rarest_first(connection, &words).await?, filter).await?,
        (Search::Prefixes(_), _) => places_of_prefixes(connection, &words, filter).await?,
    };
    places.sort_by(Place::order);
    if let Some(after) = &page.after {
        places.retain(|place| after.order(place).is_lt());
    }
    if let Some(limit) = page.limit {
        places.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }

    let words = match search {
        Search::Words(_) => words,
        // The excerpt marks the words that begin so.
        Search::Prefixes(_) => words_with_prefixes(connection, &words).await?,
    };
    let mut applications = load(connection, &places).await?;
    Ok(places
        .into_iter()
        .filter_map(|place| {
            let application = applications.remove(&place.id)?;
            let headline = headline(&excerpted(&application), &words);
            Some(Match {
                application,
                rank: place.rank,
                headline,
            })
        })
        .collect())
}

fn excerpted(application: &Model) -> String {
    let Model {
        id,
        name,
        subtitle,
        description,
        ..
    } = application;
    let text = [
        id,
        name,
        subtitle.as_deref().unwrap_or_default(),
        description.as_deref().unwrap_or_default(),
    ]
    .join(" ");
    text.chars()
        .filter(|character| !matches!(character, '\u{1}' | '\u{2}'))
        .take(LONGEST_EXCERPTED)
        .collect()
}

/// The words, the one that the fewest applications have first: the search starts with those.
async fn rarest_first(connection: &impl ConnectionTrait, words: &[String]) -> Result<Vec<String>, Error> {
    if words.len() < 2 {
        return Ok(words.to_vec());
    }
    let mut sql = Sql::default();
    let list = sql.value(json(words));
    let text = format!(
        "SELECT value AS term, (SELECT count(*) FROM \
           (SELECT 1 FROM search_terms WHERE term = value LIMIT {FREQUENT})) AS frequency \
         FROM json_each({list}) ORDER BY frequency, term"
    );
    let rows = connection
        .query_all_raw(sql.statement(connection.get_database_backend(), text))
        .await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get("", "term"))
        .collect::<Result<_, _>>()?)
}

/// One word's ranks are in an index, the highest first: no more is read than is wanted.
async fn places_of_word(
    connection: &impl ConnectionTrait,
    word: &str,
    filter: &Filter,
    page: &Page<Place>,
) -> Result<Vec<Place>, Error> {
    let mut sql = Sql::default();
    sql.condition("t.term =", word);
    let mut tables = "search_terms t".to_owned();
    if *filter != Filter::default() {
        tables.push_str(" CROSS JOIN applications a");
        sql.text("a.id = t.application_id");
        sql.filter(filter);
    }
    if let Some(Place { rank, id }) = &page.after {
        let (tenths, id) = (sql.value(index::tenths_of(*rank)), sql.value(id.as_str()));
        sql.text(format!(
            "(t.tenths < {tenths} OR (t.tenths = {tenths} AND t.application_id > {id}))"
        ));
    }
    let conditions = sql.where_clause();
    let limit = limit_clause(&mut sql, page.limit);
    let text = format!(
        "SELECT t.application_id, t.tenths FROM {tables}{conditions} ORDER BY t.tenths DESC, t.application_id{limit}"
    );
    let rows = connection
        .query_all_raw(sql.statement(connection.get_database_backend(), text))
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Place {
                rank: index::rank_of(row.try_get_by_index(1)?),
                id: row.try_get_by_index(0)?,
            })
        })
        .collect()
}

async fn places_of_words(
    connection: &impl ConnectionTrait,
    words: Vec<String>,
    filter: &Filter,
) -> Result<Vec<Place>, Error> {
    let mut sql = Sql::default();
    let mut positions = Vec::new();
    let mut tables = String::new();
    for (index, word) in words.iter().enumerate() {
        sql.condition(&format!("t{index}.term ="), word.as_str());
        positions.push(format!("t{index}.positions"));
        if index == 0 {
            tables.push_str("search_terms t0");
        } else {
            // CROSS JOIN keeps SQLite from reordering: the rarest word is first.
            // Writing to a string cannot fail.
            let _ = write!(tables, " CROSS JOIN search_terms t{index}");
            sql.text(format!("t{index}.application_id = t0.application_id"));
        }
    }
    if *filter != Filter::default() {
        tables.push_str(" CROSS JOIN applications a");
        sql.text("a.id = t0.application_id");
        sql.filter(filter);
    }
    let text = format!(
        "SELECT t0.application_id, {} FROM {tables}{}",
        positions.join(", "),
        sql.where_clause()
    );
    let rows = connection
        .query_all_raw(sql.statement(connection.get_database_backend(), text))
        .await?;
    rows.iter()
        .map(|row| {
            let positions: Vec<Vec<Position>> = (1..=words.len())
                .map(|column| row.try_get_by_index::<String>(column).map(|text| decode(&text)))
                .collect::<Result<_, _>>()?;
            Ok(Place {
                rank: rank(&positions),
                id: row.try_get_by_index(0)?,
            })
        })
        .collect()
}

async fn places_of_prefixes(
    connection: &impl ConnectionTrait,
    words: &[String],
    filter: &Filter,
) -> Result<Vec<Place>, Error> {
    let mut found: HashMap<String, Vec<Vec<Position>>> = HashMap::new();
    for (index, word) in words.iter().enumerate() {
        let mut sql = Sql::default();
        sql.condition("t.term >=", word.as_str());
        sql.condition("t.term <", after_prefix(word));
        let mut tables = "search_terms t".to_owned();
        if *filter != Filter::default() {
            tables.push_str(" CROSS JOIN applications a");
            sql.text("a.id = t.application_id");
            sql.filter(filter);
        }
        let text = format!(
            "SELECT t.application_id, t.positions FROM {tables}{}",
            sql.where_clause()
        );
        for row in connection
            .query_all_raw(sql.statement(connection.get_database_backend(), text))
            .await?
        {
            let id: String = row.try_get_by_index(0)?;
            let positions: String = row.try_get_by_index(1)?;
            // Who lacks an earlier word is out.
            let known = match (index, found.entry(id)) {
                (0, entry) => entry.or_insert_with(|| vec![Vec::new(); words.len()]),
                (_, Entry::Occupied(known)) => known.into_mut(),
                (_, Entry::Vacant(_)) => continue,
            };
            if let Some(known) = known.get_mut(index) {
                known.extend(decode(&positions));
            }
        }
        found.retain(|_, words| words.get(index).is_some_and(|positions| !positions.is_empty()));
    }
    Ok(found
        .into_iter()
        .map(|(id, positions)| Place {
            rank: rank(&positions),
            id,
        })
        .collect())
}

async fn words_with_prefixes(connection: &impl ConnectionTrait, prefixes: &[String]) -> Result<Vec<String>, Error> {
    let mut words = Vec::new();
    for prefix in prefixes {
        let mut sql = Sql::default();
        sql.condition("term >=", prefix.as_str());
        sql.condition("term <", after_prefix(prefix));
        let text = format!(
            "SELECT DISTINCT term FROM search_terms{} LIMIT {FREQUENT}",
            sql.where_clause()
        );
        for row in connection
            .query_all_raw(sql.statement(connection.get_database_backend(), text))
            .await?
        {
            words.push(row.try_get_by_index(0)?);
        }
    }
    Ok(words)
}

/// Texts with the prefix are smaller than this one, byte by byte; it is itself greater than all of them.
fn after_prefix(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}

async fn load(connection: &impl ConnectionTrait, places: &[Place]) -> Result<HashMap<String, Model>, Error> {
    let ids: Vec<&str> = places.iter().map(|place| place.id.as_str()).collect();
    let mut sql = Sql::default();
    let list = sql.value(json(&ids));
    let text = format!("SELECT {COLUMNS} FROM json_each({list}) CROSS JOIN applications a ON a.id = value");
    let statement = sql.statement(connection.get_database_backend(), text);
    let models = application::Entity::find()
        .from_raw_sql(statement)
        .all(connection)
        .await?;
    Ok(models.into_iter().map(|model| (model.id.clone(), model)).collect())
}

/// A list as one value: the statement's text is the same for every number of them, and so it is prepared once.
fn json(list: &(impl serde::Serialize + ?Sized)) -> String {
    // Texts and pairs of texts can always be written.
    serde_json::to_string(list).unwrap_or_default()
}
