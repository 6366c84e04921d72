//! Reading and writing rows.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, QueryTrait as _, TryInsertResult,
    UpdateMany,
};
use stups_api::mint::{ApplicationFilter, ScopeName};
use stups_store::{Dialect, Error};

use super::{application, scope};

/// The applications that fulfil the filter, by id.
pub(crate) async fn applications(
    connection: &impl ConnectionTrait,
    filter: &ApplicationFilter,
) -> Result<Vec<application::Model>, Error> {
    let mut query = application::Entity::find().order_by_asc(application::Column::Id);
    if filter.resource_type_id.is_some() || filter.scope_id.is_some() {
        let mut holders = scope::Entity::find().select_only().column(scope::Column::ApplicationId);
        if let Some(resource_type) = &filter.resource_type_id {
            holders = holders.filter(scope::Column::ResourceTypeId.eq(resource_type));
        }
        if let Some(scope) = &filter.scope_id {
            holders = holders.filter(scope::Column::ScopeId.eq(scope));
        }
        query = query.filter(application::Column::Id.in_subquery(holders.into_query()));
    }
    Ok(query.all(connection).await?)
}

/// An application, if there is one.
pub(crate) async fn application(
    connection: &impl ConnectionTrait,
    id: &str,
) -> Result<Option<application::Model>, Error> {
    Ok(application::Entity::find_by_id(id).one(connection).await?)
}

/// An application that nobody else changes until the transaction ends.
pub(crate) async fn locked(
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
pub(crate) async fn insert(transaction: &DatabaseTransaction, model: &application::Model) -> Result<bool, Error> {
    let result = application::Entity::insert(model.clone().into_active_model())
        .on_conflict(OnConflict::column(application::Column::Id).do_nothing().to_owned())
        .try_insert()
        .exec_without_returning(transaction)
        .await?;
    Ok(matches!(result, TryInsertResult::Inserted(rows) if rows == 1))
}

/// Overwrites an application that is locked.
pub(crate) async fn update(transaction: &DatabaseTransaction, model: &application::Model) -> Result<(), Error> {
    application::Entity::update(model.clone().into_active_model().reset_all())
        .exec(transaction)
        .await?;
    Ok(())
}

/// Sets what `values` has, if the worker `owner` has the application; says whether it has.
pub(crate) async fn update_own(
    connection: &impl ConnectionTrait,
    id: &str,
    owner: &str,
    values: application::ActiveModel,
) -> Result<bool, Error> {
    let updated = own(id, owner).set(values).exec(connection).await?;
    Ok(updated.rows_affected == 1)
}

/// A change of an application that the worker `owner` has.
pub(crate) fn own(id: &str, owner: &str) -> UpdateMany<application::Entity> {
    application::Entity::update_many()
        .filter(application::Column::Id.eq(id))
        .filter(application::Column::LeaseOwner.eq(owner))
}

/// Removes an application with its scopes; says whether it was there.
pub(crate) async fn delete(transaction: &DatabaseTransaction, id: &str) -> Result<bool, Error> {
    let deleted = application::Entity::delete_by_id(id).exec(transaction).await?;
    Ok(deleted.rows_affected > 0)
}

/// The scopes of an application, by resource type and id.
pub(crate) async fn scopes(connection: &impl ConnectionTrait, application: &str) -> Result<Vec<ScopeName>, Error> {
    let found = scope::Entity::find()
        .filter(scope::Column::ApplicationId.eq(application))
        .order_by_asc(scope::Column::ResourceTypeId)
        .order_by_asc(scope::Column::ScopeId)
        .all(connection)
        .await?;
    Ok(found.into_iter().map(ScopeName::from).collect())
}

/// Gives an application that is locked exactly these scopes.
pub(crate) async fn replace_scopes(
    transaction: &DatabaseTransaction,
    application: &str,
    wanted: &BTreeSet<ScopeName>,
) -> Result<(), Error> {
    scope::Entity::delete_many()
        .filter(scope::Column::ApplicationId.eq(application))
        .exec(transaction)
        .await?;
    let rows = wanted.iter().map(|wanted| scope::Model {
        application_id: application.to_owned(),
        resource_type_id: wanted.resource_type_id.clone(),
        scope_id: wanted.scope_id.clone(),
    });
    let rows: Vec<scope::ActiveModel> = rows.map(sea_orm::IntoActiveModel::into_active_model).collect();
    if !rows.is_empty() {
        scope::Entity::insert_many(rows)
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

/// Sets when each of the applications was first missed in Kio (nothing: it is there), in one transaction.
pub(crate) async fn set_missing(
    transaction: &DatabaseTransaction,
    changes: &BTreeMap<String, Option<i64>>,
) -> Result<(), Error> {
    for (id, since) in changes {
        application::Entity::update_many()
            .col_expr(
                application::Column::MissingSince,
                sea_orm::sea_query::Expr::value(*since),
            )
            .filter(application::Column::Id.eq(id))
            .exec(transaction)
            .await?;
    }
    Ok(())
}

/// Lets the removal of these applications through the brake, or no more.
pub(crate) async fn release_removals(
    transaction: &DatabaseTransaction,
    ids: &[String],
    released: bool,
) -> Result<(), Error> {
    application::Entity::update_many()
        .col_expr(
            application::Column::RemovalReleased,
            sea_orm::sea_query::Expr::value(released),
        )
        .filter(application::Column::Id.is_in(ids.iter().map(String::as_str)))
        .exec(transaction)
        .await?;
    Ok(())
}
