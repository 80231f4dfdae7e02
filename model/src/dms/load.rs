//! The full load: each table is read by one SELECT with a read view of its own, and its changes are captured from
//! before that on.
//!
//! ```text
//!   load begins     SELECT             last row written       cached changes applied
//!        │ captured from here on │             │                       │
//!   ─────┴───────────────────────┴─────────────┴───────────────────────┴──── transaction by transaction
//!         what commits in between is in the rows and comes again: an INSERT finds its row, a DELETE none
//! ```
//!
//! What is in the binlog before the first mark and not in the read view of the second is nowhere: that takes a commit
//! that needs longer from its publication to the engine than the way to the source and back.

use super::{
    Prepare, created_by_dms,
    task::{Costs, Effect, Ends, Task},
};
use crate::{
    arena::Arena,
    binlog::log::LogPos,
    database::{Database, SqlError, TableId},
    dms::{Lobs, Mode},
    mutant::Mutant,
    table::{KeyRange, RowKey, Table},
};

/// Pause before something that did not work for the moment is tried again, in µs (`RecoverableErrorInterval`: 5 s).
pub(super) const AGAIN_US: u64 = 5_000_000;

/// Where a table is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableState {
    /// Waits for its load.
    Waiting,
    /// Is being loaded.
    Loading,
    /// Is loaded; cached changes are applied to it alone.
    Loaded,
    /// Has come to where all tables are, and takes part in transactions; or needs nothing more.
    Done,
    /// Taken out by an error: nothing is written to it any more.
    Suspended(String),
}

/// A load under way.
#[derive(Clone, Debug)]
struct Load {
    /// What the SELECT saw, once it was sent.
    view: Option<Table>,
    /// When that was, in µs.
    read_us: u64,
    /// When the next thing happens, in µs.
    due_us: u64,
}

/// A table of a task.
#[derive(Clone, Debug)]
pub struct TableTask {
    /// The table, under the same id on both sides.
    pub table: TableId,
    /// `schema.table`.
    pub name: String,
    /// Where it is.
    pub state: TableState,
    /// Changes from here on are its own to apply.
    pub captured_from: LogPos,
    /// Changes up to here are applied to it.
    pub applied_to: LogPos,
    /// The end of the source's binlog when its SELECT was sent: what is captured up to here may be in the rows.
    pub overlap_to: LogPos,
    /// Rows that were loaded and are shorter than they were.
    pub truncated: u64,
    load: Option<Load>,
}

impl TableTask {
    pub(super) fn new(table: TableId, name: String, state: TableState) -> Self {
        Self {
            table,
            name,
            state,
            captured_from: LogPos::default(),
            applied_to: LogPos::default(),
            overlap_to: LogPos::default(),
            truncated: 0,
            load: None,
        }
    }

    /// Whether the task has nothing more to do for the table's load.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, TableState::Done | TableState::Suspended(_))
    }

    /// Whether its load is over.
    pub(super) fn is_ready(&self) -> bool {
        !matches!(self.state, TableState::Waiting | TableState::Loading)
    }

    /// What was being loaded is to be loaded again.
    pub(super) fn forget_load(&mut self) {
        self.load = None;
        if self.state == TableState::Loading {
            self.state = TableState::Waiting;
        }
    }
}

impl Task {
    /// When the load has something to do, in µs.
    pub(super) fn load_due(&self) -> Option<u64> {
        let loads = self.tables.iter().filter_map(|t| t.load.as_ref());
        let due = loads.map(|load| load.due_us).min();
        let may_begin = self.tables.iter().any(|t| t.state == TableState::Waiting)
            && self.loading() < self.settings.load_tables_at_once.max(1) as usize;
        let begins = may_begin.then_some(self.load_from_us);
        due.into_iter().chain(begins).min()
    }

    fn loading(&self) -> usize {
        let loading = |t: &&TableTask| t.state == TableState::Loading;
        self.tables.iter().filter(loading).count()
    }

