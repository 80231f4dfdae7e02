//! A replica: receiver, relay log, applier with its workers, and what `SHOW REPLICA STATUS` makes of them.
//!
//! The relay log holds ranges of the source's binlog (the bytes stay where the source wrote them). The
//! applier hands groups to workers as `LOGICAL_CLOCK` does: a group may start when everything up to its
//! `last_committed` is done, the clock starting anew with every file of the source. With
//! `replica_preserve_commit_order` groups commit in the order of the relay log.
//!
//! Not modelled: partial transactions in the relay log (the source sends whole groups), retries of the
//! applier, its wait for a row that a client of the replica has locked.

mod applier;
pub mod dump;
pub mod refusal;
mod skip;
mod status;

pub use applier::Costs;
pub use skip::Failed;
pub use status::{IoRunning, Status};

use crate::{
    apply::{Mode, filter::Rules},
    binlog::{
        event::Checksum,
        log::{Binlog, LogPos, Span},
    },
    gtid::{Gtid, GtidRun, GtidSet},
    mutant::{Mutant, Mutants},
    server::Server,
};
use applier::Applier;
use refusal::GtidMode;
use std::{collections::VecDeque, sync::Arc};

/// Where replication starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what the replica does not have: `SOURCE_AUTO_POSITION = 1`.
    AutoPosition,
    /// At a file and position of the source.
    Position {
        /// The file's name; empty: the first file there is.
        file: String,
        /// The position.
        pos: u64,
    },
}

/// A range of a file of the source: whole groups. The bytes stay readable when the file is purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Where it starts on the source.
    pub at: LogPos,
    /// Its bytes.
    pub span: Span,
}

impl Range {
    /// Behind the last byte.
    pub fn end(&self) -> LogPos {
        LogPos {
            file: self.at.file,
            pos: self.at.pos + self.span.length() as u64,
        }
    }

    /// The part between two positions.
    pub(crate) fn part(&self, from: u64, to: u64) -> Self {
        let rest = self.from(from);
        Self {
            span: rest.span.slice(0, (to - from) as usize),
            ..rest
        }
    }

    /// What is left from position `pos` on.
    fn from(&self, pos: u64) -> Self {
        let skip = pos.saturating_sub(self.at.pos);
        Self {
            at: LogPos {
                file: self.at.file,
                pos,
            },
            span: self.span.slice(skip as usize, usize::MAX),
        }
    }
}

/// An error of the receiver or the applier: number and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadError {
    /// `Last_IO_Errno`, `Last_SQL_Errno`.
    pub errno: u32,
    /// `Last_IO_Error`, `Last_SQL_Error`.
    pub text: String,
}

/// How the events of a log are checked.
pub(crate) fn checksum(binlog: &Binlog) -> Checksum {
    if binlog.writer().options().checksum {
        Checksum::Crc32
    } else {
        Checksum::None
    }
}

/// Replication parameters of the replica.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// `replica_parallel_workers`; 0 is 1.
    pub workers: u32,
    /// `replica_preserve_commit_order`.
    pub preserve_commit_order: bool,
    /// `replica_exec_mode`.
    pub exec_mode: Mode,
    /// Known bugs that are switched on.
    pub mutants: Mutants,
}

/// The replication state of a server.
#[derive(Debug)]
pub struct Replica {
    /// What `rds_set_external_source…` said.
    pub start: Start,
    io: IoRunning,
    connected_once: bool,
    read_file: String,
    read: LogPos,
    relay: VecDeque<Range>,
    retrieved: GtidSet,
    last_io_error: Option<ThreadError>,
    clock_diff_s: i64,
    applier: Applier,
    mutants: Mutants,
}

impl Replica {
    /// With what the applier leaves out.
    pub fn filtered(mut self, rules: Arc<Rules>) -> Self {
        self.applier.filter(rules);
        self
    }

    /// A configured replica, both threads stopped.
    pub fn new(start: Start, config: Config) -> Self {
        let (read_file, pos) = match &start {
            Start::AutoPosition => (String::new(), 4),
            Start::Position { file, pos } => (file.clone(), *pos),
        };
        Self {
            start,
            io: IoRunning::No,
            connected_once: false,
            read_file: read_file.clone(),
            read: LogPos { file: 0, pos },
            relay: VecDeque::new(),
            retrieved: GtidSet::default(),
            last_io_error: None,
            clock_diff_s: 0,
            mutants: config.mutants,
            applier: Applier::new(config, read_file, pos),
        }
    }

    /// `START REPLICA`: the applier runs, the receiver connects.
    pub fn start(&mut self) {
        self.start_receiver();
        self.start_applier();
    }

    /// `START REPLICA IO_THREAD`.
    pub fn start_receiver(&mut self) {
        self.io = IoRunning::Connecting;
        self.last_io_error = None;
    }

    /// `START REPLICA SQL_THREAD`.
    pub fn start_applier(&mut self) {
        self.applier.start();
    }

    /// `STOP REPLICA`: both threads stop, the applier as [`Self::stop_applier`] says.
    pub fn stop(&mut self, now: u64) {
        self.stop_receiver();
        self.stop_applier(now);
    }

    /// `STOP REPLICA IO_THREAD`: what was received stays to be applied.
    pub fn stop_receiver(&mut self) {
        self.io = IoRunning::No;
    }

    /// `STOP REPLICA SQL_THREAD`: groups that workers have not committed are to be applied yet, but for those that are missing
    /// before one that is committed. These are due at `now`, and the applier stops with the [`Self::step`] that commits
    /// them.
    pub fn stop_applier(&mut self, now: u64) {
        self.applier.stop(now, &mut self.relay);
    }

