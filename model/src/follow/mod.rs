//! Following a real server's binlog files on tables, as a replica's applier would.
//!
//! ```text
//! --schema ─► declarations ─┐
//! --base   ─► rows ─────────┴► tables ◄── Walker ◄── groups ◄── files in order, from start to stop
//! ```
//!
//! Without a base the files must begin with an empty server, or declare what they touch. A start says
//! which transactions the base has: those are skipped, and their DDL declares the base's tables where no
//! schema file does. What a replica would stop at (1062, 1032, …) ends it, with everything before kept
//! (manual, "Replication and Binary Logging Options": `replica_exec_mode = STRICT`); so does a data
//! change in STATEMENT format, unless it is one of the server's own tables, and damage. XA transactions that are prepared and not decided at the end
//! are undone, since nobody sees them.

mod declare;
mod place;
mod report;
mod sink;
mod tables;

pub use declare::from_metadata;
pub use place::{BadPlace, NoPlace, Place};
pub use report::{Cause, Ended, Fault, FollowError, LastGood, Report, Stopped};

use crate::{
    apply::{ApplyErrorKind, Direct, Walker},
    arena::Arena,
    binlog::{
        frame::BinlogError,
        group::{Group, GroupKind, Groups},
        history::{History, file_name},
        verify::Input,
    },
    database::{Database, SqlError},
    ddl::DdlError,
    gtid::GtidSet,
};
use place::Found;
use sink::{About, Applying, Drift};
use std::collections::BTreeMap;
use tables::Tables;

/// What to follow.
#[derive(Clone, Debug, Default)]
pub struct Given<'a> {
    /// Binlog files of one server, in any order.
    pub files: &'a [Input<'a>],
    /// Declarations of tables that the files do not declare.
    pub schema: Option<Input<'a>>,
    /// The tables to start with, `schema.table.jsonl` each; `None` is a server without rows.
    pub base: Option<&'a [Input<'a>]>,
    /// What the base has; the state before the first file otherwise.
    pub start: Option<Place>,
    /// Where to stop; the end otherwise.
    pub stop: Option<Place>,
}

/// The tables at the end.
#[derive(Debug)]
pub struct Followed {
    /// What came of it.
    pub report: Report,
    arena: Arena,
    tables: Tables,
}

impl Followed {
    /// The tables as `.jsonl`, by `schema.table`.
    pub fn dump(&self) -> BTreeMap<String, String> {
        self.tables.dump(&self.arena)
    }

    /// The tables and their rows. Tables of the base that nothing declared are not among them.
    pub fn database(&self) -> (&Arena, &Database) {
        (&self.arena, &self.tables.database)
    }
}

/// Follows files from start to stop.
///
/// # Errors
/// [`FollowError`]: nothing could be applied. What stops it later is in [`Report::ended`].
pub fn follow(given: &Given<'_>) -> Result<Followed, FollowError> {
    let history = History::of(given.files)?;
    let mut follower = Follower::new(given, &history)?;
    follower.prepare(given)?;
    let ended = follower.run()?;
    Ok(follower.finish(ended))
}

/// What is said of transactions that are statements on the server's own tables alone ([`GroupKind::Internal`]).
pub fn internal_note(count: u64) -> String {
    let (transactions, write) = match count {
        1 => ("transaction", "writes"),
        _ => ("transactions", "write"),
    };
    format!(
        "{count} {transactions} {write} to the server's own tables (schema mysql) alone, as statements, as RDS's heartbeat \
         does: their rows are not applied"
    )
}

/// A place with the position found.
#[derive(Debug)]
enum Bound {
    Position(Found),
    Gtids(GtidSet),
}

impl Bound {
    fn of(history: &History<'_>, place: Option<&Place>) -> Result<Option<Bound>, BadPlace> {
        Ok(match place {
            None => None,
            Some(Place::Gtids(gtids)) => Some(Bound::Gtids(gtids.clone())),
            Some(Place::Position { file, pos }) => {
                Some(Bound::Position(place::find(history, file, *pos)?))
            }
        })
    }
}

