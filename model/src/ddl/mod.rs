//! DDL: the text of QUERY events and schema files, as changes of a catalogue of tables.
//!
//! ```text
//! text --script--> statements --parse--> Statement --apply--> Database
//!                                           |
//!                     define (CREATE) / alter (ALTER): TableDef, purely
//! ```
//!
//! The grammar is MySQL's (manual, "Data Definition Statements"), read by hand from tokens: what has no
//! effect on rows, columns and keys is stepped over with its quotes and parentheses intact, and what has
//! an effect that cannot be followed is an error that names the clause. Nothing is guessed.

mod account_text;
mod alter;
mod alter_text;
mod apply;
mod charset;
mod column;
mod column_text;
mod context;
mod create;
mod create_text;
pub(crate) mod cursor;
mod default;
mod effort;
mod error;
mod event;
mod event_text;
mod keys;
mod lex;
mod options;
mod script;
mod statement;
mod statement_text;
mod types;

#[cfg(test)]
mod tests;

pub use alter::{Altered, alter};
pub use apply::{apply, apply_by};
pub use charset::{by_name as collation_by_name, bytes_per_char};
pub use context::{Context, SqlMode, TimeZone, Version};
pub use effort::{Algorithm, Effort, effort_of_text, effort_to_complete};
pub use error::{DdlError, ParseError};
pub use event::By;
pub use script::{Placed, parse_script};
pub use statement::{
    AlterChange, AlterTable, CharsetSpec, ColumnSpec, ColumnType, CreateBody, CreateTable,
    DefaultSpec, EventChange, EventStatement, ForeignKeySpec, KeyKind, KeyPartSpec, KeySpec,
    Position, Schedule, Statement, TableName, TableOptions, TableSpec,
};
pub use statement_text::parse;
