//! A recording: a real server's binlog files as the traffic of a run.
//!
//! Every transaction of the files becomes a client's transaction on the modelled source. Loading follows
//! the files once, on tables of its own, to learn the declarations and what must have been there before
//! the first file: a row that is first seen as the before-image of an update or delete existed already.

mod learn;
mod times;

use crate::workload_spec::Workload;
use cutover_model::{
    Arena,
    apply::{ApplyError, ApplyErrorKind},
    binlog::{
        History, HistoryError, QuerySession,
        event::MAGIC,
        frame::{BinlogError, ErrorKind},
        group::{Group, GroupKind, Groups},
        verify::Input,
    },
    database::Database,
    ddl,
    follow::internal_note,
    gtid::Gtid,
    schema::TableDef,
    server::Version,
};
use learn::{Learner, Tables};
use std::{collections::BTreeMap, ops::Range, sync::Arc};
use times::Times;

/// A file as it was read: its name (for messages) and its bytes.
#[derive(Clone, Debug)]
pub struct NamedFile {
    /// Path as the user gave it.
    pub name: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What a recorded transaction does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Changes rows: the group at these positions of a file.
    Rows {
        /// Index of the file.
        file: usize,
        /// First byte of the group, and the byte behind it.
        at: Range<u64>,
    },
    /// Changes declarations.
    Ddl {
        /// The session that it ran in.
        session: QuerySession,
        /// Default schema.
        schema: String,
        /// The statement.
        sql: String,
    },
}

/// A recorded transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it was committed, in µs after the first.
    pub at_us: u64,
    /// Index of its file, and the position of its end: how messages name it.
    pub place: (usize, u64),
    /// What it does.
    pub what: What,
}

/// Transactions of real binlog files, ready to be replayed.
#[derive(Debug)]
pub struct Recording {
    files: Vec<NamedFile>,
    entries: Vec<Entry>,
    initial: Tables,
    declared: Vec<Arc<TableDef>>,
    version: Version,
    torn: Option<String>,
    /// Transactions of the server's own tables alone: they are no traffic.
    internal: u64,
    notes: Vec<String>,
}

/// Why files cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// Nothing to replay.
    #[error("{file}: no binlog transaction in it")]
    Empty {
        /// The file.
        file: String,
    },
    /// A file that others follow is damaged, or nothing in it can be used.
    #[error("{file}: {error}; {remedy}")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong, and where.
        error: BinlogError,
        /// What would be right.
        remedy: String,
    },
    /// From the first transaction to one lies more time than a run may last: a timestamp is damaged, or the files are of two times.
    #[error(
        "{file}: the transaction that ends at position {pos} comes {days} days behind the first, and a run lasts 400 \
         days at most; give files that follow one another"
    )]
    TooLong {
        /// Its file.
        file: String,
        /// Where it ends.
        pos: u64,
        /// Whole days between the first and it.
        days: u64,
    },
    /// The files are not of one server, or one is missing between two.
    #[error(transparent)]
    Order(#[from] HistoryError),
    /// A transaction cannot be followed.
    #[error("{file}: {error}")]
    Apply {
        /// The file.
        file: String,
        /// What is wrong, and where.
        error: ApplyError,
    },
    /// A table's declaration is nowhere.
    #[error(
        "{file}: at position {pos}: nothing declares table {table}: the files begin after its CREATE TABLE and carry no \
         column names (binlog_row_metadata = FULL would); give its CREATE TABLE with --schema FILE.sql"
    )]
    Undeclared {
        /// The file.
        file: String,
        /// Where the table is first used.
        pos: u64,
        /// The table.
        table: String,
    },
    /// The schema file does not read.
    #[error("{file}: {error}")]
    Schema {
        /// The file.
        file: String,
        /// What is wrong, and where.
        error: ddl::ParseError,
    },
}

