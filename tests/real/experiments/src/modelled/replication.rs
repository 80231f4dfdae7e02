//! What goes from source to replica, and what the replica says of it.

use super::{Modelled, SECOND};
use crate::{
    experiments::lag,
    outcome::Outcome,
    script::{From, Link, Until},
    sql::Threads,
};
use cutover_model::{
    apply::Mode,
    binlog::{Frames, event::EventType, log::LogPos},
    gtid::GtidSet,
    mutant::Mutants,
    replica::{
        Config as ReplicaConfig, IoRunning, Replica, Start, ThreadError,
        dump::handshake,
        refusal::{GtidMode, auto_position_is_off},
    },
};
use std::sync::Arc;

impl Modelled {
    pub(super) fn disconnect(&mut self) {
        self.dump = None;
        if let Some(replica) = &mut self.replica.replica {
            replica.disconnected(None);
        }
    }

    pub(super) fn connect(&mut self) -> bool {
        let Some(replica) = self.replica.replica.as_mut() else {
            return false;
        };
        if self.link != Link::Up
            || self.source.down
            || self.replica.down
            || !replica.wants_connection()
        {
            return false;
        }
        if let Some(error) = Replica::minds_modes(&self.replica.server, &self.source.server) {
            replica.refused(error);
            return true;
        }
        let request = replica.request(&self.replica.server.gtid_executed);
        match handshake(&self.source.server, &request) {
            Ok(dump) => {
                let name = self.source.binlog().name(dump.at.file);
                replica.connected(&name, dump.at, 0);
                self.dump = Some(dump);
            }
            Err(error) => replica.refused(error),
        }
        true
    }

    pub(super) fn pump(&mut self) -> bool {
        if self.link != Link::Up || self.source.down {
            return false;
        }
        let (Some(dump), Some(replica)) = (&mut self.dump, &mut self.replica.replica) else {
            return false;
        };
        match dump.next(&self.source.server, 1) {
            Ok(None) => false,
            Ok(Some(sent)) => {
                let binlog = self.source.binlog();
                let name = || binlog.name(sent.range.at.file);
                replica.receive(sent.range, &sent.gtids, name);
                true
            }
            Err(error) => {
                replica.refused(error);
                self.dump = None;
                true
            }
        }
    }

    pub(super) fn apply(&mut self) -> bool {
        let costs = self.costs();
        let Some(replica) = self.replica.replica.as_mut() else {
            return false;
        };
        if self.replica.down || replica.next_due().is_none_or(|at| at > self.now) {
            return false;
        }
        let state = |r: &Replica| (r.exec_position(), r.next_due(), r.applier_runs());
        let before = state(replica);
        replica.step(
            &mut self.arena,
            self.now,
            &mut self.replica.server,
            &self.source.server,
            costs,
            |_, _, _, _, _| {},
        );
        before != state(replica)
    }

    pub(super) fn start(&self, from: &From) -> Option<Start> {
        Some(match from {
            From::Auto => Start::AutoPosition,
            From::File(file, pos) => Start::Position {
                file: file.clone(),
                pos: *pos,
            },
            From::Mark { mark, event, bytes } => {
                let at = *self.marks.get(mark)?;
                let pos = match event {
                    None => at.pos + bytes,
                    Some(event) => self.event_from(at, event)?,
                };
                Start::Position {
                    file: self.source.binlog().name(at.file),
                    pos,
                }
            }
        })
    }

    /// The first event of a type at a place or behind it.
    pub(super) fn event_from(&self, at: LogPos, name: &str) -> Option<u64> {
        let bytes = self.source.binlog().file_bytes(at.file)?;
        let frames = Frames::of_file(&bytes).ok()?.map_while(Result::ok);
        let mut frames = frames.filter(|f| f.pos >= at.pos);
        frames
            .find(|f| {
                let is = f.header.event_type.name().unwrap_or_default();
                is.eq_ignore_ascii_case(name)
            })
            .map(|f| f.pos)
    }

    pub(super) fn events(&self) -> Outcome {
        let mut types = Vec::new();
        for file in self.source.binlog().files() {
            let bytes = self.source.binlog().file_bytes(file.number());
            let bytes = bytes.unwrap_or_default();
            let Ok(frames) = Frames::of_file(&bytes) else {
                continue;
            };
            for frame in frames.map_while(Result::ok) {
                let kind = frame.header.event_type;
                if !matches!(
                    kind,
                    EventType::FORMAT_DESCRIPTION | EventType::PREVIOUS_GTIDS
                ) {
                    types.push(kind.to_string().to_uppercase());
                }
            }
        }
        Outcome::Text(types.join(" "))
    }

