//! What a DDL statement says, with the names resolved and everything else as written.
//!
//! Columns and keys are not yet resolved against a table: an inherited collation, a made-up key name or
//! a position depends on the table and the schema at the time of execution.

use super::Context;
use crate::database::EventStatus;
use crate::schema::{Collation, ColumnKind, Display, Generated, Referential};
use std::fmt;
use std::sync::Arc;

/// A table by its full name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// Schema.
    pub schema: Arc<str>,
    /// Table.
    pub name: Arc<str>,
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// CREATE DATABASE.
    CreateSchema {
        /// Schema.
        name: Arc<str>,
        /// IF NOT EXISTS.
        if_not_exists: bool,
        /// Its default collation (the server's when none is said).
        collation: Collation,
    },
    /// DROP DATABASE.
    DropSchema {
        /// Schema.
        name: Arc<str>,
        /// IF EXISTS.
        if_exists: bool,
    },
    /// ALTER DATABASE.
    AlterSchema {
        /// Schema.
        name: Arc<str>,
        /// The new default collation, if the statement says one.
        collation: Option<Collation>,
    },
    /// USE.
    Use(Arc<str>),
    /// CREATE TABLE.
    CreateTable(Box<CreateTable>),
    /// DROP TABLE.
    DropTables {
        /// In order.
        names: Vec<TableName>,
        /// IF EXISTS.
        if_exists: bool,
        /// All or none, as since 8.0; before, those that exist are dropped even when one does not.
        atomic: bool,
    },
    /// RENAME TABLE: (from, to), one after the other.
    RenameTables(Vec<(TableName, TableName)>),
    /// TRUNCATE.
    Truncate(TableName),
    /// ALTER TABLE, CREATE INDEX, DROP INDEX.
    AlterTable(Box<AlterTable>),
    /// CREATE, ALTER or DROP EVENT, of a schedule that is modelled ([`Schedule`]).
    Event(Box<EventStatement>),
    /// ALTER USER or SET PASSWORD, as a server writes it into its binlog.
    Password {
        /// `'user'@'host'`.
        account: Arc<str>,
        /// What passwords are checked against from then on.
        authentication: Arc<str>,
    },
    /// It leaves the rows, columns and keys of tables as they are (views, users, SET, temporary tables …).
    Ignored {
        /// What it is, in MySQL's words: `CREATE VIEW`.
        what: String,
    },
    /// It changes rows by statement (INSERT, LOAD DATA, CALL …): a row applier cannot follow it.
    Dml {
        /// The first word, in upper case.
        verb: String,
    },
    /// BEGIN, COMMIT, ROLLBACK, SAVEPOINT, XA …
    Transaction {
        /// The first word, in upper case; START for START TRANSACTION.
        verb: String,
    },
}

impl Statement {
    /// The schema that is created, changed or dropped.
    pub fn schema(&self) -> Option<&Arc<str>> {
        match self {
            Self::CreateSchema { name, .. }
            | Self::DropSchema { name, .. }
            | Self::AlterSchema { name, .. } => Some(name),
            _ => None,
        }
    }
}

/// CREATE TABLE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTable {
    /// Table.
    pub name: TableName,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Columns, or the table to be like.
    pub body: CreateBody,
    /// The session that ran it.
    pub context: Context,
}

/// Where a new table's columns come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateBody {
    /// Columns and keys are written out.
    Defined(TableSpec),
    /// CREATE TABLE … LIKE.
    Like(TableName),
}

/// Columns, keys and options as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableSpec {
    /// In order.
    pub columns: Vec<ColumnSpec>,
    /// In order of declaration, those in column definitions and those that foreign keys ask for included.
    pub keys: Vec<KeySpec>,
    /// In order of declaration.
    pub foreign_keys: Vec<ForeignKeySpec>,
    /// Options.
    pub options: TableOptions,
}

/// Table options that have an effect here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// In lower case.
    pub engine: Option<Arc<str>>,
    /// CHARACTER SET and COLLATE.
    pub charset: CharsetSpec,
    /// AUTO_INCREMENT=n: the next value.
    pub auto_increment: Option<u64>,
}

/// What is said about the character set of a column, a table or a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CharsetSpec {
    /// CHARACTER SET.
    pub charset: Option<Arc<str>>,
    /// COLLATE.
    pub collation: Option<Arc<str>>,
    /// The attribute BINARY: the set's `_bin` collation.
    pub binary: bool,
}

impl CharsetSpec {
    /// Nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == CharsetSpec::default()
    }
}

/// A column as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Name.
    pub name: Arc<str>,
    /// Type.
    pub kind: ColumnType,
    /// ZEROFILL and digits after the point.
    pub display: Display,
    /// For the types that have characters.
    pub charset: CharsetSpec,
    /// NULL or NOT NULL, if said.
    pub nullable: Option<bool>,
    /// DEFAULT, if said.
    pub default: Option<DefaultSpec>,
    /// ON UPDATE CURRENT_TIMESTAMP.
    pub on_update_now: bool,
    /// AUTO_INCREMENT.
    pub auto_increment: bool,
    /// GENERATED ALWAYS AS.
    pub generated: Option<Generated>,
}

