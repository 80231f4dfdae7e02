//! `SHOW REPLICA STATUS`, as the server computes it.
//!
//! `Seconds_Behind_Source` (sql/rpl_replica.cc, `show_slave_status_send_data`): NULL without an applier; 0 when the
//! applier has consumed everything *received*, whatever the source still holds, also when a receiver with
//! auto-position never connected or was refused; NULL when a receiver that had been connected is gone, or one
//! that starts at a position is not connected (both measured on 5.6.24 and 9.7.4); else this server's clock minus the timestamp of what is being applied, minus the difference of
//! the clocks as sampled at connect.

use super::{Replica, Start, ThreadError};
use crate::{gtid::GtidSet, mutant::Mutant};

/// `Replica_IO_Running`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoRunning {
    /// Stopped.
    No,
    /// Trying to connect.
    Connecting,
    /// Connected.
    Yes,
}

/// What an operator sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// `Replica_IO_Running`.
    pub io_running: IoRunning,
    /// `Replica_SQL_Running`.
    pub sql_running: bool,
    /// `Source_Log_File`.
    pub read_file: String,
    /// `Read_Source_Log_Pos`.
    pub read_pos: u64,
    /// `Relay_Source_Log_File`.
    pub exec_file: String,
    /// `Exec_Source_Log_Pos`.
    pub exec_pos: u64,
    /// `Retrieved_Gtid_Set`.
    pub retrieved: GtidSet,
    /// `Executed_Gtid_Set`: of the whole server.
    pub executed: GtidSet,
    /// `Seconds_Behind_Source`; `None` is NULL.
    pub seconds_behind_source: Option<u64>,
    /// `Auto_Position`.
    pub auto_position: bool,
    /// `Last_IO_Errno` and `Last_IO_Error`.
    pub last_io_error: Option<ThreadError>,
    /// `Last_SQL_Errno` and `Last_SQL_Error`.
    pub last_sql_error: Option<ThreadError>,
}

impl Status {
    /// `Yes`, `No`, `Connecting`.
    pub fn io_running_text(&self) -> &'static str {
        match self.io_running {
            IoRunning::No => "No",
            IoRunning::Connecting => "Connecting",
            IoRunning::Yes => "Yes",
        }
    }

    /// The error that stopped a thread, as an operator reads it.
    pub fn error(&self) -> Option<String> {
        let io = self
            .last_io_error
            .as_ref()
            .map(|e| format!("Last_IO_Errno {}: {}", e.errno, e.text));
        let sql = self
            .last_sql_error
            .as_ref()
            .map(|e| format!("Last_SQL_Errno {}: {}", e.errno, e.text));
        io.or(sql)
    }
}

impl Replica {
    /// `SHOW REPLICA STATUS` at `now_s`, seconds since 1970 on this server's clock.
    pub fn status(&self, executed: &GtidSet, now_s: u64) -> Status {
        let ahead = self.mutants.has(Mutant::ExecutedCountsReceived);
        let (exec_file, exec_pos) = match ahead {
            true => (&self.read_file, self.read.pos),
            false => (&self.applier.exec_file, self.applier.exec.pos),
        };
        Status {
            io_running: self.io,
            sql_running: self.applier.running,
            read_file: self.read_file.clone(),
            read_pos: self.read.pos,
            exec_file: exec_file.clone(),
            exec_pos,
            retrieved: self.retrieved.clone(),
            executed: match ahead {
                true => executed.union(&self.retrieved),
                false => executed.clone(),
            },
            seconds_behind_source: self.seconds_behind_source(now_s),
            auto_position: self.start == Start::AutoPosition,
            last_io_error: self.last_io_error.clone(),
            last_sql_error: self.applier.last_error.clone(),
        }
    }

    /// See the head of this file.
    pub fn seconds_behind_source(&self, now_s: u64) -> Option<u64> {
        if !self.applier.running {
            return None;
        }
        if self.mutants.has(Mutant::LagFrozen) {
            return Some(0);
        }
        if self.is_idle() {
            let known = self.connected_once || matches!(self.start, Start::Position { .. });
            let gone = known && self.io != IoRunning::Yes;
            return if gone { None } else { Some(0) };
        }
        match self.applier.applying_timestamp_s {
            None => Some(0),
            Some(timestamp) => {
                let behind = now_s as i64 - i64::from(timestamp) - self.clock_diff_s;
                Some(behind.max(0) as u64)
            }
        }
    }
}
