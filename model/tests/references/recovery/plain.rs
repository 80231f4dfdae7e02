//! The reference: a server as a list of what was written to its two logs, in order, with times.
//!
//! It knows the stages' order and lengths, and what flushes which log. What a crash leaves is read off the
//! list: what stands before the last flush that reaches the storage in question, and before the last full
//! second for the redo log.

use std::collections::{BTreeMap, BTreeSet};

pub const FLUSH_US: u64 = 70;
pub const FSYNC_US: u64 = 400;
pub const ENGINE_US: u64 = 30;
const SECOND: u64 = 1_000_000;
pub const SESSIONS: usize = 5;

/// What a server is configured to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    pub version: u32,
    pub sync_binlog: u32,
    pub flush_log: u8,
    pub binlog: bool,
    /// The host is lost, not only the process.
    pub host_lost: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Flush,
    Sync,
    Commit,
}

/// What is written to a log, or flushed; transactions by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Prepare(usize),
    Commit(usize),
    Binlog(usize),
    /// To the operating system only.
    RedoWritten,
    RedoSynced,
    BinlogSynced,
}

/// Rows by key, and the tables that DDL made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub rows: BTreeMap<u32, i32>,
    pub names: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    Row(u32, Option<i32>),
    Name(String),
}

impl State {
    pub fn apply(&mut self, write: &Write) {
        match write {
            Write::Row(key, Some(value)) => drop(self.rows.insert(*key, *value)),
            Write::Row(key, None) => drop(self.rows.remove(key)),
            Write::Name(name) => drop(self.names.insert(name.clone())),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Txn {
    session: usize,
    pub writes: Vec<Write>,
    pub gno: u64,
    pub number: u64,
}

/// What a crash leaves of this life's transactions.
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// In the engine, by index into [`Plain::txns`].
    pub engine: Vec<usize>,
    /// In the binlog.
    pub binlog: Vec<usize>,
}

#[derive(Debug)]
pub struct Plain {
    pub setting: Setting,
    pub gtids: bool,
    /// The tables at the start of this life.
    pub base: State,
    pub auto: u64,
    /// What entered the commit queue in this life.
    pub txns: Vec<Txn>,
    log: Vec<(u64, Entry)>,
    open: Vec<Vec<Write>>,
    committing: [bool; SESSIONS],
    locks: BTreeMap<u32, usize>,
    queue: Vec<usize>,
    group: Vec<usize>,
    /// The stage under way, its start and its end.
    pub stage: Option<(Stage, u64, u64)>,
    groups_since_sync: u32,
    rotate: bool,
    pub executed: BTreeSet<u64>,
    /// All that the binlog's files have, over all lives.
    pub logged: BTreeSet<u64>,
    next_number: u64,
    /// The number of this life's first transaction.
    pub first_number: u64,
    pub acked: Vec<usize>,
}

impl Plain {
    pub fn new(setting: Setting, gtids: bool) -> Self {
        Plain {
            setting,
            gtids,
            base: State::default(),
            auto: 1,
            txns: Vec::new(),
            log: Vec::new(),
            open: vec![Vec::new(); SESSIONS],
            committing: [false; SESSIONS],
            locks: BTreeMap::new(),
            queue: Vec::new(),
            group: Vec::new(),
            stage: None,
            groups_since_sync: 0,
            rotate: false,
            executed: BTreeSet::new(),
            logged: BTreeSet::new(),
            next_number: 0,
            first_number: 0,
            acked: Vec::new(),
        }
    }

    /// Whether a session can write a row now without waiting.
    pub fn may_write(&self, session: usize, key: u32) -> bool {
        !self.committing[session] && self.locks.get(&key).is_none_or(|owner| *owner == session)
    }

    pub fn is_free(&self, session: usize) -> bool {
        !self.committing[session]
    }

    pub fn has_open(&self, session: usize) -> bool {
        !self.open[session].is_empty()
    }

    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// The rows as the engine's committed transactions and one session's own writes make them.
    pub fn seen_by(&self, session: usize) -> State {
        let mut state = self.committed();
        self.open[session].iter().for_each(|w| state.apply(w));
        state
    }

    /// What everybody sees.
    pub fn committed(&self) -> State {
        let mut state = self.base.clone();
        for txn in &self.acked {
            self.txns[*txn].writes.iter().for_each(|w| state.apply(w));
        }
        state
    }

    pub fn write(&mut self, session: usize, write: Write) {
        if let Write::Row(key, value) = &write {
            self.locks.insert(*key, session);
            if value.is_some() {
                self.auto = self.auto.max(u64::from(*key) + 1);
            }
        }
        self.open[session].push(write);
    }

    pub fn roll_back(&mut self, session: usize) {
        self.open[session].clear();
        self.locks.retain(|_, owner| *owner != session);
    }

    pub fn commit(&mut self, now: u64, session: usize) {
        let writes = std::mem::take(&mut self.open[session]);
        let txn = self.txns.len();
        self.log.push((now, Entry::Prepare(txn)));
        self.txns.push(Txn {
            session,
            writes,
            gno: 0,
            number: 0,
        });
        self.committing[session] = true;
        self.queue.push(txn);
        self.start_group(now);
    }

    /// FLUSH BINARY LOGS.
    pub fn ask_rotation(&mut self, now: u64) {
        self.rotate = self.setting.binlog;
        if self.stage.is_none() {
            self.rotate_if_asked(now);
        }
    }

    /// Goes on to a moment.
    pub fn advance(&mut self, to: u64) {
        while let Some((stage, _, end)) = self.stage.filter(|(_, _, end)| *end <= to) {
            match stage {
                Stage::Flush => self.end_flush(end),
                Stage::Sync => self.end_sync(end),
                Stage::Commit => self.end_commit(end),
            }
        }
    }

    fn start_group(&mut self, now: u64) {
        if self.stage.is_none() && !self.queue.is_empty() {
            self.group = std::mem::take(&mut self.queue);
            self.stage = Some((Stage::Flush, now, now + FLUSH_US));
        }
    }

    fn flush_redo(&mut self, at: u64) {
        match self.setting.flush_log {
            0 => {}
            1 => self.log.push((at, Entry::RedoSynced)),
            _ => self.log.push((at, Entry::RedoWritten)),
        }
    }

    fn end_flush(&mut self, at: u64) {
        if self.setting.binlog {
            self.flush_redo(at);
        }
        let mut free = (1..).filter(|n| !self.executed.contains(n));
        for txn in self.group.clone() {
            self.txns[txn].number = self.next_number;
            self.next_number += 1;
            if self.gtids {
                self.txns[txn].gno = free.next().expect("numbers do not end");
            }
            if self.setting.binlog {
                self.log.push((at, Entry::Binlog(txn)));
            }
        }
        self.groups_since_sync += 1;
        let every = self.setting.sync_binlog;
        let sync = !self.setting.binlog || every != 0 && self.groups_since_sync >= every;
        self.stage = Some(if sync {
            self.groups_since_sync = 0;
            (Stage::Sync, at, at + FSYNC_US)
        } else {
            (Stage::Commit, at, at + ENGINE_US)
        });
    }

    fn end_sync(&mut self, at: u64) {
        if self.setting.binlog {
            self.log.push((at, Entry::BinlogSynced));
        } else {
            let group = self.group.iter();
            self.log.extend(group.map(|txn| (at, Entry::Commit(*txn))));
            self.flush_redo(at);
        }
        self.stage = Some((Stage::Commit, at, at + ENGINE_US));
    }

    fn end_commit(&mut self, at: u64) {
        for txn in std::mem::take(&mut self.group) {
            let Txn { session, gno, .. } = self.txns[txn];
            if self.setting.binlog {
                self.log.push((at, Entry::Commit(txn)));
            }
            if self.txns[txn]
                .writes
                .iter()
                .any(|w| matches!(w, Write::Name(_)))
            {
                self.log.push((at, Entry::RedoSynced));
            }
            if gno > 0 {
                self.executed.insert(gno);
            }
            self.committing[session] = false;
            self.locks.retain(|_, owner| *owner != session);
            self.acked.push(txn);
        }
        self.stage = None;
        self.rotate_if_asked(at);
        self.start_group(at);
    }

    fn rotate_if_asked(&mut self, at: u64) {
        if std::mem::take(&mut self.rotate) {
            self.log.push((at, Entry::RedoSynced));
            self.log.push((at, Entry::BinlogSynced));
        }
    }

    /// What a crash at `now` leaves.
    pub fn left(&self, now: u64) -> Left {
        let last = |wanted: &[Entry]| {
            self.log
                .iter()
                .rposition(|(_, e)| wanted.contains(e))
                .unwrap_or(0)
        };
        let redo = match self.setting.host_lost {
            true => last(&[Entry::RedoSynced]),
            false => last(&[Entry::RedoSynced, Entry::RedoWritten]),
        };
        let binlog = match self.setting.host_lost {
            true => last(&[Entry::BinlogSynced]),
            false => self.log.len(),
        };
        let mut left = Left::default();
        for txn in 0..self.txns.len() {
            let at = |wanted| self.log.iter().position(|(_, e)| *e == wanted);
            let second = now - now % SECOND;
            let in_redo = |entry| at(entry).is_some_and(|i| i < redo || self.log[i].0 < second);
            let in_binlog = at(Entry::Binlog(txn)).is_some_and(|i| i < binlog);
            if in_redo(Entry::Commit(txn)) || in_redo(Entry::Prepare(txn)) && in_binlog {
                left.engine.push(txn);
            }
            if in_binlog {
                left.binlog.push(txn);
            }
        }
        left
    }

    /// `gtid_executed` after recovery.
    pub fn executed_after(&self, left: &Left) -> BTreeSet<u64> {
        let this_life: BTreeSet<u64> = self.txns.iter().map(|t| t.gno).collect();
        let mut set: BTreeSet<u64> = &self.executed - &this_life;
        let saved = !self.setting.binlog || self.setting.version >= 80_017;
        let engine = left.engine.iter().filter(|_| saved);
        set.extend(
            left.binlog
                .iter()
                .chain(engine)
                .map(|txn| self.txns[*txn].gno),
        );
        set.remove(&0);
        set
    }

    /// The tables after recovery.
    pub fn state_after(&self, left: &Left) -> State {
        let mut state = self.base.clone();
        for txn in &left.engine {
            self.txns[*txn].writes.iter().for_each(|w| state.apply(w));
        }
        state
    }

    /// The life after a crash.
    pub fn restart(&mut self, left: &Left) {
        let mut next = Plain::new(self.setting, self.gtids);
        next.base = self.state_after(left);
        next.executed = self.executed_after(left);
        next.logged = self.logged.clone();
        next.logged.extend(
            left.binlog
                .iter()
                .map(|t| self.txns[*t].gno)
                .filter(|gno| *gno > 0),
        );
        next.next_number = self.next_number;
        next.first_number = next.next_number;
        let largest = next
            .base
            .rows
            .last_key_value()
            .map_or(0, |(key, _)| u64::from(*key));
        next.auto = if self.setting.version >= 80_000 {
            self.auto
        } else {
            largest + 1
        };
        *self = next;
    }
}
