//! Why a source does not send its binlog, in its own words.
//!
//! The order of the checks is that of `Binlog_sender::check_start_file` (sql/rpl_binlog_sender.cc); the texts
//! are those that 9.7.4 and 5.6.24 sent to a receiver that asked wrongly. What is between the two versions
//! was not asked: 5.7 is taken to speak as 5.6, 8.0 as 9.7, but for "master" and "slave" before 8.0.26.

use crate::{
    ddl::Version,
    gtid::{GtidSet, Uuid},
};

/// The number in the packet, and in every text at the replica (ER_MASTER_FATAL_ERROR_READING_BINLOG).
pub const FATAL_ERRNO: u16 = 1236;
/// The replica's own number for it, from 8.0 on (measured on 9.7.4).
const FATAL_AT_REPLICA: u32 = 13_114;

/// Whether a receiver's number (`Last_IO_Errno`) is that of a source that refused it for good, whatever its version.
pub fn is_fatal(errno: u32) -> bool {
    errno == FATAL_AT_REPLICA || errno == u32::from(FATAL_ERRNO)
}

/// `Last_IO_Errno` of such a refusal: before 8.0 the packet's number (measured on 9.7.4 and 5.6.24).
pub fn fatal_errno(version: Version) -> u32 {
    match version.at_least(80_000) {
        true => FATAL_AT_REPLICA,
        false => FATAL_ERRNO.into(),
    }
}

/// A server cuts its messages there (`MYSQL_ERRMSG_SIZE`, with its final 0).
const LONGEST_BYTES: usize = 511;
/// Position of the first event of a file.
const FIRST: u64 = 4;

/// `gtid_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GtidMode {
    /// Anonymous transactions only.
    Off,
    /// New ones are anonymous.
    OffPermissive,
    /// New ones have GTIDs.
    OnPermissive,
    /// GTIDs only.
    On,
}

impl GtidMode {
    /// Of a server that has GTIDs, or has none.
    pub fn of(gtids: bool) -> Self {
        match gtids {
            true => Self::On,
            false => Self::Off,
        }
    }

    /// As `@@GLOBAL.GTID_MODE` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::OffPermissive => "OFF_PERMISSIVE",
            Self::OnPermissive => "ON_PERMISSIVE",
            Self::On => "ON",
        }
    }
}

/// What a source is asked, before it sends anything.
pub trait Source {
    /// Version.
    fn version(&self) -> Version;
    /// `gtid_mode`.
    fn gtid_mode(&self) -> GtidMode;
    /// `server_uuid`.
    fn uuid(&self) -> Uuid;
    /// `gtid_executed`.
    fn executed(&self) -> &GtidSet;
    /// What only purged files held.
    fn purged(&self) -> &GtidSet;
    /// The newest file at whose start nothing is missing for one who has `known`.
    fn find_file_for(&self, known: &GtidSet) -> Option<u64>;
    /// Number and length of a file; the first one's for an empty name.
    fn find_file(&self, name: &str) -> Option<(u64, u64)>;
}

/// Where a dump by auto-position begins: the number of the file.
///
/// # Errors
/// What the source refuses.
pub fn by_gtid(source: &impl Source, known: &GtidSet) -> Result<u64, Refusal> {
    let (mode, looks_at_mode) = (source.gtid_mode(), source.version().at_least(50_700));
    if mode != GtidMode::On && looks_at_mode {
        return Err(Refusal::AutoPositionOff(mode));
    }
    if !known
        .of_server(source.uuid())
        .is_subset_of(source.executed())
    {
        return Err(Refusal::MoreGtids);
    }
    if mode != GtidMode::On {
        return Err(Refusal::WithoutGtids);
    }
    let missing = source.purged().subtract(known);
    if !missing.is_empty() {
        return Err(Refusal::Purged {
            sent: known.clone(),
            missing,
        });
    }
    source.find_file_for(known).ok_or(Refusal::NoSuchFile)
}

/// What a receiver makes of its own `gtid_mode` and its source's, once it is connected and before it asks for anything: the
/// number and the text with which it stops. Measured on 9.7.4, where the permissive modes get on with both; 8.0 is taken to do
/// the same, and before it the number is 1593.
pub fn of_modes(own: GtidMode, source: GtidMode, version: Version) -> Option<(u32, String)> {
    use GtidMode::{Off, On};
    let errno = if version.at_least(80_000) {
        13_117
    } else {
        1_593
    };
    let (here, there) = (own.name(), source.name());
    matches!((own, source), (On, Off) | (Off, On)).then(|| {
        let text = format!(
            "The replication receiver thread cannot start because the source has GTID_MODE = {there} and this server has \
             GTID_MODE = {here}."
        );
        (errno, text)
    })
}

