//! The tables of the audit trail.

#![allow(unreachable_pub, dead_code, clippy::wildcard_imports)] // what the derive makes is public

use sea_orm::entity::prelude::*;

use super::{Event, Record};
use crate::Error;

/// One row per record; the database refuses to change or remove one.
pub(super) mod record {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_records")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub sequence: i64,
        pub service: String,
        pub recorded_at: i64,
        /// the event's subject, for finding it
        pub subject: String,
        /// the event's actor as `/realm/uid`, for finding it
        pub actor: String,
        /// the event as canonical JSON
        pub event: String,
        pub previous: String,
        pub hash: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// One row: the chain's last record. Who appends holds its lock.
pub(super) mod head {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_head")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub sequence: i64,
        pub hash: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How far the trail has been shipped, per destination.
pub(super) mod shipment {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_shipments")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub destination: String,
        pub sequence: i64,
        /// who ships, until when: milliseconds since 1970 UTC
        pub shipper: String,
        pub leased_until: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl TryFrom<record::Model> for Record {
    type Error = Error;

    fn try_from(row: record::Model) -> Result<Self, Error> {
        let event: Event = serde_json::from_str(&row.event)
            .map_err(|error| super::broken(&format!("record {} cannot be read: {error}", row.sequence)))?;
        Ok(Self {
            sequence: row.sequence,
            service: row.service,
            recorded_at: row.recorded_at,
            event,
            previous: row.previous,
            hash: row.hash,
        })
    }
}
