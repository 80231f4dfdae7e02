//! What can be wrong with files, as sentences with a remedy.

use crate::binlog::frame::ErrorKind;
use crate::gtid::{Gtid, GtidSet};

/// Something wrong or odd, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{pos}: {kind}")]
pub struct Problem {
    /// The file's name as given.
    pub file: String,
    /// Position in it.
    pub pos: u64,
    /// What.
    pub kind: ProblemKind,
}

impl Problem {
    pub(super) fn at(file: &str, pos: u64, kind: ProblemKind) -> Problem {
        Problem {
            file: file.to_owned(),
            pos,
            kind,
        }
    }
}

/// Something wrong or odd.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    /// The file cannot be used from here on.
    #[error("{0}")]
    Broken(ErrorKind),
    /// As `Broken`, at the end of the last file, where a crash or a copy of a file in use leaves it so.
    #[error("{0}; what comes before it is whole")]
    Torn(ErrorKind),
    /// An event's header has another end than the event.
    #[error("the header says that the event ends at {found}, it ends at {expected}")]
    EndPosition {
        /// In the header.
        found: u32,
        /// Counted.
        expected: u32,
    },
    /// A file without PREVIOUS_GTIDS: it does not say what came before.
    #[error(
        "the file has no PREVIOUS_GTIDS event: what must have been applied before it is not known"
    )]
    NoPreviousGtids,
    /// A number that is not larger than the one before it (a replica with parallel workers writes that).
    #[error("GTID {gtid} comes after a larger number of the same server")]
    GtidOrder {
        /// The GTID that comes late.
        gtid: Gtid,
    },
    /// A GTID twice in a file, or in it and in PREVIOUS_GTIDS.
    #[error("GTID {gtid} was there before")]
    RepeatedGtid {
        /// The GTID.
        gtid: Gtid,
    },
    /// A GTID that an earlier file has as well.
    #[error("an earlier file has some of these transactions as well: {gtids}")]
    Repeated {
        /// The GTIDs.
        gtids: GtidSet,
    },
    /// The files were given in another order than that of their numbers.
    #[error("the files were not given in the order of their numbers; they are taken in that order")]
    Order,
    /// Names with different bases.
    #[error(
        "the files have different base names (`{first}` is the first): they are taken in the order of their times"
    )]
    OtherBase {
        /// The first file's.
        first: String,
    },
    /// The file before names another one as the next.
    #[error("`{before}` is followed by `{named}`, not by this file")]
    NotNext {
        /// The name in ROTATE.
        named: String,
        /// The file before.
        before: String,
    },
    /// Numbers are missing between two files.
    #[error("there are files missing between `{before}` and this one")]
    Skipped {
        /// The file before.
        before: String,
    },
    /// Transactions are missing between two files.
    #[error("transactions are missing before this file: {missing}")]
    Gap {
        /// What PREVIOUS_GTIDS has and the files do not.
        missing: GtidSet,
    },
    /// The file belongs to another history, though its name fits.
    #[error(
        "this file is of another server or another start than those before it: its PREVIOUS_GTIDS lacks \
         [{forgotten}] of theirs and has [{unseen}] beyond them"
    )]
    OtherHistory {
        /// In the earlier files, unknown to this one.
        forgotten: GtidSet,
        /// Known to this one, not in the earlier files.
        unseen: GtidSet,
    },
    /// The files were written with different server ids.
    #[error("the file is of server id {now}, the one before it of {before}")]
    ServerId {
        /// Of the file before.
        before: u32,
        /// Of this one.
        now: u32,
    },
    /// The files were written by servers of different versions, without a restart between them.
    #[error(
        "the file is of MySQL {now}, the one before it of {before}, which says that it goes on"
    )]
    ServerVersion {
        /// Of the file before.
        before: String,
        /// Of this one.
        now: String,
    },
    /// The file was started long after, or before, the one before it was closed.
    #[error(
        "the file was started at {started} (seconds since 1970), the one before it closed at {ended}: a server does \
         both at once"
    )]
    OtherTime {
        /// End of the file before.
        ended: u32,
        /// Start of this one.
        started: u32,
    },
    /// Not the last file, and not closed.
    #[error(
        "the file was never closed (its server died); the next file starts behind what it holds"
    )]
    InUse,
}

impl ProblemKind {
    /// Whether the files cannot be replayed across this as one history.
    pub fn breaks_history(&self) -> bool {
        match self {
            ProblemKind::Broken(_)
            | ProblemKind::EndPosition { .. }
            | ProblemKind::RepeatedGtid { .. }
            | ProblemKind::Repeated { .. }
            | ProblemKind::OtherBase { .. }
            | ProblemKind::NotNext { .. }
            | ProblemKind::Skipped { .. }
            | ProblemKind::Gap { .. }
            | ProblemKind::OtherHistory { .. }
            | ProblemKind::ServerVersion { .. }
            | ProblemKind::OtherTime { .. } => true,
            ProblemKind::Torn(_)
            | ProblemKind::NoPreviousGtids
            | ProblemKind::GtidOrder { .. }
            | ProblemKind::Order
            | ProblemKind::ServerId { .. }
            | ProblemKind::InUse => false,
        }
    }
}
