//! A table's declaration from the row metadata of a TABLE_MAP.
//!
//! `binlog_row_metadata = FULL` (8.0.1) names the columns, their signs, character sets and members, and the
//! primary key. Defaults, further keys, foreign keys and what is generated it does not say.

use crate::{
    binlog::{DecodeError, decode::TableMap},
    schema::{Collation, TableDef, UniqueKey},
};

/// The declaration; `None` where the binlog does not name the columns.
///
/// # Errors
/// The TABLE_MAP contradicts itself.
pub fn from_metadata(map: &TableMap<'_>) -> Result<Option<TableDef>, DecodeError> {
    let columns = map.columns()?;
    if map.optional()?.names().count() < columns.len() {
        return Ok(None);
    }
    let primary = map.primary_key()?.map(|parts| UniqueKey {
        name: "PRIMARY".into(),
        parts,
    });
    Ok(Some(TableDef {
        schema: String::from_utf8_lossy(map.schema).into(),
        name: String::from_utf8_lossy(map.table).into(),
        columns,
        primary,
        uniques: Vec::new(),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
        engine: "innodb".into(),
        collation: Collation {
            charset: "utf8mb4".into(),
            name: "utf8mb4_0900_ai_ci".into(),
        },
    }))
}
