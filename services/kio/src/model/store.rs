//! Reading and writing rows.

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Statement, TryInsertResult,
};
use stups_store::{Dialect, Error};

use super::{application, approval, version};

/// An application, if there is one.
pub(crate) async fn application(
    connection: &impl ConnectionTrait,
    id: &str,
) -> Result<Option<application::Model>, Error> {
    Ok(application::Entity::find_by_id(id).one(connection).await?)
}

/// An application that nobody else changes until the transaction ends.
pub(crate) async fn locked_application(
    dialect: Dialect,
    transaction: &DatabaseTransaction,
    id: &str,
) -> Result<Option<application::Model>, Error> {
    let mut query = application::Entity::find_by_id(id);
    // On SQLite a write has the whole database.
    if dialect == Dialect::PostgreSql {
        query = query.lock_exclusive();
    }
    Ok(query.one(transaction).await?)
}

/// Inserts an application; says no if somebody else was first.
pub(crate) async fn insert_application(
    transaction: &DatabaseTransaction,
    model: &application::Model,
) -> Result<bool, Error> {
    let result = application::Entity::insert(model.clone().into_active_model())
        .on_conflict(OnConflict::column(application::Column::Id).do_nothing().to_owned())
        .try_insert()
        .exec_without_returning(transaction)
        .await?;
    Ok(matches!(result, TryInsertResult::Inserted(rows) if rows == 1))
}

/// Overwrites an application.
pub(crate) async fn update_application(
    transaction: &DatabaseTransaction,
    model: &application::Model,
) -> Result<(), Error> {
    application::Entity::update(model.clone().into_active_model().reset_all())
        .exec(transaction)
        .await?;
    Ok(())
}

/// A version, if there is one.
pub(crate) async fn version(
    connection: &impl ConnectionTrait,
    application_id: &str,
    id: &str,
) -> Result<Option<version::Model>, Error> {
    Ok(version::Entity::find_by_id((application_id.to_owned(), id.to_owned()))
        .one(connection)
        .await?)
}

/// The versions of an application, by id.
pub(crate) async fn versions(
    connection: &impl ConnectionTrait,
    application_id: &str,
) -> Result<Vec<version::Model>, Error> {
    Ok(version::Entity::find()
        .filter(version::Column::ApplicationId.eq(application_id))
        .order_by_asc(version::Column::Id)
        .all(connection)
        .await?)
}

/// Writes a version and removes its approvals: they were for what stood there before (contract kio 2.8). What it was, if it was.
///
/// The application has to be locked: then no approval comes in between.
pub(crate) async fn replace_version(
    transaction: &DatabaseTransaction,
    mut model: version::Model,
) -> Result<Option<version::Model>, Error> {
    let stored = version(transaction, &model.application_id, &model.id).await?;
    approval::Entity::delete_many()
        .filter(approval::Column::ApplicationId.eq(&model.application_id))
        .filter(approval::Column::VersionId.eq(&model.id))
        .exec(transaction)
        .await?;
    match &stored {
        Some(stored) => {
            model.created_at = stored.created_at;
            model.created_by.clone_from(&stored.created_by);
            version::Entity::update(model.into_active_model().reset_all())
                .exec(transaction)
                .await?;
        }
        None => {
            model.into_active_model().insert(transaction).await?;
        }
    }
    Ok(stored)
}

/// The approvals of a version, oldest first.
pub(crate) async fn approvals(
    connection: &impl ConnectionTrait,
    application_id: &str,
    version_id: &str,
) -> Result<Vec<approval::Model>, Error> {
    Ok(approval::Entity::find()
        .filter(approval::Column::ApplicationId.eq(application_id))
        .filter(approval::Column::VersionId.eq(version_id))
        .order_by_asc(approval::Column::ApprovedAt)
        .order_by_asc(approval::Column::UserId)
        .order_by_asc(approval::Column::ApprovalType)
        .all(connection)
        .await?)
}

/// Inserts an approval; says no if there is one of this person and type.
pub(crate) async fn insert_approval(transaction: &DatabaseTransaction, model: approval::Model) -> Result<bool, Error> {
    let key = [
        approval::Column::ApplicationId,
        approval::Column::VersionId,
        approval::Column::UserId,
        approval::Column::ApprovalType,
    ];
    let result = approval::Entity::insert(model.into_active_model())
        .on_conflict(OnConflict::columns(key).do_nothing().to_owned())
        .try_insert()
        .exec_without_returning(transaction)
        .await?;
    Ok(matches!(result, TryInsertResult::Inserted(rows) if rows == 1))
}

/// The types of approval that versions of the application have, each once.
pub(crate) async fn approval_types(
    connection: &impl ConnectionTrait,
    application_id: &str,
) -> Result<Vec<String>, Error> {
    let statement = Statement::from_sql_and_values(
        connection.get_database_backend(),
        "SELECT DISTINCT approval_type FROM approvals WHERE application_id = $1 ORDER BY approval_type",
        [application_id.into()],
    );
    let rows = connection.query_all_raw(statement).await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get_by_index(0))
        .collect::<Result<_, _>>()?)
}
