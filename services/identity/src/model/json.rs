//! JSON in text columns.

use sea_orm::DbErr;
use serde::Serialize;
use serde::de::DeserializeOwned;
use stups_store::Error;

/// The value of a JSON column.
pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::from(DbErr::Json(error.to_string())))
}

/// The text of a JSON column.
pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("lists and maps with text keys are JSON")
}
