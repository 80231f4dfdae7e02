//! What carrying out an ALTER TABLE takes: its algorithm, and how often rows are gone through.
//!
//! Facts (MySQL manual, "Online DDL Operations", "Online DDL Performance and Concurrency"): a change of the declaration
//! alone is made at once. INPLACE rebuilds the table, or builds an index, beside clients that write; it takes the metadata
//! lock as it begins and as it ends. COPY writes all rows into a new table, and nobody else writes meanwhile. Foreign keys
//! are added by COPY while `foreign_key_checks` is ON. Columns are added INSTANT at the end from 8.0.12 on, anywhere from
//! 8.0.29 on, and dropped from then on; before, the table is rebuilt.
//!
//! Not modelled: the clauses ALGORITHM and LOCK; what rules INSTANT out besides (ROW_FORMAT=COMPRESSED, a FULLTEXT index, 64
//! row versions); that a CHECK is asked of all rows, and that FULLTEXT and SPATIAL indexes are built while nobody writes; that
//! TRUNCATE and DROP of a large table take time.

use super::{AlterChange, Altered, Context, Statement, Version, alter, apply};
use crate::database::{ColumnSource, Database};
use crate::schema::{Column, ColumnKind, Generated, TableDef};

/// How a server carries a change of a table out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// The declaration alone changes, whatever the server calls that.
    Instant,
    /// Beside clients that write.
    InPlace,
    /// Nobody else writes meanwhile.
    Copy,
}

/// What a change of a table takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// How it is carried out.
    pub algorithm: Algorithm,
    /// Rows that are gone through: all of the table's for a rebuild or a copy, and again for each index that is added.
    pub rows: u64,
}

impl Effort {
    /// Of what is done at once.
    pub const NONE: Self = Self {
        algorithm: Algorithm::Instant,
        rows: 0,
    };

    /// As of a copy of so many rows, which is one whether or not there was another reason for it.
    fn copied(self, rows: u64) -> Self {
        Self {
            algorithm: Algorithm::Copy,
            rows: self.rows.max(rows),
        }
    }

    /// How long it takes with so many µs a row.
    pub fn us(&self, row_us: u64) -> u64 {
        // No run is as long, and what comes behind it can be added to.
        self.rows.saturating_mul(row_us).min(u64::MAX >> 16)
    }
}

/// What a statement takes on a server of this version. What the server refuses, or does without going through rows, takes
/// nothing.
pub(super) fn effort(db: &Database, statement: &Statement, version: Version) -> Effort {
    let Statement::AlterTable(change) = statement else {
        return Effort::NONE;
    };
    let id = db.id(&change.name.schema, &change.name.name);
    let Some(table) = id.and_then(|id| db.table(id)) else {
        return Effort::NONE;
    };
    let altered = apply::schema_collation(db, &table.def().schema, &change.context)
        .and_then(|schema| alter(table.def(), &change.changes, &schema, &change.context));
    let Ok(altered) = altered else {
        return Effort::NONE;
    };
    // FORCE, or ENGINE = what it is already: that is how a table is rebuilt.
    let rebuilds = |c: &AlterChange| match c {
        AlterChange::Options(options) => options.engine.is_some(),
        change => matches!(change, AlterChange::Force),
    };
    let rebuilt = change.changes.iter().any(rebuilds);
    let effort = Between::new(table.def(), &altered, version).effort(table.len(), rebuilt);
    match change.changes.contains(&AlterChange::Reorder) {
        true => effort.copied(table.len()),
        false => effort,
    }
}

/// As [`effort`], of the ALTER TABLE by which a table with so many rows gets a declaration with the same columns.
pub fn effort_to_complete(old: &TableDef, new: &TableDef, rows: u64, version: Version) -> Effort {
    let sources: Vec<_> = (0..old.columns.len()).map(ColumnSource::Copy).collect();
    let between = Between {
        old,
        new,
        sources: &sources,
        version,
    };
    between.effort(rows, false)
}

/// A text's effort, read in this session.
pub fn effort_of_text(db: &Database, text: &str, context: &Context, version: Version) -> Effort {
    let statement = super::parse(text, context);
    statement.map_or(Effort::NONE, |statement| effort(db, &statement, version))
}

/// A key: whether it is unique, and its columns with their prefixes, by their places in the new table.
type Covers = (bool, Vec<(usize, Option<u32>)>);

/// A declaration before and after.
pub(super) struct Between<'a> {
    old: &'a TableDef,
    new: &'a TableDef,
    /// Where each column of the new one comes from.
    sources: &'a [ColumnSource],
    version: Version,
}

impl<'a> Between<'a> {
    pub(super) fn new(old: &'a TableDef, altered: &'a Altered, version: Version) -> Self {
        Self {
            old,
            new: &altered.def,
            sources: &altered.sources,
            version,
        }
    }

    /// With so many rows; `rebuilt`: the statement asks for it.
    pub(super) fn effort(&self, rows: u64, rebuilt: bool) -> Effort {
        let added = self.added_keys();
        let algorithm = match () {
            () if self.copies() => Algorithm::Copy,
            () if rebuilt || self.rebuilds() || added > 0 => Algorithm::InPlace,
            () => Algorithm::Instant,
        };
        let whole = algorithm == Algorithm::Copy || rebuilt || self.rebuilds();
        Effort {
            algorithm,
            rows: rows.saturating_mul(added + u64::from(whole)),
        }
    }