    pub(super) fn replicate(&mut self, start: Start) -> Outcome {
        let mode = GtidMode::of(self.replica.server.config.gtid_mode);
        if start == Start::AutoPosition
            && let Some((errno, text)) = auto_position_is_off(mode)
        {
            return Outcome::Error(errno, text.into());
        }
        let newer = self.version.at_least(80_000);
        let default_workers = if newer { 4 } else { 0 };
        let config = ReplicaConfig {
            workers: match self.settings.workers {
                0 => default_workers,
                workers => workers,
            },
            preserve_commit_order: self.settings.commit_order,
            exec_mode: match self.settings.idempotent {
                true => Mode::Idempotent,
                false => Mode::Strict,
            },
            mutants: Mutants::default(),
        };
        let rules = Arc::new(self.settings.filters.clone());
        let mut replica = Replica::new(start, config).filtered(rules);
        replica.start();
        self.dump = None;
        self.replica.replica = Some(replica);
        Outcome::Ok
    }

    pub(super) fn wait(&mut self, until: Until) -> Outcome {
        for _ in 0..200 {
            self.settle();
            let end = self.source.binlog().published();
            let Some(replica) = &self.replica.replica else {
                return Outcome::Text("no replica".into());
            };
            let received = replica.read_position() >= end;
            let done = match until {
                Until::Applied => received && replica.is_idle() && replica.exec_position() >= end,
                Until::Received => received,
                Until::Stopped => !replica.applier_runs(),
                Until::Refused => self.io() == Some(IoRunning::No),
                Until::Connected => replica.is_connected(),
                Until::Disconnected => !replica.is_connected(),
            };
            if done {
                return Outcome::Ok;
            }
            self.advance(self.now + SECOND / 10);
        }
        Outcome::Text("not within 20 s".into())
    }

    pub(super) fn io(&self) -> Option<IoRunning> {
        let replica = self.replica.replica.as_ref()?;
        Some(replica.status(&GtidSet::new(), 0).io_running)
    }

    pub(super) fn status(&mut self, wanted: &[String]) -> Outcome {
        let now_s = (self.replica.server.config.epoch_us + self.now) / SECOND;
        let Some(replica) = &self.replica.replica else {
            return Outcome::Rows(Vec::new());
        };
        let status = replica.status(&self.replica.server.gtid_executed, now_s);
        let yes_no = |yes: bool| if yes { "Yes" } else { "No" }.to_owned();
        let errno = |e: &Option<ThreadError>| e.as_ref().map_or(0, |e| e.errno).to_string();
        let text = |e: &Option<ThreadError>| e.as_ref().map_or(String::new(), |e| e.text.clone());
        let value = |field: &str| match field {
            "Replica_IO_Running" => status.io_running_text().to_owned(),
            "Replica_SQL_Running" => yes_no(status.sql_running),
            "Source_Log_File" => status.read_file.clone(),
            "Read_Source_Log_Pos" => self.names.position(&status.read_file, status.read_pos),
            "Relay_Source_Log_File" => status.exec_file.clone(),
            "Exec_Source_Log_Pos" => self.names.position(&status.exec_file, status.exec_pos),
            "Retrieved_Gtid_Set" => self.names.gtids(&status.retrieved),
            "Executed_Gtid_Set" => self.names.gtids(&status.executed),
            "Seconds_Behind_Source" => lag(status.seconds_behind_source),
            "Auto_Position" => u8::from(status.auto_position).to_string(),
            "Last_IO_Errno" => errno(&status.last_io_error),
            "Last_IO_Error" => self.names.message(&text(&status.last_io_error)),
            "Last_SQL_Errno" => errno(&status.last_sql_error),
            "Last_SQL_Error" => self.names.message(&text(&status.last_sql_error)),
            "Cause" => {
                let text = text(&status.last_sql_error);
                let cause = text.split_once("(s): ").map_or("", |(_, cause)| cause);
                let cause = cause.split(" ; the event").next().unwrap_or_default();
                self.names.message(cause)
            }
            other => format!("no such field: {other}"),
        };
        Outcome::Fields(wanted.iter().map(|f| (f.clone(), value(f))).collect())
    }

    pub(super) fn replica_threads(&mut self, threads: Threads, start: bool) -> Outcome {
        let (dump, now) = (&mut self.dump, self.now);
        let Some(replica) = self.replica.replica.as_mut() else {
            return Outcome::Text("no replica".into());
        };
        match (threads, start) {
            (Threads::Both, true) => replica.start(),
            (Threads::Both, false) => {
                replica.stop(now);
                *dump = None;
            }
            (Threads::Receiver, true) => replica.start_receiver(),
            (Threads::Receiver, false) => {
                replica.stop_receiver();
                *dump = None;
            }
            (Threads::Applier, true) => replica.start_applier(),
            (Threads::Applier, false) => replica.stop_applier(now),
        }
        while self.apply() {}
        Outcome::Ok
    }
}