/// A column's type before its character set is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// It depends on nothing else.
    Exact(ColumnKind),
    /// CHAR(n) and VARCHAR(n).
    Chars {
        /// n, in characters.
        length: u64,
        /// VARCHAR.
        varying: bool,
    },
    /// TEXT in a class, by the bytes of its length prefix.
    Text {
        /// 1 to 4.
        length_bytes: u8,
    },
    /// TEXT(n): the smallest class that holds n characters.
    TextOf {
        /// n, in characters.
        length: u64,
    },
}

/// DEFAULT as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefaultSpec {
    /// NULL.
    Null,
    /// A string.
    Text(String),
    /// A number, with its sign.
    Number(String),
    /// x'…' or b'…'.
    Bytes(Vec<u8>),
    /// CURRENT_TIMESTAMP and its synonyms.
    Now,
    /// (expression): its text without the outer parentheses.
    Expression(String),
}

/// What kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// PRIMARY KEY.
    Primary,
    /// UNIQUE.
    Unique,
    /// KEY, INDEX, FULLTEXT, SPATIAL.
    Plain,
}

/// A key as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// Kind.
    pub kind: KeyKind,
    /// Name, if said.
    pub name: Option<Arc<str>>,
    /// Parts in order.
    pub parts: Vec<KeyPartSpec>,
    /// Asked for by a foreign key: left out where another key does.
    pub for_foreign_key: bool,
}

/// A part of a key as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPartSpec {
    /// The column; `None` is an expression.
    pub column: Option<Arc<str>>,
    /// Prefix length.
    pub prefix: Option<u32>,
}

/// A foreign key as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKeySpec {
    /// CONSTRAINT name.
    pub name: Option<Arc<str>>,
    /// Columns of the child.
    pub columns: Vec<Arc<str>>,
    /// Parent.
    pub parent: TableName,
    /// Columns of the parent.
    pub parent_columns: Vec<Arc<str>>,
    /// ON DELETE.
    pub on_delete: Referential,
    /// ON UPDATE.
    pub on_update: Referential,
}

/// ALTER TABLE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterTable {
    /// Table.
    pub name: TableName,
    /// In order of writing; what has no effect here is left out.
    pub changes: Vec<AlterChange>,
    /// The session that ran it.
    pub context: Context,
}

/// Where a column goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// FIRST.
    First,
    /// AFTER a column.
    After(Arc<str>),
}

/// One change of ALTER TABLE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlterChange {
    /// ADD COLUMN; its inline keys follow as [`AlterChange::AddKey`].
    AddColumn(ColumnSpec, Option<Position>),
    /// DROP COLUMN.
    DropColumn(Arc<str>),
    /// CHANGE (and MODIFY, where both names are the same).
    ChangeColumn(Arc<str>, ColumnSpec, Option<Position>),
    /// RENAME COLUMN from, to.
    RenameColumn(Arc<str>, Arc<str>),
    /// ALTER COLUMN … SET DEFAULT, or DROP DEFAULT with `None`.
    SetDefault(Arc<str>, Option<DefaultSpec>),
    /// ADD PRIMARY KEY, UNIQUE, KEY …
    AddKey(KeySpec),
    /// DROP PRIMARY KEY.
    DropPrimaryKey,
    /// DROP KEY.
    DropKey(Arc<str>),
    /// RENAME KEY from, to.
    RenameKey(Arc<str>, Arc<str>),
    /// ADD FOREIGN KEY; the key that it asks for follows as [`AlterChange::AddKey`].
    AddForeignKey(ForeignKeySpec),
    /// DROP FOREIGN KEY.
    DropForeignKey(Arc<str>),
    /// DROP CONSTRAINT: a foreign key, a unique key or a check.
    DropConstraint(Arc<str>),
    /// RENAME TO.
    Rename(TableName),
    /// CONVERT TO CHARACTER SET; `None` is the schema's default.
    ConvertTo(CharsetSpec),
    /// ENGINE, CHARACTER SET, COLLATE, AUTO_INCREMENT.
    Options(TableOptions),
    /// FORCE, ROW_FORMAT, KEY_BLOCK_SIZE: the table is rebuilt, its rows as they are.
    Force,
    /// ORDER BY, PARTITION BY, REMOVE PARTITIONING: its rows are copied, and are as they are.
    Reorder,
}

/// ON SCHEDULE EVERY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// EVERY, in seconds.
    pub every_s: u64,
    /// STARTS, in seconds since 1970: when the statement started, where it says none.
    pub starts_s: u64,
}

/// CREATE, ALTER or DROP EVENT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventStatement {
    /// The event's full name.
    pub name: TableName,
    /// What becomes of it.
    pub change: EventChange,
}

/// What a statement makes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventChange {
    /// CREATE.
    Create {
        /// IF NOT EXISTS.
        if_not_exists: bool,
        /// ON SCHEDULE.
        schedule: Schedule,
        /// ENABLE, unless DISABLE is said.
        status: EventStatus,
        /// The statement behind DO.
        body: Arc<str>,
    },
    /// ALTER: what is not said stays.
    Alter {
        /// ON SCHEDULE.
        schedule: Option<Schedule>,
        /// ENABLE or DISABLE.
        status: Option<EventStatus>,
        /// The statement behind DO.
        body: Option<Arc<str>>,
    },
    /// DROP.
    Drop {
        /// IF EXISTS.
        if_exists: bool,
    },
}