/// Why SOURCE_AUTO_POSITION cannot be configured on a server: its own `gtid_mode` is OFF (1777, measured on 9.7.4).
pub fn auto_position_is_off(own: GtidMode) -> Option<(u32, &'static str)> {
    let text = "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1 cannot be executed because @@GLOBAL.GTID_MODE = OFF.";
    (own == GtidMode::Off).then_some((1_777, text))
}

/// Where a dump by position begins: the number of the file.
///
/// # Errors
/// What the source refuses. Nothing checks that the position is what was meant, or that of an event.
pub fn by_position(source: &impl Source, file: &str, pos: u64) -> Result<u64, Refusal> {
    let (number, length) = source.find_file(file).ok_or(Refusal::NoSuchFile)?;
    if pos < FIRST {
        return Err(Refusal::BelowFirst);
    }
    if pos > length {
        return Err(Refusal::PastEnd);
    }
    Ok(number)
}

/// Why a source does not send, or stops sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `log_bin` is off.
    NotOpen,
    /// Auto-position without GTIDs.
    AutoPositionOff(GtidMode),
    /// The same before 5.7, which looks for GTIDs in the files first.
    WithoutGtids,
    /// The replica has GTIDs of this source that this source does not have.
    MoreGtids,
    /// What the replica needs was purged.
    Purged {
        /// What the replica has.
        sent: GtidSet,
        /// What it would miss.
        missing: GtidSet,
    },
    /// A file that is not in the index.
    NoSuchFile,
    /// A position before the first event.
    BelowFirst,
    /// A position behind the end.
    PastEnd,
    /// Of the file that comes next the index knows nothing.
    NoNextFile,
    /// An event that says that it is shorter than its header.
    Bogus,
    /// An event that says that it is longer than any.
    TooLong,
    /// A file that ends inside an event.
    Truncated,
    /// An event that is not what was written.
    Checksum,
    /// The receiver never said that it knows checksums.
    ChecksumUnaware,
    /// A receiver with the same identity has come.
    Replaced,
    /// A transaction without GTID under auto-position.
    Anonymous {
        /// File.
        file: String,
        /// Its position.
        pos: u64,
    },
    /// A transaction without GTID on a source that has GTIDs only.
    AnonymousInOn {
        /// File.
        file: String,
        /// Its position.
        pos: u64,
    },
    /// A transaction with GTID on a source that has none.
    GtidInOff {
        /// File.
        file: String,
        /// Its position.
        pos: u64,
    },
}

/// How far a source was: what it appends to most texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// File and position that the receiver asked for.
    pub asked: (String, u64),
    /// File and position behind the last event that was read.
    pub event: (String, u64),
    /// File and position behind the last byte that was read.
    pub byte: (String, u64),
}

impl Refusal {
    /// The text that the source sends; `progress` where it had opened a file.
    pub fn text(&self, version: Version, progress: &Progress) -> String {
        let new = version.at_least(80_000);
        let mut text = self.words(version);
        // 9.7.4 looks at the position before it opens the file, 5.6.24 behind it.
        let opened = match self {
            Self::NotOpen
            | Self::AutoPositionOff(_)
            | Self::WithoutGtids
            | Self::MoreGtids
            | Self::Purged { .. }
            | Self::NoSuchFile => false,
            Self::BelowFirst | Self::PastEnd => !new,
            _ => true,
        };
        if opened {
            let Progress { asked, event, byte } = progress;
            text.push_str(&format!(
                "; the first event '{}' at {}, the last event read from '{}' at {}, the last byte read from '{}' at {}.",
                asked.0, asked.1, event.0, event.1, byte.0, byte.1
            ));
        }
        while text.len() > LONGEST_BYTES {
            text.pop();
        }
        text
    }