    fn copies(&self) -> bool {
        let (old, new) = (self.old, self.new);
        let loses_primary = old.primary.is_some() && new.primary.is_none();
        let changed = old != new;
        old.engine != new.engine
            || changed && &*old.engine != "innodb"
            || loses_primary
            || self
                .kept()
                .any(|(was, is)| is_retyped(was, is, self.version))
            || self.added().any(|c| c.generated == Some(Generated::Stored))
            || self.adds_foreign_key()
    }

    fn rebuilds(&self) -> bool {
        let from = |source: &ColumnSource| match source {
            ColumnSource::Copy(old) => Some(*old),
            ColumnSource::Default => None,
        };
        let kept: Vec<usize> = self.sources.iter().filter_map(from).collect();
        let is_added = |source: &&ColumnSource| from(source).is_none();
        let added = self.sources.iter().filter(is_added).count();
        let at_end = self.sources.iter().rev().take_while(is_added).count() == added;
        let counts = self.added().any(|column| column.auto_increment);
        // One that is computed when it is read is in no row.
        let is_virtual = |column: &Column| column.generated == Some(Generated::Virtual);
        let since = |version| self.version.at_least(version) && self.keeps_keys();
        let adds = self.added().any(|column| !is_virtual(column))
            && !match at_end {
                true => since(80_012),
                false => since(80_029),
            };
        let gone =
            |(place, column): (usize, &Column)| !kept.contains(&place) && !is_virtual(column);
        let drops = self.old.columns.iter().enumerate().any(gone) && !since(80_029);
        let moves = !kept.is_sorted();
        let nullable = self.kept().any(|(was, is)| was.nullable != is.nullable);
        let key = |def: &TableDef, place: &dyn Fn(usize) -> Option<usize>| {
            let parts = def.primary.as_ref().map(|key| key.parts.iter());
            parts.map(|parts| {
                parts
                    .map(|p| (place(p.column), p.prefix))
                    .collect::<Vec<_>>()
            })
        };
        let primary = key(self.old, &|column| self.moved(column)) != key(self.new, &Some);
        adds || drops || moves || nullable || primary || counts
    }

    /// Columns that were not there.
    fn added(&self) -> impl Iterator<Item = &Column> {
        let new = self.sources.iter().zip(&self.new.columns);
        let new = new.filter(|(source, _)| matches!(source, ColumnSource::Default));
        new.map(|(_, column)| column)
    }

    /// Whether there is no key more and none less: a statement is INSTANT when all of it is (seen on 9.7.4).
    fn keeps_keys(&self) -> bool {
        let count = |def: &TableDef| def.uniques.len() + def.indexes.len();
        self.added_keys() == 0 && count(self.old) == count(self.new)
    }

    /// Columns that are kept, as they were and as they are.
    fn kept(&self) -> impl Iterator<Item = (&Column, &Column)> {
        let new = self.sources.iter().zip(&self.new.columns);
        new.filter_map(|(source, column)| match source {
            ColumnSource::Copy(old) => Some((self.old.columns.get(*old)?, column)),
            ColumnSource::Default => None,
        })
    }

    /// Where a column is in the new table.
    fn moved(&self, old: usize) -> Option<usize> {
        let is_it = |source: &ColumnSource| *source == ColumnSource::Copy(old);
        self.sources.iter().position(is_it)
    }

    /// How many keys have to be built that were not there; the primary one is the table itself.
    fn added_keys(&self) -> u64 {
        let covers = |def: &TableDef, place: &dyn Fn(usize) -> Option<usize>| -> Vec<Covers> {
            let uniques = def.uniques.iter().map(|key| {
                let parts = key.parts.iter();
                let parts = parts.filter_map(|p| Some((place(p.column)?, p.prefix)));
                (true, parts.collect())
            });
            let indexes = def.indexes.iter().map(|key| {
                let columns = key.columns.iter();
                (
                    false,
                    columns.filter_map(|c| Some((place(*c)?, None))).collect(),
                )
            });
            uniques.chain(indexes).collect()
        };
        let mut before = covers(self.old, &|column| self.moved(column));
        let mut added = 0;
        for key in covers(self.new, &Some) {
            match before.iter().position(|was| *was == key) {
                Some(found) => drop(before.swap_remove(found)),
                None => added += 1,
            }
        }
        added
    }

    fn adds_foreign_key(&self) -> bool {
        self.new.foreign_keys.iter().any(|key| {
            self.old.foreign_keys.iter().all(|was| {
                let columns = was.columns.iter().map(|column| self.moved(*column));
                !columns.eq(key.columns.iter().map(|column| Some(*column)))
                    || was.parent_columns.len() != key.parent_columns.len()
            })
        })
    }
}

/// Whether the values of a column are written otherwise than they were. A VARCHAR may grow in place as long as its length
/// takes as many bytes (since 5.7), an ENUM or SET as long as its members come at the end.
fn is_retyped(was: &Column, is: &Column, version: Version) -> bool {
    let grows = match (&was.kind, &is.kind) {
        (ColumnKind::Varchar { max_bytes: a }, ColumnKind::Varchar { max_bytes: b }) => {
            a == b || a < b && (*a > 255) == (*b > 255) && version.at_least(50_700)
        }
        (
            ColumnKind::Enum { members, bytes },
            ColumnKind::Enum {
                members: more,
                bytes: width,
            },
        )
        | (
            ColumnKind::Set { members, bytes },
            ColumnKind::Set {
                members: more,
                bytes: width,
            },
        ) => more.starts_with(members) && bytes == width,
        (was, is) => was == is,
    };
    // `Field_num::is_equal` (sql/field.cc): a column that begins to count is another one.
    let counts = is.auto_increment && !was.auto_increment;
    !grows || was.collation != is.collation || was.generated != is.generated || counts
}