struct Follower<'h, 'a> {
    history: &'h History<'a>,
    start: Option<Bound>,
    stop: Option<Bound>,
    stop_place: Option<Place>,
    arena: Arena,
    tables: Tables,
    walker: Walker,
    direct: Direct,
    applied: u64,
    skipped: u64,
    left_out: u64,
    /// Of those that were applied: of the server's own tables alone.
    internal: u64,
    last_good: Option<LastGood>,
    executed: GtidSet,
    drift: Drift,
    /// The first transaction that found a row other than it was.
    first_drift: Option<String>,
}

impl<'h, 'a> Follower<'h, 'a> {
    fn new(given: &Given<'_>, history: &'h History<'a>) -> Result<Self, FollowError> {
        let start = Bound::of(history, given.start.as_ref())?;
        let stop = Bound::of(history, given.stop.as_ref())?;
        let texts = || {
            let text =
                |place: &Option<Place>| place.as_ref().map(Place::to_string).unwrap_or_default();
            (text(&given.start), text(&given.stop))
        };
        let backwards = match (&start, &stop) {
            (Some(Bound::Position(start)), Some(Bound::Position(stop))) => stop < start,
            _ => false,
        };
        if backwards {
            let (start, stop) = texts();
            return Err(BadPlace::Backwards { start, stop }.into());
        }
        let previous = history.previous().cloned().unwrap_or_default();
        let executed = match &start {
            Some(Bound::Gtids(gtids)) => {
                let missing = previous.subtract(gtids);
                if !missing.is_empty() {
                    let start = gtids.clone();
                    return Err(BadPlace::Gap { missing, start }.into());
                }
                gtids.clone()
            }
            _ => previous.clone(),
        };
        let first_number = history
            .files
            .first()
            .and_then(|file| file_name(file.name).rsplit_once('.')?.1.parse::<u64>().ok());
        let later_file = first_number.is_some_and(|number| number > 1);
        let mid_life = start.is_some() || !previous.is_empty() || later_file;
        Ok(Self {
            history,
            start,
            stop,
            stop_place: given.stop.clone(),
            arena: Arena::default(),
            tables: Tables::new(mid_life),
            walker: Walker::default(),
            direct: Direct::default(),
            applied: 0,
            skipped: 0,
            left_out: 0,
            internal: 0,
            last_good: None,
            executed,
            drift: Drift::default(),
            first_drift: None,
        })
    }

    /// Declarations and rows before the first transaction.
    fn prepare(&mut self, given: &Given<'_>) -> Result<(), FollowError> {
        match &given.schema {
            Some(schema) => {
                let version = self.history.version(0);
                self.tables.declare(&mut self.arena, schema, version)?;
            }
            None => self.learn()?,
        }
        if let Some(base) = given.base {
            self.tables.load(&mut self.arena, base)?;
        }
        self.tables.begin();
        Ok(())
    }

    /// Declares the tables at the start from the DDL of what is skipped.
    fn learn(&mut self) -> Result<(), FollowError> {
        if self.start.is_none() {
            return Ok(());
        }
        let executed = self.executed.clone();
        for (index, file) in self.history.files.iter().enumerate() {
            // Damage is told when the file is followed.
            for group in Groups::of_file(file.bytes)
                .into_iter()
                .flatten()
                .map_while(Result::ok)
            {
                if self.is_skipped(index, &group, &executed) {
                    let version = self.history.version(index);
                    self.tables
                        .declare_as(&mut self.arena, &group, version)
                        .map_err(|error| FollowError::Declarations {
                            file: file.name.to_owned(),
                            error: Box::new(error),
                        })?;
                }
            }
        }
        Ok(())
    }

