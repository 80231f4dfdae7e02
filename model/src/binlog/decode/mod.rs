//! Events as their bodies have them, borrowed: no decoder here allocates, save where it says so.
//!
//! MySQL source: `libs/mysql/binlog/event/*` (`control_events`, `statement_events`, `rows_event`), and the
//! internals manual's "Event Data for Specific Event Types".

mod control;
mod gtid;
mod metadata;
mod payload;
mod query;
mod rows;
mod statement;
mod table_map;

pub use control::{
    FormatDescription, Heartbeat, Incident, Rotate, XaPrepare, previous_gtids, rows_query, xid,
};
pub use gtid::GtidEvent;
pub use metadata::{Members, OptionalMetadata};
pub use payload::{PAYLOAD_LIMIT_BYTES, PayloadError, TransactionPayload};
pub use query::{Query, StatusVar, StatusVars};
pub use rows::{RowChange, RowChanges, RowsEvent, RowsKind, rows_flag};
pub use statement::{IntVar, Rand, UserVar};
pub use table_map::{Mismatch, TableMap};

pub(crate) use control::version_number;
pub(crate) use gtid::GtidBrief;
pub(crate) use table_map::{WireMetadata, collation_by_id, wire_type};