    /// Begins loads, sends SELECTs, writes what was read.
    pub(super) fn step_load(
        &mut self,
        arena: &mut Arena,
        now: u64,
        ends: &mut Ends<'_>,
        costs: &Costs,
        effects: &mut Vec<Effect>,
    ) {
        for index in 0..self.tables.len() {
            if self.tables[index].state == TableState::Waiting
                && self.load_from_us <= now
                && self.loading() < self.settings.load_tables_at_once.max(1) as usize
            {
                self.begin_load(now, index, ends, costs, effects);
            }
            let due = self.tables[index].load.as_ref().map(|load| load.due_us);
            if due.is_some_and(|due| due <= now) {
                self.go_on_loading(arena, now, index, ends, costs, effects);
            }
        }
    }

    /// The load of a table begins: what commits from here on is captured.
    fn begin_load(
        &mut self,
        now: u64,
        index: usize,
        ends: &Ends<'_>,
        costs: &Costs,
        effects: &mut Vec<Effect>,
    ) {
        // Transactions that were open when the task started come to their end first, or the patience does.
        let patience = self.started_us + self.settings.consistency_timeout_us;
        let oldest = ends.source.oldest_transaction_us();
        let open = oldest.is_some_and(|began| began < self.started_us);
        if self.settings.mode != Mode::FullLoad && open && now < patience || !ends.source_up {
            self.load_from_us = now + 1_000_000;
            return;
        }
        let captured_from = ends.source.binlog.as_ref().map(|b| b.published());
        let table = &mut self.tables[index];
        table.state = TableState::Loading;
        table.captured_from = captured_from.unwrap_or_default();
        table.applied_to = table.captured_from;
        table.load = Some(Load {
            view: None,
            read_us: 0,
            due_us: now + costs.round_trip_us,
        });
        effects.push(Effect::LoadBegins(table.table));
        if self.settings.mode == Mode::FullLoadAndCdc {
            self.capture_from(captured_from.unwrap_or_default());
        }
    }

    fn go_on_loading(
        &mut self,
        arena: &mut Arena,
        now: u64,
        index: usize,
        ends: &mut Ends<'_>,
        costs: &Costs,
        effects: &mut Vec<Effect>,
    ) {
        let id = self.tables[index].table;
        let Some(load) = self.tables[index].load.as_mut() else {
            return;
        };
        if load.view.is_none() {
            let view = ends.source.read_view(arena);
            let table = view.table(id).filter(|_| ends.source_up && ends.target_up);
            let Some(table) = table.cloned() else {
                load.due_us = now + AGAIN_US;
                return;
            };
            load.due_us = now + costs.load_us(table.len());
            load.read_us = now;
            load.view = Some(table);
            let end = ends.source.binlog.as_ref().map(|b| b.published());
            self.tables[index].overlap_to = end.unwrap_or_default();
            effects.push(Effect::Read(id));
            if let Err(error) = self.prepare(arena, index, ends) {
                self.suspend(index, &error, effects);
            }
            return;
        }
        if !ends.target_up {
            load.due_us = now + AGAIN_US;
            return;
        }
        self.end_load(arena, index, None, ends, effects);
    }

    /// The target's table, as the settings want it before the load.
    fn prepare(
        &mut self,
        arena: &mut Arena,
        index: usize,
        ends: &mut Ends<'_>,
    ) -> Result<(), SqlError> {
        let id = self.tables[index].table;
        let Some(source) = ends.source.database.table(id) else {
            return Ok(());
        };
        let def = created_by_dms(source.def());
        let target = &mut ends.target.database;
        match (target.table(id), self.settings.prepare) {
            (None, _) => {
                let name = def.full_name();
                target.create_like(arena, &ends.source.database, &|d| {
                    (d.full_name() == name).then(|| created_by_dms(d))
                })
            }
            (Some(_), Prepare::DropAndCreate) => target.create_anew(arena, id, def),
            (Some(there), Prepare::Truncate) => {
                let def = (**there.def()).clone();
                target.create_anew(arena, id, def)
            }
            (Some(there), Prepare::DoNothing) if there.is_empty() => Ok(()),
            (Some(there), Prepare::DoNothing) => Err(SqlError::TableExists(format!(
                "{} (not empty)",
                there.def().full_name()
            ))),
        }
    }

