use sea_orm::ConnectionTrait;
use stups_store::Error;

use super::json;
use crate::model::application::Model;
use crate::model::list::Sql;
use crate::search::document::{Document, Position, Weight, document, encode};

/// Replaces the application's rows; only if what is searched has changed.
pub(in crate::search) async fn index(
    connection: &impl ConnectionTrait,
    previous: Option<&Model>,
    application: &Model,
) -> Result<(), Error> {
    let old = previous.map(document_of).unwrap_or_default();
    let new = document_of(application);
    if old == new {
        return Ok(());
    }
    let backend = connection.get_database_backend();
    let mut sql = Sql::default();
    sql.condition("application_id =", application.id.as_str());
    let text = format!("DELETE FROM search_terms{}", sql.where_clause());
    connection.execute_raw(sql.statement(backend, text)).await?;

    let rows: Vec<(&String, String, i64)> = new
        .iter()
        .map(|(word, positions)| (word, encode(positions), tenths(positions)))
        .collect();
    let mut sql = Sql::default();
    let (id, list) = (sql.value(application.id.as_str()), sql.value(json(&rows)));
    let text = format!(
        "INSERT INTO search_terms (term, application_id, positions, tenths) \
         SELECT value ->> 0, {id}, value ->> 1, value ->> 2 FROM json_each({list})"
    );
    connection.execute_raw(sql.statement(backend, text)).await?;
    Ok(())
}

fn document_of(application: &Model) -> Document {
    let Model {
        id,
        name,
        subtitle,
        description,
        ..
    } = application;
    document(
        id,
        name,
        subtitle.as_deref().unwrap_or_default(),
        description.as_deref().unwrap_or_default(),
    )
}

/// A word's rank by itself, the sum of the weights of its positions, in tenths: whole numbers are compared exactly.
fn tenths(positions: &[Position]) -> i64 {
    positions
        .iter()
        .map(|position| match position.weight {
            Weight::A => 10,
            Weight::B => 4,
            Weight::C => 2,
            Weight::D => 1,
        })
        .sum()
}

/// The rank of so many tenths.
pub(super) fn rank_of(tenths: i64) -> f32 {
    (tenths as f64 / 10.0) as f32
}

/// So many tenths a rank has.
pub(super) fn tenths_of(rank: f32) -> i64 {
    (f64::from(rank) * 10.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::rank::rank;

    #[test]
    fn one_words_rank_is_the_sum_of_its_weights() {
        for (fields, word) in [
            (["kio", "Kio", "", ""], "kio"),
            (["my-app2", "My App", "", ""], "my-app2"),
            (["a", "registry", "registry registry", "a registry"], "registri"),
        ] {
            let [id, name, subtitle, description] = fields;
            let document = document(id, name, subtitle, description);
            let positions = document.get(word).unwrap().clone();
            let tenths = tenths(&positions);
            let rank = rank(&[positions]);
            assert!((rank_of(tenths) - rank).abs() < 1e-6, "{word}: {rank}");
            assert_eq!(tenths_of(rank), tenths);
        }
        for tenths in 0..2550 {
            assert_eq!(tenths_of(rank_of(tenths)), tenths);
        }
    }
}