    fn words(&self, version: Version) -> String {
        let renamed = version.at_least(80_026);
        let (source, replica) = if renamed {
            ("source", "Replica")
        } else {
            ("master", "Slave")
        };
        match self {
            Self::NotOpen => "Binary log is not open".into(),
            Self::AutoPositionOff(mode) => format!(
                "The replication sender thread cannot start in AUTO_POSITION mode: this server has GTID_MODE = {} instead of ON.",
                mode.name()
            ),
            Self::WithoutGtids => "Found old binary log without GTIDs while looking for the oldest binary log that contains any \
                GTID that is not in the given gtid set"
                .into(),
            Self::MoreGtids if renamed => "Replica has more GTIDs than the source has, using the source's SERVER_UUID. This may \
                indicate that the the last binary log file was truncated or lost, e.g., after a power failure when sync_binlog \
                != 1. The source may have rolled back transactions that were already replicated to the replica. Replicate any \
                transactions that source has rolled back from replica to source, and/or commit empty transactions on source \
                to account for transactions that have been committed on source but are not included in GTID_EXECUTED."
                .into(),
            Self::MoreGtids => "Slave has more GTIDs than the master has, using the master's SERVER_UUID. This may indicate that \
                the end of the binary log was truncated or that the last binary log file was lost, e.g., after a power or disk \
                failure when sync_binlog != 1. The master may or may not have rolled back transactions that were already \
                replicated to the slave. Suggest to replicate any transactions that master has rolled back from slave to \
                master, and/or commit empty transactions on master to account for transactions that have been committed on \
                master but are not included in GTID_EXECUTED."
                .into(),
            Self::Purged { sent, missing } if version.at_least(80_000) => format!(
                "Cannot replicate because the {source} purged required binary logs. Replicate the missing transactions from \
                 elsewhere, or provision a new {replica} from backup. Consider increasing the {source}'s binary log expiration \
                 period. The GTID set sent by the {replica} is '{sent}', and the missing transactions are '{missing}'",
                replica = replica.to_ascii_lowercase()
            ),
            Self::Purged { .. } => "The slave is connecting using CHANGE MASTER TO MASTER_AUTO_POSITION = 1, but the master has \
                purged binary logs containing GTIDs that the slave requires."
                .into(),
            Self::NoSuchFile => "Could not find first log file name in binary log index file".into(),
            Self::BelowFirst => {
                format!("Client requested {source} to start replication from position < 4")
            }
            Self::PastEnd => {
                format!("Client requested {source} to start replication from position > file size")
            }
            Self::NoNextFile => "could not find next log".into(),
            Self::Bogus => "bogus data in log event".into(),
            Self::TooLong => {
                format!("log event entry exceeded max_allowed_packet; Increase max_allowed_packet on {source}")
            }
            Self::Truncated => {
                format!("binlog truncated in the middle of event; consider out of disk space on {source}")
            }
            Self::Checksum => "event read from binlog did not pass crc check".into(),
            Self::ChecksumUnaware => {
                format!("{replica} can not handle replication events with the checksum that {source} is configured to log")
            }
            Self::Replaced => format!(
                "A {} with the same server_uuid/server_id as this {0} has connected to the {source}",
                replica.to_ascii_lowercase()
            ),
            Self::Anonymous { file, pos } => format!(
                "Cannot replicate anonymous transaction when AUTO_POSITION = 1, at file {file}, position {pos}."
            ),
            Self::AnonymousInOn { file, pos } => format!(
                "Cannot replicate anonymous transaction when @@GLOBAL.GTID_MODE = ON, at file {file}, position {pos}."
            ),
            Self::GtidInOff { file, pos } => format!(
                "Cannot replicate GTID-transaction when @@GLOBAL.GTID_MODE = OFF, at file {file}, position {pos}."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Version = Version(90_704);
    const OLD: Version = Version(50_624);

    fn progress() -> Progress {
        Progress {
            asked: ("binlog.000002".into(), 5),
            event: ("./binlog.000002".into(), 127),
            byte: ("./binlog.000002".into(), 24),
        }
    }

    #[test]
    fn a_text_ends_with_how_far_the_source_was_once_it_had_opened_a_file() {
        assert_eq!(
            Refusal::TooLong.text(NEW, &progress()),
            "log event entry exceeded max_allowed_packet; Increase max_allowed_packet on source; the first event \
             'binlog.000002' at 5, the last event read from './binlog.000002' at 127, the last byte read from \
             './binlog.000002' at 24."
        );
        assert_eq!(
            Refusal::PastEnd.text(NEW, &progress()),
            "Client requested source to start replication from position > file size"
        );
        assert!(Refusal::PastEnd.text(OLD, &progress()).starts_with(
            "Client requested master to start replication from position > file size; the first"
        ));
    }

    #[test]
    fn a_long_text_is_cut_where_a_server_cuts_it() {
        for version in [NEW, OLD] {
            assert_eq!(Refusal::MoreGtids.text(version, &progress()).len(), 511);
        }
        assert!(
            Refusal::MoreGtids
                .text(NEW, &progress())
                .ends_with("GTID_EXECU")
        );
        assert!(
            Refusal::MoreGtids
                .text(OLD, &progress())
                .ends_with("that have been")
        );
    }
}