    fn is_skipped(&self, file: usize, group: &Group<'_>, executed: &GtidSet) -> bool {
        let before = match &self.start {
            Some(Bound::Position((start, pos))) => {
                file < *start || (file == *start && group.end <= *pos)
            }
            _ => false,
        };
        let gtid = group.gtid.as_ref().and_then(|event| event.gtid);
        before || gtid.is_some_and(|gtid| executed.contains(&gtid))
    }

    fn run(&mut self) -> Result<Ended, FollowError> {
        if let (true, Some(stop)) = (self.is_done(), self.stop_place.clone()) {
            return Ok(Ended::Stop(stop));
        }
        for index in 0..self.history.files.len() {
            if let Some(ended) = self.file(index)? {
                return Ok(ended);
            }
        }
        Ok(Ended::End)
    }

    /// Whether everything that the stop names is there.
    fn is_done(&self) -> bool {
        matches!(&self.stop, Some(Bound::Gtids(stop)) if stop.is_subset_of(&self.executed))
    }

    fn file(&mut self, index: usize) -> Result<Option<Ended>, FollowError> {
        let file = self.history.files[index];
        let mut groups = match Groups::of_file(file.bytes) {
            Ok(groups) => groups,
            Err(error) => return Ok(Some(self.damage(&file, error))),
        };
        loop {
            let group = match groups.next() {
                None => return Ok(None),
                Some(Err(error)) => return Ok(Some(self.damage(&file, error))),
                Some(Ok(group)) => group,
            };
            let gtid = group.gtid.as_ref().and_then(|event| event.gtid);
            if self.is_skipped(index, &group, &self.executed) {
                self.skipped += 1;
                self.executed.extend(gtid);
                continue;
            }
            let by_gtids = matches!(self.start, Some(Bound::Gtids(_)))
                || matches!(self.stop, Some(Bound::Gtids(_)));
            if gtid.is_none() && by_gtids {
                let (file, pos) = (file.name.to_owned(), group.start);
                return Err(BadPlace::Anonymous { file, pos }.into());
            }
            match (&self.stop, &self.stop_place) {
                (Some(Bound::Position(stop)), Some(place)) if (index, group.start) >= *stop => {
                    return Ok(Some(Ended::Stop(place.clone())));
                }
                (Some(Bound::Gtids(stop)), _) if gtid.is_some_and(|gtid| !stop.contains(&gtid)) => {
                    self.left_out += 1;
                    continue;
                }
                _ => {}
            }
            if let Some(stopped) = self.apply(index, &group)? {
                return Ok(Some(stopped));
            }
            if let (true, Some(stop)) = (self.is_done(), self.stop_place.clone()) {
                return Ok(Some(Ended::Stop(stop)));
            }
        }
    }

    fn apply(&mut self, index: usize, group: &Group<'_>) -> Result<Option<Ended>, FollowError> {
        let file = self.history.files[index];
        let gtid = group.gtid.as_ref().and_then(|event| event.gtid);
        self.direct.changes.clear();
        let mut sink = Applying {
            tables: &mut self.tables,
            direct: &mut self.direct,
            version: self.history.version(index),
            before_ddl: None,
            about: About::default(),
            drift: &mut self.drift,
        };
        let drifted = sink.drift.rows;
        match self.walker.walk(&mut self.arena, &mut sink, group) {
            Ok(()) => {
                if self.drift.rows > drifted && self.first_drift.is_none() {
                    self.first_drift = Some(format!("{}:{}", file_name(file.name), group.start));
                }
                self.applied += 1;
                self.internal += u64::from(group.kind == GroupKind::Internal);
                self.executed.extend(gtid);
                self.last_good = Some(LastGood {
                    file: file.name.to_owned(),
                    pos: group.end,
                    gtid,
                });
                Ok(None)
            }
            Err(error) => {
                sink.roll_back(&mut self.arena);
                let about = std::mem::take(&mut sink.about);
                if let Some(failed) = self.tables.failed.take() {
                    return Err(failed);
                }
                let remedy = self.remedy(&error.kind, about.table.as_deref());
                Ok(Some(Ended::Stopped(Box::new(Stopped {
                    file: file.name.to_owned(),
                    pos: error.pos,
                    gtid,
                    table: about.table,
                    row: about.row,
                    last_good: self.last_good.clone(),
                    cause: Cause::Apply(error.kind),
                    remedy,
                }))))
            }
        }
    }

