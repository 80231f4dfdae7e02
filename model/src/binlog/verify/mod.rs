//! What a set of binlog files is worth: are they whole, do they follow one another, and what must one hold
//! before them to replay them.
//!
//! A server's files form one history: each starts with FORMAT_DESCRIPTION, then PREVIOUS_GTIDS (all GTIDs
//! of all earlier files), and ends with ROTATE (naming the next), with STOP, or with nothing (the server died,
//! or still writes). Whatever contradicts that is a [`Problem`] with its place.

mod file;
mod problem;

use super::event::FIRST_POSITION;
#[cfg(doc)]
use super::group::GroupKind;
use crate::gtid::{Gtid, GtidSet};

pub use problem::{Problem, ProblemKind};

/// A file to look at.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Its name, with or without folders in front; the number behind the last dot gives its place.
    pub name: &'a str,
    /// All its bytes.
    pub bytes: &'a [u8],
}

/// How a file ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// With ROTATE, which names the next file.
    Rotate(String),
    /// With STOP.
    Stop,
    /// Without either: the server died or was still writing, or the copy is not whole.
    #[default]
    Open,
}

/// What is in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileReport {
    /// As given.
    pub name: String,
    /// From FORMAT_DESCRIPTION; empty where that cannot be read.
    pub server_version: String,
    /// `server_id` of the server that wrote the file.
    pub server_id: u32,
    /// Still in use, says FORMAT_DESCRIPTION: the server died, or was writing when the file was copied.
    pub in_use: bool,
    /// When the file was started, in seconds since 1970.
    pub started_s: Option<u32>,
    /// When it was closed by ROTATE.
    pub ended_s: Option<u32>,
    /// Whole events.
    pub events: u64,
    /// Whole groups: transactions, and statements that commit by themselves.
    pub transactions: u64,
    /// Of those: data changes of the server's own tables alone, as statements ([`GroupKind::Internal`]).
    pub internal: u64,
    /// Of the first and the last transaction that has one.
    pub first_gtid: Option<Gtid>,
    /// See `first_gtid`.
    pub last_gtid: Option<Gtid>,
    /// Start of the first and the last statement, in seconds since 1970.
    pub first_time_s: Option<u32>,
    /// See `first_time_s`.
    pub last_time_s: Option<u32>,
    /// The GTIDs of earlier files, as this one has them.
    pub previous: Option<GtidSet>,
    /// The GTIDs in it.
    pub gtids: GtidSet,
    /// The position up to which it can be used: behind its last whole group.
    pub good_until: u64,
    /// How it ends.
    pub ending: Ending,
}

/// From where on the files are one history without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompleteFrom {
    /// Index into [`Report::files`].
    pub file: usize,
    /// Position in it: its start.
    pub pos: u64,
    /// What must have been applied before; `None` when the file does not say.
    pub held: Option<GtidSet>,
}

/// What files are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The files in the order in which they were written.
    pub files: Vec<FileReport>,
    /// For each of them, its index among the inputs.
    pub order: Vec<usize>,
    /// What is wrong or odd, in the files' order.
    pub problems: Vec<Problem>,
    /// From where on they are one history up to the last one's end; `None` without a usable file.
    pub complete_from: Option<CompleteFrom>,
}

impl Report {
    /// Whether nothing contradicts that these files are one whole history.
    pub fn is_sound(&self) -> bool {
        self.problems
            .iter()
            .all(|problem| !problem.kind.breaks_history())
    }

    /// All GTIDs in the files.
    pub fn gtids(&self) -> GtidSet {
        let mut all = GtidSet::new();
        for file in &self.files {
            all.union_with(&file.gtids);
        }
        all
    }
}

