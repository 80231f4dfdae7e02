//! From the columns of a TABLE_MAP to those of the table here.
//!
//! Where both are the same, rows pass as they are. Extra columns of the event, at the end, are left out; extra
//! columns of the table keep their value or take the default. A column of another type, or of the same with other
//! parameters, stops the applier (1677), whatever its values are: `replica_type_conversions` is '' (measured on
//! 5.6.24 and 9.7.4). Types are compared by what TABLE_MAP says of them; where only their character set differs,
//! values are converted.

use super::{ApplyErrorKind, Sink, filter::Filter, is_declared, table_of};
use crate::{
    arena::Arena,
    binlog::decode::{Mismatch, RowsEvent, TableMap},
    database::{Database, TableId},
    row::{self, Partial},
    schema::{Column, TableDef},
};
use std::sync::Arc;

/// What a table id of the stream means here.
#[derive(Debug)]
pub(super) struct Mapping {
    table_id: u64,
    /// The TABLE_MAP without its id, to see at a glance that nothing changed.
    body: Vec<u8>,
    pub(super) table: TableId,
    pub(super) def: Arc<TableDef>,
    /// The event's own columns, where they differ from the table's.
    foreign: Option<Vec<Column>>,
}

/// The table ids that are in use.
#[derive(Debug, Default)]
pub(super) struct Mappings {
    known: Vec<Mapping>,
    pub(super) filter: Filter,
}

/// Table ids kept at once; a server's own cache has the size of its table cache.
const KNOWN: usize = 256;
const TABLE_ID_BYTES: usize = 6;

impl Mappings {
    pub(super) fn filtered(filter: Filter) -> Self {
        Self {
            filter,
            ..Self::default()
        }
    }

    pub(super) fn get(&self, table_id: u64) -> Option<&Mapping> {
        self.known.iter().find(|m| m.table_id == table_id)
    }

    /// The table id of a TABLE_MAP that is the one that was taken in last for it.
    fn same(&self, body: &[u8]) -> Option<&Mapping> {
        let (id, rest) = body.split_at_checked(TABLE_ID_BYTES)?;
        let mut wide = [0; 8];
        wide[..TABLE_ID_BYTES].copy_from_slice(id);
        self.get(u64::from_le_bytes(wide))
            .filter(|m| m.body == rest)
    }

    /// Takes the body of a TABLE_MAP in.
    pub(super) fn learn(
        &mut self,
        arena: &mut Arena,
        sink: &mut dyn Sink,
        body: &[u8],
    ) -> Result<(), ApplyErrorKind> {
        if self
            .same(body)
            .is_some_and(|m| sink.is_declared(m.table, &m.def))
        {
            return Ok(());
        }
        let map = TableMap::decode(body)?;
        if !self.takes(&map) {
            return Ok(());
        }
        let (table, def) = sink.table(arena, &map)?;
        self.put(table, def, &map, body)
    }

    /// The same for the tables of a database; `None` where it fails.
    pub(super) fn learn_from(&mut self, database: &Database, body: &[u8]) -> Option<()> {
        if self
            .same(body)
            .is_some_and(|m| is_declared(database, m.table, &m.def))
        {
            return Some(());
        }
        let map = TableMap::decode(body).ok()?;
        if !self.takes(&map) {
            return Some(());
        }
        let (table, def) = table_of(database, &map).ok()?;
        self.put(table, def, &map, body).ok()
    }

    /// Whether rows of a table are applied; otherwise its id means nothing else from here on.
    fn takes(&mut self, map: &TableMap<'_>) -> bool {
        let takes = self.filter.takes(map);
        if !takes {
            self.known.retain(|m| m.table_id != map.table_id);
        }
        takes
    }

    fn put(
        &mut self,
        table: TableId,
        def: Arc<TableDef>,
        map: &TableMap<'_>,
        body: &[u8],
    ) -> Result<(), ApplyErrorKind> {
        let foreign = match map.compatible(&def) {
            Ok(()) => None,
            Err(Mismatch::Count { .. }) => Some(map.columns()?),
            Err(mismatch) => {
                let table = def.full_name();
                return Err(ApplyErrorKind::Mismatch { table, mismatch });
            }
        };
        self.known.retain(|m| m.table_id != map.table_id);
        if self.known.len() == KNOWN {
            self.known.remove(0);
        }
        self.known.push(Mapping {
            table_id: map.table_id,
            body: body[TABLE_ID_BYTES..].to_vec(),
            table,
            def,
            foreign,
        });
        Ok(())
    }
}

impl Mapping {
    /// The columns of the event's rows.
    pub(super) fn columns(&self) -> &[Column] {
        self.foreign.as_ref().unwrap_or(&self.def.columns)
    }

    /// The rows are as the table here is declared.
    pub(super) fn is_plain(&self) -> bool {
        self.foreign.is_none()
    }

    /// Hands on each row of an event, in the columns of the table here.
    pub(super) fn each(
        &self,
        event: &RowsEvent<'_>,
        mut row: impl FnMut(Option<Partial<'_>>, Option<Partial<'_>>) -> Result<(), ApplyErrorKind>,
    ) -> Result<(), ApplyErrorKind> {
        match &self.foreign {
            None => {
                for change in event.rows(&self.def.columns) {
                    let change = change?;
                    row(change.before, change.after)?;
                }
            }
            Some(columns) => {
                for change in event.rows(columns) {
                    let change = change?;
                    let before = change
                        .before
                        .map(|p| self.translate(columns, &p))
                        .transpose()?;
                    let after = change
                        .after
                        .map(|p| self.translate(columns, &p))
                        .transpose()?;
                    row(
                        before.as_ref().map(Translated::partial),
                        after.as_ref().map(Translated::partial),
                    )?;
                }
            }
        }
        Ok(())
    }

    fn translate(
        &self,
        foreign: &[Column],
        partial: &Partial<'_>,
    ) -> Result<Translated, ApplyErrorKind> {
        let here = &self.def.columns;
        let mut present = vec![0u8; here.len().div_ceil(8)];
        let mut values: Vec<Option<Vec<u8>>> = Vec::new();
        for (i, raw) in partial.iter(foreign) {
            let Some(column) = here.get(i) else { break };
            present[i / 8] |= 1 << (i % 8);
            let value = match raw {
                None => None,
                Some(raw) => {
                    let mut out = Vec::new();
                    row::convert(&foreign[i], raw, column, &mut out).map_err(|error| {
                        ApplyErrorKind::Convert {
                            table: self.def.full_name(),
                            error,
                        }
                    })?;
                    Some(out)
                }
            };
            values.push(value);
        }
        let mut image = vec![0u8; values.len().div_ceil(8)];
        for (n, value) in values.iter().enumerate() {
            match value {
                None => image[n / 8] |= 1 << (n % 8),
                Some(raw) => image.extend_from_slice(raw),
            }
        }
        Ok(Translated { present, image })
    }
}

/// A row in the columns of the table here.
struct Translated {
    present: Vec<u8>,
    image: Vec<u8>,
}

impl Translated {
    fn partial(&self) -> Partial<'_> {
        Partial {
            present: &self.present,
            image: &self.image,
        }
    }
}