    fn damage(&self, file: &Input<'_>, error: BinlogError) -> Ended {
        Ended::Stopped(Box::new(Stopped {
            file: file.name.to_owned(),
            pos: error.pos,
            gtid: None,
            table: None,
            row: None,
            last_good: self.last_good.clone(),
            cause: Cause::Damage(error),
            remedy: None,
        }))
    }

    fn remedy(&self, error: &ApplyErrorKind, table: Option<&str>) -> Option<&'static str> {
        let lacks_base = table.is_some_and(|table| self.tables.lacks_base(table));
        let has_base = self.tables.has_base;
        match error {
            ApplyErrorKind::Sql(SqlError::NotFound { .. }) if lacks_base => Some(
                "the files start in mid-life, after this row was written: give the tables as they were then with --base",
            ),
            ApplyErrorKind::Sql(SqlError::NotFound { .. }) if has_base => Some(
                "the base does not have this row: it was taken after this transaction (start later) or before transactions \
                 that were skipped (start earlier)",
            ),
            ApplyErrorKind::Sql(SqlError::Duplicate { .. }) if has_base => Some(
                "the base has this row already: it was taken after this transaction, so start later, where it was taken",
            ),
            ApplyErrorKind::Ddl(DdlError::Rows(SqlError::TableExists(_)))
            | ApplyErrorKind::Sql(SqlError::TableExists(_))
                if has_base =>
            {
                Some("the base has this table already: say with --start where the base was taken")
            }
            ApplyErrorKind::NoTable(_) if self.tables.mid_life => Some(
                "the files begin after its CREATE TABLE and do not name its columns (binlog_row_metadata = FULL would): \
                 give its CREATE TABLE with --schema",
            ),
            ApplyErrorKind::Ddl(DdlError::UnknownTable { .. }) if self.tables.mid_life => {
                Some("the files begin after its CREATE TABLE: give that with --schema")
            }
            ApplyErrorKind::Ddl(DdlError::Unsupported { .. }) => {
                Some("take the base after this statement, and start there")
            }
            _ => None,
        }
    }

    fn finish(mut self, ended: Ended) -> Followed {
        let mut notes = self.history.notes.clone();
        notes.append(&mut self.tables.notes);
        let prepared: Vec<_> = self.direct.prepared().map(str::to_owned).collect();
        if !prepared.is_empty() {
            notes.push(format!(
                "prepared and not decided at the end, so left out: XA {}",
                prepared.join(", XA ")
            ));
            self.direct
                .undo_prepared(&mut self.arena, &mut self.tables.database);
        }
        if let (Some((table, row)), Some(place)) = (&self.drift.first, &self.first_drift) {
            notes.push(format!(
                "{} rows were not as the binlog says they were before their change, the first in {table}, row {row}, in \
                 the transaction at {place}: a replica does not notice, but the base is not of the place where applying \
                 started, or something else wrote to it",
                self.drift.rows
            ));
        }
        if self.internal > 0 {
            notes.push(internal_note(self.internal));
        }
        if self.left_out > 0 {
            notes.push(format!(
                "{} transactions on the way are not in the stop's set, and were left out",
                self.left_out
            ));
        }
        if let (Some(Bound::Gtids(stop)), Ended::End) = (&self.stop, &ended) {
            notes.push(format!(
                "the files end before the stop: they lack {}",
                stop.subtract(&self.executed)
            ));
        }
        Followed {
            report: Report {
                applied: self.applied,
                skipped: self.skipped,
                left_out: self.left_out,
                drifted: self.drift.rows,
                last_good: self.last_good,
                executed: self.executed,
                ended,
                notes,
            },
            arena: self.arena,
            tables: self.tables,
        }
    }
}