impl Recording {
    /// Reads binlog files (in any order) and an optional schema file.
    ///
    /// # Errors
    /// [`RecordingError`] names file, position and remedy.
    pub fn load(files: Vec<NamedFile>, schema: Option<NamedFile>) -> Result<Self, RecordingError> {
        let Sorted {
            files,
            versions,
            notes,
        } = sort(files)?;
        let version = versions.first().copied().unwrap_or(Version::V8_0);
        let mut recording = Self {
            files,
            entries: Vec::new(),
            initial: Tables::default(),
            declared: Vec::new(),
            version,
            torn: None,
            internal: 0,
            notes,
        };
        let mut learner = Learner::new(version);
        if let Some(schema) = schema {
            let text = String::from_utf8_lossy(&schema.bytes);
            learner
                .declare(&text)
                .map_err(|error| RecordingError::Schema {
                    file: schema.name.clone(),
                    error,
                })?;
        }
        let mut times = Times::default();
        let mut prepared = BTreeMap::new();
        let files = std::mem::take(&mut recording.files);
        for (index, version) in versions.into_iter().enumerate() {
            learner.version = version;
            recording.read(index, &files, &mut learner, &mut times, &mut prepared)?;
        }
        if recording.entries.is_empty() {
            return Err(RecordingError::Empty {
                file: files.first().map(|f| f.name.clone()).unwrap_or_default(),
            });
        }
        recording.files = files;
        times.spread(&mut recording.entries);
        recording.fits_in_a_run()?;
        if !prepared.is_empty() {
            recording.notes.push(format!(
                "{} XA transactions are prepared and never decided: they are left out",
                prepared.len()
            ));
        }
        if recording.internal > 0 {
            recording.notes.push(internal_note(recording.internal));
        }
        recording.declared = learner.declared();
        let (initial, notes) = learner.finish();
        recording.initial = initial;
        recording.notes.extend(notes);
        Ok(recording)
    }

    /// The source rotates its binlog every few minutes, whoever writes: decades of that are more than a memory holds.
    fn fits_in_a_run(&self) -> Result<(), RecordingError> {
        const DAY_US: u64 = 86_400_000_000;
        // Since the first transaction, be it one that is left out.
        let long = self.entries.iter().find_map(|entry| {
            (entry.at_us > 400 * DAY_US).then_some((entry.place, entry.at_us / DAY_US))
        });
        match long {
            None => Ok(()),
            Some(((file, pos), days)) => Err(RecordingError::TooLong {
                file: self
                    .files
                    .get(file)
                    .map(|f| f.name.clone())
                    .unwrap_or_default(),
                pos,
                days,
            }),
        }
    }

    fn read(
        &mut self,
        index: usize,
        files: &[NamedFile],
        learner: &mut Learner,
        times: &mut Times,
        prepared: &mut BTreeMap<String, Entry>,
    ) -> Result<(), RecordingError> {
        let file = &files[index];
        let groups = match Groups::of_file(&file.bytes) {
            Ok(groups) => groups,
            Err(error) => return self.damaged(index, files, error, None),
        };
        let mut last_good = None;
        for group in groups {
            let group = match group {
                Ok(group) => group,
                Err(error) => return self.damaged(index, files, error, last_good),
            };
            learner.follow(&group).map_err(|error| match error {
                ApplyError {
                    pos,
                    kind: ApplyErrorKind::NoTable(table),
                } => RecordingError::Undeclared {
                    file: file.name.clone(),
                    pos,
                    table,
                },
                error => RecordingError::Apply {
                    file: file.name.clone(),
                    error,
                },
            })?;
            self.take(index, &group, learner, times, prepared);
            last_good = Some((group.gtid.as_ref().and_then(|event| event.gtid), group.end));
        }
        Ok(())
    }

    /// A file cannot be read on: at the end of the last one, as a crash or a copy of a file in use leaves it,
    /// what comes before is kept; elsewhere the transactions behind it would have lost their predecessors.
    fn damaged(
        &mut self,
        index: usize,
        files: &[NamedFile],
        error: BinlogError,
        last_good: Option<(Option<Gtid>, u64)>,
    ) -> Result<(), RecordingError> {
        let refused = |remedy: String| RecordingError::Damaged {
            file: files[index].name.clone(),
            error: error.clone(),
            remedy,
        };
        if let Some(next) = files.get(index + 1) {
            return Err(refused(format!(
                "{} goes on behind the damage, and would lack what is lost in it: copy this file again, or give only \
                 the files up to it",
                next.name
            )));
        }
        if is_no_binlog(&error.kind) {
            return Err(refused("name binlog files of MySQL only".into()));
        }
        if self.entries.is_empty() {
            return Err(refused(
                "no whole transaction comes before it: copy the file again".into(),
            ));
        }
        let last = match last_good {
            Some((Some(gtid), pos)) => {
                format!("the last good transaction is {gtid}, it ends at {pos}")
            }
            Some((None, pos)) => format!("the last good transaction ends at {pos}"),
            None => "nothing in this file can be used".into(),
        };
        let torn = format!(
            "{}: {error}; {last}; the recording ends there",
            files[index].name
        );
        self.notes.push(torn.clone());
        self.torn = Some(torn);
        Ok(())
    }