/// Looks at all files, in the order of the numbers in their names (of their times, where names have none).
///
/// Reads each byte at most twice, and allocates for what it reports.
pub fn verify(inputs: &[Input<'_>]) -> Report {
    let mut problems = Vec::new();
    let order = order(inputs, &mut problems);
    let mut files: Vec<FileReport> = Vec::with_capacity(inputs.len());
    let (mut start, mut damaged) = (0, false);
    for (i, input) in order.iter().filter_map(|at| inputs.get(*at)).enumerate() {
        let last = i + 1 == inputs.len();
        let (file, mut own) = file::look(input, last);
        let broken = match files.last() {
            Some(before) => {
                let between = continuity(before, &file, files.get(start..).unwrap_or_default());
                let broken = between.iter().any(|p| p.kind.breaks_history());
                problems.extend(between);
                broken
            }
            None => false,
        };
        // What cannot be used to its end ends a history, except at the very end.
        if broken || damaged {
            start = i;
        }
        damaged = own.iter().any(|p| p.kind.breaks_history());
        problems.append(&mut own);
        files.push(file);
    }
    let complete_from = files
        .get(start)
        .filter(|file| file.good_until > FIRST_POSITION)
        .map(|file| CompleteFrom {
            file: start,
            pos: FIRST_POSITION,
            held: file.previous.clone(),
        });
    Report {
        files,
        order,
        problems,
        complete_from,
    }
}

/// A server closes a file and starts the next in one go; so far apart the two may be said to be, in seconds.
const ROTATION_S: u32 = 10;

/// When a file was started.
fn started_s(file: &[u8]) -> Option<u32> {
    let head = super::Frames::of_file(file).ok()?.next()?.ok()?;
    Some(head.header.timestamp_s)
}

/// The inputs' indexes by the number in their names; by their first event's time where names do not tell.
fn order(inputs: &[Input<'_>], problems: &mut Vec<Problem>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..inputs.len()).collect();
    let names: Option<Vec<(&str, u64)>> =
        inputs.iter().map(|input| split_name(input.name)).collect();
    let Some(names) = names else {
        order.sort_by_key(|i| inputs.get(*i).and_then(|input| started_s(input.bytes)));
        return order;
    };
    if let [(base, _), rest @ ..] = names.as_slice() {
        for ((other, _), input) in rest.iter().zip(inputs.iter().skip(1)) {
            if other != base {
                problems.push(Problem::at(
                    input.name,
                    0,
                    ProblemKind::OtherBase {
                        first: (*base).to_owned(),
                    },
                ));
                order.sort_by_key(|i| inputs.get(*i).and_then(|input| started_s(input.bytes)));
                return order;
            }
        }
    }
    order.sort_by_key(|i| names.get(*i).map(|(_, number)| *number));
    let mended = order
        .iter()
        .enumerate()
        .find(|(place, given)| place != *given);
    if let Some((_, given)) = mended
        && let Some(input) = inputs.get(*given)
    {
        problems.push(Problem::at(input.name, 0, ProblemKind::Order));
    }
    order
}

/// `dir/base.000142` as (`base`, 142).
fn split_name(name: &str) -> Option<(&str, u64)> {
    let name = file_name(name);
    let (base, digits) = name.rsplit_once('.')?;
    let numeric = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    Some((base, digits.parse().ok().filter(|_| numeric)?))
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Whether a file follows the one before it; `run` are the files of the history so far.
fn continuity(before: &FileReport, file: &FileReport, run: &[FileReport]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |pos, kind| problems.push(Problem::at(&file.name, pos, kind));
    let named = match &before.ending {
        Ending::Rotate(next) if file_name(next) != file_name(&file.name) => {
            problem(
                0,
                ProblemKind::NotNext {
                    named: next.clone(),
                    before: before.name.clone(),
                },
            );
            false
        }
        Ending::Rotate(_) => true,
        Ending::Stop | Ending::Open => match (split_name(&before.name), split_name(&file.name)) {
            (Some((_, a)), Some((_, b))) if b != a + 1 => {
                problem(
                    0,
                    ProblemKind::Skipped {
                        before: before.name.clone(),
                    },
                );
                false
            }
            _ => true,
        },
    };
    if matches!(before.ending, Ending::Rotate(_)) && !file.server_version.is_empty() {
        if before.server_version != file.server_version {
            problem(
                0,
                ProblemKind::ServerVersion {
                    before: before.server_version.clone(),
                    now: file.server_version.clone(),
                },
            );
        } else if let (Some(ended), Some(started)) = (before.ended_s, file.started_s)
            && ended.abs_diff(started) > ROTATION_S
        {
            problem(0, ProblemKind::OtherTime { ended, started });
        }
    }
    if before.server_id != file.server_id && file.server_id != 0 && before.server_id != 0 {
        problem(
            0,
            ProblemKind::ServerId {
                before: before.server_id,
                now: file.server_id,
            },
        );
    }
    if let (Some(earlier), Some(first)) = (
        run.first().and_then(|f| f.previous.as_ref()),
        &file.previous,
    ) {
        let mut expected = earlier.clone();
        for file in run {
            expected.union_with(&file.gtids);
        }
        let (forgotten, unseen) = (expected.subtract(first), first.subtract(&expected));
        if !forgotten.is_empty() || (named && !unseen.is_empty() && before.good_to_its_end()) {
            problem(0, ProblemKind::OtherHistory { forgotten, unseen });
        } else if !unseen.is_empty() {
            problem(0, ProblemKind::Gap { missing: unseen });
        }
    }
    let repeated = run
        .iter()
        .map(|f| f.gtids.intersect(&file.gtids))
        .find(|common| !common.is_empty());
    if let Some(repeated) = repeated {
        problem(0, ProblemKind::Repeated { gtids: repeated });
    }
    problems
}

impl FileReport {
    /// Whether the file ends as a server ends it.
    fn good_to_its_end(&self) -> bool {
        self.ending != Ending::Open
    }
}