    /// Writes what was read, up to a key when the load is cut short.
    fn end_load(
        &mut self,
        arena: &mut Arena,
        index: usize,
        upto: Option<RowKey>,
        ends: &mut Ends<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let table = &mut self.tables[index];
        let Some(view) = table.load.take().and_then(|load| load.view) else {
            return;
        };
        let lobs = match self.settings.lobs {
            Lobs::Full => None,
            Lobs::Limited(bytes) => Some(bytes),
        };
        let range = KeyRange { after: None, upto };
        let target = &mut ends.target.database;
        let id = table.table;
        let checked = self.settings.manners.foreign_keys;
        if checked && let Some(error) = without_parents(target, id, &view) {
            return self.suspend(index, &error, effects);
        }
        match target.copy_rows(arena, id, &view, range, lobs) {
            Ok((_, truncated)) => table.truncated += truncated,
            Err(error) => return self.suspend(index, &error, effects),
        }
        let refused = match checked {
            true => target.drop_orphans(arena, id),
            false => 0,
        };
        table.state = match self.settings.mode {
            Mode::FullLoad => TableState::Done,
            _ => TableState::Loaded,
        };
        if self.mutants.has(Mutant::CachedChangeLost)
            && let Some(last) = self.captured.back()
        {
            table.applied_to = last.range.end();
        }
        effects.push(Effect::Loaded {
            table: id,
            upto,
            truncated: table.truncated,
            refused,
        });
    }

    pub(super) fn suspend(&mut self, index: usize, error: &SqlError, effects: &mut Vec<Effect>) {
        let table = &mut self.tables[index];
        table.load = None;
        table.state = TableState::Suspended(error.to_string());
        effects.push(Effect::Suspended(table.table, error.clone()));
    }

    /// Connections break: what was being loaded is loaded again.
    pub fn connections_break(&mut self, now: u64) {
        let loading = self.tables.iter_mut();
        for table in loading.filter(|t| t.state == TableState::Loading) {
            table.forget_load();
            self.load_from_us = now + AGAIN_US;
        }
    }

    /// The source does not answer any more. A load under way takes the end of the connection for the end of the rows:
    /// "the task ends successfully, but the target might be out of sync" [D `CHAP_Source.MySQL`, limitations of full
    /// load]. A task that captures changes as well notices, and loads again.
    pub fn source_is_lost(
        &mut self,
        arena: &mut Arena,
        now: u64,
        ends: &mut Ends<'_>,
        effects: &mut Vec<Effect>,
    ) {
        for index in 0..self.tables.len() {
            let Some(load) = &self.tables[index].load else {
                continue;
            };
            let read = load.view.as_ref().filter(|_| ends.target_up);
            if self.settings.mode != Mode::FullLoad || read.is_none() {
                self.tables[index].forget_load();
                self.load_from_us = now + AGAIN_US;
                continue;
            }
            let upto = read.and_then(|view| {
                let all = load.due_us.saturating_sub(load.read_us).max(1);
                let part = (now - load.read_us).min(all);
                let rows = u128::from(view.len()) * u128::from(part) / u128::from(all);
                view.keys().nth((rows as usize).checked_sub(1)?)
            });
            self.end_load(arena, index, Some(upto.unwrap_or_default()), ends, effects);
        }
    }
}

/// Why not a single row of a table can be written: a foreign key asks for parents, and the parent's table is empty.
fn without_parents(target: &Database, id: TableId, view: &Table) -> Option<SqlError> {
    let keys = &target.table(id)?.def().foreign_keys;
    let orphaned = keys.iter().find(|key| {
        let parent = target.id(&key.parent_schema, &key.parent_table);
        let parent = parent.and_then(|parent| target.table(parent));
        !view.is_empty() && parent.is_none_or(Table::is_empty)
    })?;
    Some(SqlError::NoReferencedRow {
        constraint: orphaned.name.to_string(),
        lock: None,
    })
}