    fn take(
        &mut self,
        file: usize,
        group: &Group<'_>,
        learner: &Learner,
        times: &mut Times,
        prepared: &mut BTreeMap<String, Entry>,
    ) {
        let place = (file, group.end);
        let at_us = times.of(group);
        let rows = || Entry {
            at_us,
            place,
            what: What::Rows {
                file,
                at: group.start..group.end,
            },
        };
        match group.kind {
            GroupKind::XaPrepared => {
                if let Some(id) = learn::xa_start(group) {
                    prepared.insert(id, rows());
                }
            }
            GroupKind::XaDecided => {
                if let Some((id, commit)) = learn::xa_decision(group)
                    && let Some(entry) = prepared.remove(&id)
                    && commit
                {
                    self.entries.push(Entry {
                        at_us,
                        place,
                        ..entry
                    });
                }
            }
            GroupKind::Empty => {}
            GroupKind::Internal => self.internal += 1,
            _ => {
                for what in learn::declarations(group, learner.version) {
                    self.entries.push(Entry { at_us, place, what });
                }
                if group.kind == GroupKind::Rows {
                    self.entries.push(rows());
                }
            }
        }
    }

    /// The transactions, in binlog order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The version of the server that wrote the files.
    pub fn version(&self) -> Version {
        self.version
    }

    /// What limits the recording, for people.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Where the last file is damaged or cut, and what of it is good: the recording ends there. Also among
    /// [`Recording::notes`].
    pub fn torn(&self) -> Option<&str> {
        self.torn.as_deref()
    }

    /// Whether the files begin with an empty server.
    pub fn starts_empty(&self) -> bool {
        self.initial.is_empty()
    }

    /// The tables before the first transaction.
    ///
    /// # Errors
    /// They contradict each other; the text says how.
    pub fn initial_tables(&self, arena: &mut Arena) -> Result<Database, String> {
        self.initial.build(arena)
    }

    /// The group of an entry that changes rows.
    pub fn group(&self, entry: &Entry) -> Option<Group<'_>> {
        let What::Rows { file, at } = &entry.what else {
            return None;
        };
        Groups::of_file_from(&self.files.get(*file)?.bytes, at.start)
            .ok()?
            .next()?
            .ok()
    }

    /// How messages name an entry: `binlog.000002, end 33936`.
    pub fn place(&self, entry: &Entry) -> String {
        let name = self
            .files
            .get(entry.place.0)
            .map_or("", |f| f.name.rsplit('/').next().unwrap_or(&f.name));
        format!("{name}, end {}", entry.place.1)
    }

    /// How much slower than recorded the rest after the migration's start is replayed, in thousandths.
    pub fn stretch_thousandths(&self, spec: &Workload, migration_us: u64) -> u64 {
        let start = self.start_index(spec);
        let rest = match (self.entries.get(start), self.entries.last()) {
            (Some(first), Some(last)) => (last.at_us - first.at_us).max(1),
            _ => return 1_000,
        };
        if spec.stretch {
            (u128::from(migration_us) * 1_000 / u128::from(rest)).clamp(1_000, 1 << 40) as u64
        } else {
            1_000
        }
    }

    /// The entry at which the migration starts.
    pub fn start_index(&self, spec: &Workload) -> usize {
        ((self.entries.len() as f64 * spec.start_after) as usize)
            .min(self.entries.len().saturating_sub(1))
    }

    /// How far the recording has been replayed when the migration starts, in µs since its first transaction.
    pub fn start_us(&self, spec: &Workload) -> u64 {
        let start = self.entries.get(self.start_index(spec));
        start.map_or(0, |entry| entry.at_us)
    }

    /// Every declaration that a table has had when the files begin, when its rows are changed, or when they end.
    pub fn declarations(&self) -> impl Iterator<Item = &TableDef> {
        self.declared.iter().map(|def| &**def)
    }

    /// The declarations of the initial tables.
    pub fn initial_definitions(&self) -> impl Iterator<Item = &TableDef> {
        self.initial.definitions()
    }
}

/// Whether the whole file is something else than a binlog of MySQL, rather than a damaged one.
fn is_no_binlog(error: &ErrorKind) -> bool {
    match error {
        ErrorKind::NotABinlog { found, .. } => !MAGIC.starts_with(found),
        ErrorKind::UnsupportedVersion(_) | ErrorKind::MariaDb(_) => true,
        _ => false,
    }
}

/// Files in order.
struct Sorted {
    files: Vec<NamedFile>,
    versions: Vec<Version>,
    notes: Vec<String>,
}

fn sort(files: Vec<NamedFile>) -> Result<Sorted, RecordingError> {
    let inputs: Vec<_> = files
        .iter()
        .map(|file| Input {
            name: &file.name,
            bytes: &file.bytes,
        })
        .collect();
    let history = History::of(&inputs)?;
    let versions = (0..files.len()).map(|at| history.version(at)).collect();
    let (order, notes) = (history.order, history.notes);
    let mut files: Vec<_> = files.into_iter().map(Some).collect();
    Ok(Sorted {
        files: order.iter().filter_map(|at| files[*at].take()).collect(),
        versions,
        notes,
    })
}
