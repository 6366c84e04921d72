//! Which applications a list has (contract kio 2.6).

use sea_orm::{DbBackend, EntityTrait as _, Statement, Value};
use stups_store::{Error, Store};

use super::application::{Entity, Model};

/// Which incident contact is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IncidentContact {
    /// Exactly this one.
    Is(String),
    /// There is none, or an empty one.
    Missing,
}

/// What applications have to fulfil. The default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Changed last at this moment or before (milliseconds since 1970 UTC).
    pub(crate) modified_before: Option<i64>,
    /// Changed last at this moment or after.
    pub(crate) modified_after: Option<i64>,
    pub(crate) team_id: Option<String>,
    pub(crate) incident_contact: Option<IncidentContact>,
    pub(crate) active: Option<bool>,
}

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page<C> {
    /// No more than so many; none means all.
    pub(crate) limit: Option<u64>,
    /// Only what stands behind this place.
    pub(crate) after: Option<C>,
}

impl<C> Default for Page<C> {
    /// The whole list.
    fn default() -> Self {
        Self {
            limit: None,
            after: None,
        }
    }
}

/// SQL that is put together: conditions and the values of their placeholders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sql {
    conditions: Vec<String>,
    pub(crate) values: Vec<Value>,
}

impl Sql {
    /// The placeholder of a value: `$1`, which both databases understand.
    pub(crate) fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// Adds a condition with one value behind it.
    pub(crate) fn condition(&mut self, left: &str, value: impl Into<Value>) {
        let placeholder = self.value(value);
        self.conditions.push(format!("{left} {placeholder}"));
    }

    /// Adds a condition as it is.
    pub(crate) fn text(&mut self, condition: impl Into<String>) {
        self.conditions.push(condition.into());
    }

    /// Adds what the filter asks of the table `a`.
    pub(crate) fn filter(&mut self, filter: &Filter) {
        if let Some(time) = filter.modified_before {
            self.condition("a.last_modified_at <=", time);
        }
        if let Some(time) = filter.modified_after {
            self.condition("a.last_modified_at >=", time);
        }
        if let Some(team) = &filter.team_id {
            self.condition("a.team_id =", team.as_str());
        }
        match &filter.incident_contact {
            Some(IncidentContact::Is(contact)) => self.condition("a.incident_contact =", contact.as_str()),
            Some(IncidentContact::Missing) => self.text("(a.incident_contact IS NULL OR a.incident_contact = '')"),
            None => {}
        }
        if let Some(active) = filter.active {
            self.condition("a.active =", active);
        }
    }

    /// The conditions, if there are any, as ` WHERE ...`.
    pub(crate) fn where_clause(&self) -> String {
        if self.conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", self.conditions.join(" AND "))
        }
    }

    pub(crate) fn statement(self, backend: DbBackend, sql: impl Into<String>) -> Statement {
        Statement::from_sql_and_values(backend, sql, self.values)
    }
}

/// The columns of [`Model`] in the table `a`.
pub(crate) const COLUMNS: &str = "a.id, a.team_id, a.active, a.name, a.incident_contact, a.subtitle, a.description, \
    a.service_url, a.scm_url, a.documentation_url, a.specification_url, a.support_url, a.specification_type, \
    a.criticality_level, a.publicly_accessible, a.created_at, a.created_by, a.last_modified_at, a.last_modified_by, \
    a.revision";

/// The applications that fulfil the filter, by id; the cursor is the id of the last one seen.
pub(crate) async fn list(store: &Store, filter: &Filter, page: &Page<String>) -> Result<Vec<Model>, Error> {
    let mut sql = Sql::default();
    sql.filter(filter);
    if let Some(after) = &page.after {
        sql.condition("a.id >", after.as_str());
    }
    let limit = limit_clause(&mut sql, page.limit);
    let text = format!(
        "SELECT {COLUMNS} FROM applications a{} ORDER BY a.id{limit}",
        sql.where_clause()
    );
    let connection = store.connection();
    Ok(Entity::find()
        .from_raw_sql(sql.statement(connection.get_database_backend(), text))
        .all(connection)
        .await?)
}

/// ` LIMIT ...`, if there is one.
pub(crate) fn limit_clause(sql: &mut Sql, limit: Option<u64>) -> String {
    let limit = limit.map(|limit| sql.value(i64::try_from(limit).unwrap_or(i64::MAX)));
    limit.map_or_else(String::new, |placeholder| format!(" LIMIT {placeholder}"))
}
