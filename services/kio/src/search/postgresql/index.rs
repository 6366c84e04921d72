use sea_orm::ConnectionTrait;
use stups_store::Error;

use crate::model::application::Model;
use crate::model::list::Sql;

/// What PostgreSQL says of each word of an application by itself; only if what is searched has changed. The application is
/// written already, and its text search vector with it.
pub(in crate::search) async fn index(
    connection: &impl ConnectionTrait,
    previous: Option<&Model>,
    application: &Model,
) -> Result<(), Error> {
    let searched = |model: &Model| (model.name.clone(), model.subtitle.clone(), model.description.clone());
    if previous.is_some_and(|previous| searched(previous) == searched(application)) {
        return Ok(());
    }
    for text in [
        "DELETE FROM search_terms WHERE application_id = $1",
        "INSERT INTO search_terms (term, application_id, rank) \
         SELECT lexeme, id, ts_rank_cd(search, CAST( \
           '''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''' AS tsquery)) \
         FROM applications, unnest(search) WHERE id = $1",
    ] {
        let mut sql = Sql::default();
        sql.value(application.id.as_str());
        connection
            .execute_raw(sql.statement(connection.get_database_backend(), text))
            .await?;
    }
    Ok(())
}
