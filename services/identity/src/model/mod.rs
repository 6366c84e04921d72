//! What the service keeps: tables and the queries on them. No HTTP here.