    /// The applier's threads are killed: what workers had not committed is missing.
    pub fn applier_killed(&mut self) {
        self.applier.end(&mut self.relay);
    }

    /// The server was killed, and finds its relay log as it was (measured on 9.7.4). With `recovery`
    /// (`relay_log_recovery = ON`) what it holds is thrown away and asked for again; without, it is applied, and the
    /// receiver goes on where it was.
    pub fn killed(&mut self, recovery: bool) {
        match recovery {
            true => self.lose_relay_log(true),
            false => self.applier.end(&mut self.relay),
        }
    }

    /// The server has lost its relay log: what the relay log held and was not applied is gone. With
    /// `recovery` (`relay_log_recovery = ON`) the receiver goes back to what was applied; without it, it goes on
    /// where it was, which by position leaves a hole (`init_recovery`, sql/rpl_rli.cc). By GTID the set of what was
    /// retrieved is read from the relay log, so what is lost is asked for again either way.
    pub fn lose_relay_log(&mut self, recovery: bool) {
        self.applier.end(&mut self.relay);
        self.relay.clear();
        self.retrieved = GtidSet::default();
        self.applier.read_saved_position();
        let recovery = recovery && !self.mutants.has(Mutant::RelayLogNotRecovered);
        if recovery && self.applier.exec.file != 0 {
            self.read = self.applier.exec;
            self.read_file.clone_from(&self.applier.exec_file);
        }
    }

    /// Every page of the tables is cold again: its next touch costs what the first one does.
    pub fn cool(&mut self) {
        self.applier.cool();
    }

    /// Whether the receiver has a connection, or tries to get one.
    pub fn receiver_is_on(&self) -> bool {
        self.io != IoRunning::No
    }

    /// Whether the receiver wants a connection.
    pub fn wants_connection(&self) -> bool {
        self.io == IoRunning::Connecting
    }

    /// What stops the receiver on a server when it has seen the `gtid_mode` of its source.
    pub fn minds_modes(here: &Server, there: &Server) -> Option<ThreadError> {
        let mode = |server: &Server| GtidMode::of(server.config.gtid_mode);
        let minds = refusal::of_modes(mode(here), mode(there), here.config.version);
        minds.map(|(errno, text)| ThreadError { errno, text })
    }

    /// What the receiver asks the source for.
    pub fn request(&self, executed: &GtidSet) -> dump::Request {
        match &self.start {
            Start::AutoPosition => dump::Request::Auto {
                known: self.retrieved.union(executed),
            },
            Start::Position { .. } => dump::Request::Position {
                file: self.read_file.clone(),
                pos: self.read.pos,
            },
        }
    }

    /// The source agreed and sends from here on. `clock_diff_s`: this server's clock minus the source's.
    pub fn connected(&mut self, file: &str, at: LogPos, clock_diff_s: i64) {
        self.io = IoRunning::Yes;
        self.connected_once = true;
        self.read_file = file.to_string();
        self.read = at;
        self.clock_diff_s = clock_diff_s;
        self.applier.connected(file, at);
    }

    /// The source refused for good: the receiver stops.
    pub fn refused(&mut self, error: ThreadError) {
        self.io = IoRunning::No;
        self.last_io_error = Some(error);
    }

    /// The connection broke; the receiver tries again. `cut_off`: what was on its way, the first GTID in it, and
    /// the name of its file.
    pub fn disconnected(&mut self, cut_off: Option<(Range, Option<Gtid>, String)>) {
        if self.io == IoRunning::Yes {
            self.io = IoRunning::Connecting;
        }
        if let Some((range, gtid, file)) = cut_off {
            if let Some(gtid) = gtid.filter(|_| self.mutants.has(Mutant::GtidAtBegin)) {
                self.retrieved.add(gtid);
            }
            if self.mutants.has(Mutant::PositionAheadOfReceive) {
                (self.read, self.read_file) = (range.end(), file);
            }
        }
        if self.mutants.has(Mutant::PositionBehindApply) {
            self.read = self.applier.exec;
            self.read_file.clone_from(&self.applier.exec_file);
        }
        if self.mutants.has(Mutant::CheckpointAheadOfApply) {
            self.relay.clear();
            self.applier.forget(&self.read_file, self.read);
        }
    }

    /// Events have arrived and are in the relay log. `file` says the name of the source's file, when it is another
    /// than before.
    pub fn receive(&mut self, range: Range, gtids: &[GtidRun], file: impl FnOnce() -> String) {
        let end = range.end();
        if self.read.file != end.file {
            self.read_file = file();
        }
        self.read = end;
        for run in gtids {
            self.retrieved.add_run(run);
        }
        self.relay.push_back(range);
    }

    /// How far the receiver is.
    pub fn read_position(&self) -> LogPos {
        self.read
    }

    /// The end of the last group applied, in order.
    pub fn exec_position(&self) -> LogPos {
        self.applier.exec
    }

    /// Whether both threads run and nothing received waits to be applied.
    pub fn is_idle(&self) -> bool {
        self.relay.is_empty() && self.applier.is_idle()
    }

    /// Whether the receiver is connected.
    pub fn is_connected(&self) -> bool {
        self.io == IoRunning::Yes
    }

    /// Whether both threads run: the receiver connected, or trying to be.
    pub fn runs(&self) -> bool {
        self.io != IoRunning::No && self.applier.running
    }

    /// Whether neither thread runs, which is when the source can be configured anew or forgotten (3081).
    pub fn is_stopped(&self) -> bool {
        self.io == IoRunning::No && !self.applier.running
    }

    /// Whether an error has stopped the applier.
    pub fn applier_failed(&self) -> bool {
        self.applier.last_error.is_some()
    }

    /// Whether the applier runs.
    pub fn applier_runs(&self) -> bool {
        self.applier.running
    }
}
