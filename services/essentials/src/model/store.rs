//! Reading and writing rows.

use sea_orm::sea_query::{Expr, Func, LikeExpr, OnConflict};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, ExprTrait as _,
    IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, TryInsertResult,
};
use stups_store::{Dialect, Error};

use super::{resource_type, scope};

/// Which resource types a list has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Those of this application: its own id, and the ids with it before their dot.
    pub(crate) application: Option<String>,
    /// Those with this text in their id or name, in whatever case.
    pub(crate) search: Option<String>,
}

/// The resource types, by id.
pub(crate) async fn resource_types(
    connection: &impl ConnectionTrait,
    filter: &Filter,
) -> Result<Vec<resource_type::Model>, Error> {
    use resource_type::Column;
    let mut query = resource_type::Entity::find().order_by_asc(Column::Id);
    if let Some(application) = &filter.application {
        // Application ids have neither % nor _.
        let own = Column::Id.eq(application);
        query = query.filter(own.or(Column::Id.like(format!("{application}.%"))));
    }
    if let Some(search) = &filter.search {
        let pattern = || LikeExpr::new(format!("%{}%", escaped(&search.to_lowercase()))).escape('\\');
        let lower = |column: Column| Expr::from(Func::lower(Expr::col(column)));
        let (id, name) = (lower(Column::Id), lower(Column::Name));
        query = query.filter(id.like(pattern()).or(name.like(pattern())));
    }
    Ok(query.all(connection).await?)
}

/// The text without what means something to LIKE.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// A resource type, if there is one.
pub(crate) async fn resource_type(
    connection: &impl ConnectionTrait,
    id: &str,
) -> Result<Option<resource_type::Model>, Error> {
    Ok(resource_type::Entity::find_by_id(id).one(connection).await?)
}

/// A resource type of which nobody else changes anything, its scopes neither, until the transaction ends.
pub(crate) async fn locked_resource_type(
    dialect: Dialect,
    transaction: &DatabaseTransaction,
    id: &str,
) -> Result<Option<resource_type::Model>, Error> {
    let mut query = resource_type::Entity::find_by_id(id);
    // On SQLite a write has the whole database.
    if dialect == Dialect::PostgreSql {
        query = query.lock_exclusive();
    }
    Ok(query.one(transaction).await?)
}

/// Inserts a resource type; says no if somebody else was first.
pub(crate) async fn insert_resource_type(
    transaction: &DatabaseTransaction,
    model: &resource_type::Model,
) -> Result<bool, Error> {
    let result = resource_type::Entity::insert(model.clone().into_active_model())
        .on_conflict(OnConflict::column(resource_type::Column::Id).do_nothing().to_owned())
        .try_insert()
        .exec_without_returning(transaction)
        .await?;
    Ok(matches!(result, TryInsertResult::Inserted(rows) if rows == 1))
}

/// Overwrites a resource type.
pub(crate) async fn update_resource_type(
    transaction: &DatabaseTransaction,
    model: &resource_type::Model,
) -> Result<(), Error> {
    resource_type::Entity::update(model.clone().into_active_model().reset_all())
        .exec(transaction)
        .await?;
    Ok(())
}

/// Removes a resource type and its scopes.
pub(crate) async fn delete_resource_type(transaction: &DatabaseTransaction, id: &str) -> Result<(), Error> {
    resource_type::Entity::delete_by_id(id).exec(transaction).await?;
    Ok(())
}

/// The scopes of a resource type, by id.
pub(crate) async fn scopes(connection: &impl ConnectionTrait, resource_type: &str) -> Result<Vec<scope::Model>, Error> {
    Ok(scope::Entity::find()
        .filter(scope::Column::ResourceTypeId.eq(resource_type))
        .order_by_asc(scope::Column::Id)
        .all(connection)
        .await?)
}

/// All scopes, by resource type and id.
pub(crate) async fn all_scopes(connection: &impl ConnectionTrait) -> Result<Vec<scope::Model>, Error> {
    Ok(scope::Entity::find()
        .order_by_asc(scope::Column::ResourceTypeId)
        .order_by_asc(scope::Column::Id)
        .all(connection)
        .await?)
}

/// A scope, if there is one.
pub(crate) async fn scope(
    connection: &impl ConnectionTrait,
    resource_type: &str,
    id: &str,
) -> Result<Option<scope::Model>, Error> {
    Ok(scope::Entity::find_by_id((resource_type.to_owned(), id.to_owned()))
        .one(connection)
        .await?)
}

/// Writes a scope of a resource type that is locked.
pub(crate) async fn put_scope(
    transaction: &DatabaseTransaction,
    model: &scope::Model,
    exists: bool,
) -> Result<(), Error> {
    let row = model.clone().into_active_model().reset_all();
    if exists {
        scope::Entity::update(row).exec(transaction).await?;
    } else {
        scope::Entity::insert(row).exec_without_returning(transaction).await?;
    }
    Ok(())
}

/// Removes a scope.
pub(crate) async fn delete_scope(
    transaction: &DatabaseTransaction,
    resource_type: &str,
    id: &str,
) -> Result<(), Error> {
    scope::Entity::delete_by_id((resource_type.to_owned(), id.to_owned()))
        .exec(transaction)
        .await?;
    Ok(())
}
