//! The pair in the model: two servers, the dump thread and the receiver between them, and one clock.

mod replication;
mod scheduler;
mod statements;

use crate::{
    outcome::{Names, Outcome},
    script::{Act, Asked, Host, Line, Link, Settings},
    sql::Literal,
};
use cutover_model::{
    Arena,
    binlog::{
        encode::{RowImage, Writer, WriterOptions},
        log::{Binlog, LogPos},
    },
    database::{Database, TableId},
    gtid::{Gtid, GtidSet, Uuid},
    mutant::Mutants,
    replica::{Costs, Replica, dump::DumpThread},
    server::{Config, Durability, Event, Privilege, Server, SessionId, Version},
    table::RowKey,
};
use std::collections::{BTreeMap, VecDeque};

const SECOND: u64 = 1_000_000;
const ENGINE_COMMIT_US: u64 = 100;
/// How long commits hang behind the publication of the binlog.
const GAP_US: u64 = 8 * SECOND;
const SOURCE: Uuid = Uuid([0x11; 16]);
const REPLICA: Uuid = Uuid([0x22; 16]);
/// The default schema of all sessions.
pub const SCHEMA: &str = "app";
/// `innodb_lock_wait_timeout` on both sides, in seconds.
pub const LOCK_WAIT_S: u64 = 6;
/// How long a statement may wait before its line ends, in seconds.
pub const PATIENCE_S: u64 = 1;

/// A row, NULL for `None`.
type Texts = Vec<Option<String>>;

/// A row's change, or what ends a statement.
#[derive(Clone, Debug)]
enum Step {
    Insert(TableId, Vec<Option<Literal>>, bool),
    Update(TableId, RowKey, Vec<(String, Literal)>, bool),
    Delete(TableId, RowKey, bool),
    Ddl(String),
    Commit,
    XaPrepare(String),
    XaCommit(String),
}

#[derive(Debug)]
struct Session {
    id: SessionId,
    in_transaction: bool,
    steps: VecDeque<Step>,
    /// In the commit queue.
    committing: bool,
    /// Its ALTER TABLE waits for the metadata lock; whether it came before a SET of `read_only` that waits.
    alters: Option<bool>,
    outcome: Option<Outcome>,
}

#[derive(Debug)]
struct Side {
    server: Server,
    sessions: BTreeMap<String, Session>,
    replica: Option<Replica>,
    down: bool,
    read_only_pending: bool,
}

/// The pair.
pub struct Modelled {
    arena: Arena,
    now: u64,
    source: Side,
    replica: Side,
    dump: Option<DumpThread>,
    link: Link,
    busy: bool,
    settings: Settings,
    version: Version,
    marks: BTreeMap<String, LogPos>,
    names: Names,
}

fn server_version(asked: Asked) -> (&'static str, Version) {
    match asked {
        Asked::V5_6 => ("5.6.24-log", Version(50_624)),
        Asked::V9_7 => ("9.7.4", Version(90_704)),
    }
}

impl Side {
    fn new(asked: Asked, settings: &Settings, host: Host, tables: Database, has: GtidSet) -> Self {
        let (text, version) = server_version(asked);
        let (uuid, server_id) = match host {
            Host::Source => (SOURCE, 1),
            Host::Replica => (REPLICA, 2),
        };
        let config = Config {
            version,
            ddl_version: version,
            uuid,
            epoch_us: 1_795_000_000 * SECOND,
            gtid_mode: settings.gtid,
            sync_binlog: settings.sync_binlog,
            flush_log_at_commit: 1,
            max_binlog_size: 1 << 30,
            flush_us: 100,
            fsync_us: 100,
            engine_commit_us: ENGINE_COMMIT_US,
            lock_wait_timeout_us: LOCK_WAIT_S * SECOND,
            mutants: Mutants::default(),
        };
        let writer = Writer::new(WriterOptions {
            server_version: text.into(),
            server_id,
            checksum: settings.checksum || host == Host::Replica,
            row_image: match settings.row_image.as_str() {
                "MINIMAL" => RowImage::Minimal,
                _ => RowImage::Full,
            },
            gtid: settings.gtid,
            ..WriterOptions::default()
        });
        let binlog = Binlog::new(writer, "binlog", 1, has.clone(), config.epoch_us);
        let mut server = Server::new(config, tables, Some(binlog), has.clone());
        server.gtid_purged = has;
        Self {
            server,
            sessions: BTreeMap::new(),
            replica: None,
            down: false,
            read_only_pending: false,
        }
    }

    fn binlog(&self) -> &Binlog {
        self.server.binlog.as_ref().expect("it has one")
    }

    fn session(&mut self, name: &str) -> &mut Session {
        let server = &mut self.server;
        self.sessions.entry(name.to_owned()).or_insert_with(|| {
            let privilege = match name.starts_with("user") {
                true => Privilege::Ordinary,
                false => Privilege::Admin,
            };
            Session {
                id: server.connect(privilege),
                in_transaction: false,
                steps: VecDeque::new(),
                committing: false,
                alters: None,
                outcome: None,
            }
        })
    }
}

impl Modelled {
    /// A fresh pair of this version with the schema `app` and nothing in it.
    pub fn new(asked: Asked, settings: &Settings) -> Self {
        let mut database = Database::default();
        database.create_schema(SCHEMA).expect("there is none yet");
        database.keep_events();
        let side = |host| Side::new(asked, settings, host, database.clone(), GtidSet::new());
        let mut pair = Self {
            arena: Arena::default(),
            now: 0,
            source: side(Host::Source),
            replica: side(Host::Replica),
            dump: None,
            link: Link::Up,
            busy: false,
            settings: settings.clone(),
            version: server_version(asked).1,
            marks: BTreeMap::new(),
            names: Names {
                uuids: vec![(SOURCE, "SOURCE"), (REPLICA, "REPLICA")],
                ends: Vec::new(),
            },
        };
        pair.note_end();
        pair
    }

    fn side(&mut self, host: Host) -> &mut Side {
        match host {
            Host::Source => &mut self.source,
            Host::Replica => &mut self.replica,
        }
    }

    fn note_end(&mut self) {
        let end = self.source.binlog().end();
        let file = self.source.binlog().name(end.file);
        self.names.ended(&file, end.pos);
    }

    /// Runs a line; what came of it.
    pub fn run(&mut self, line: &Line) -> String {
        let outcome = match &line.act {
            Act::Sql(text) => self.sql(line, text),
            act => self.act(line, act),
        };
        self.settle();
        self.note_end();
        outcome.text(&self.names)
    }

    fn act(&mut self, line: &Line, act: &Act) -> Outcome {
        match act {
            Act::Sql(_) => {}
            Act::Mark(name) => {
                let end = self.source.binlog().end();
                self.marks.insert(name.clone(), end);
            }
            Act::Snapshot => self.snapshot(),
            Act::Replicate(from) => match self.start(from) {
                Some(start) => return self.replicate(start),
                None => return Outcome::Text("there is no such event".into()),
            },
            Act::Wait(until) => return self.wait(*until),
            Act::Status(wanted) => return self.status(wanted),
            Act::Kill => self.crash(line.host, Durability::Process),
            Act::Lose(mark) => return self.lose(mark),
            Act::Start => self.restart(line.host),
            Act::Twin => {
                self.replica.server.config.uuid = SOURCE;
            }
            Act::Sleep(seconds) => self.advance(self.now + seconds * SECOND),
            Act::Link(link) => {
                self.link = *link;
                if *link == Link::Cut {
                    self.disconnect();
                }
            }
            Act::Busy(..) => self.busy = true,
            Act::Free => {
                self.busy = false;
                // What was handed to a worker keeps its time.
                self.advance(self.now + 600 * SECOND);
            }
            Act::Gap => self.side(line.host).server.config.engine_commit_us = GAP_US,
            Act::NoGap => {
                self.side(line.host).server.config.engine_commit_us = ENGINE_COMMIT_US;
                self.advance(self.now + GAP_US);
            }
            Act::Same(table) => {
                let rows = |host, pair: &mut Self| pair.select(host, "", table).text(&pair.names);
                return Outcome::same(&rows(Host::Source, self), &rows(Host::Replica, self));
            }
            Act::Quit => self.quit(line),
            Act::Result => return self.result(line),
            Act::Gtid(set) => {
                let set = self.gtid_set(set);
                let server = &mut self.side(line.host).server;
                for (uuid, _, interval) in set.intervals() {
                    for gno in interval.first..=interval.last {
                        server.pass_over(Gtid::new(uuid, gno));
                    }
                }
            }
            Act::Events => return self.events(),
            Act::Scheduled => return self.scheduled(line.host),
            Act::Run => self.run_events(line.host),
        }
        Outcome::Ok
    }

    fn gtid_set(&self, text: &str) -> GtidSet {
        self.names.with_uuids(text).parse().expect("a GTID set")
    }

    fn costs(&self) -> Costs {
        Costs {
            transaction_us: 0,
            row_us: if self.busy { SECOND } else { 0 },
            first_touch_us: 0,
            scan_row_us: 0,
            alter_row_us: 0,
        }
    }

    /// Does everything that is due now.
    fn settle(&mut self) {
        loop {
            let mut moved = false;
            for host in [Host::Source, Host::Replica] {
                moved |= self.step_server(host);
            }
            moved |= self.connect();
            moved |= self.pump();
            moved |= self.apply();
            if !moved {
                return;
            }
        }
    }

    fn advance(&mut self, to: u64) {
        loop {
            self.settle();
            let Some(next) = self.next_due().filter(|next| *next <= to) else {
                break;
            };
            self.now = self.now.max(next);
        }
        self.now = to;
        self.settle();
    }

    fn next_due(&self) -> Option<u64> {
        let replica = self.replica.replica.as_ref();
        let replica = replica.filter(|_| !self.replica.down);
        [
            self.source.server.next_due(),
            self.replica.server.next_due(),
            replica
                .and_then(Replica::next_due)
                .filter(|at| *at > self.now),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn step_server(&mut self, host: Host) -> bool {
        let (arena, now) = (&mut self.arena, self.now);
        let side = match host {
            Host::Source => &mut self.source,
            Host::Replica => &mut self.replica,
        };
        let due = side.server.is_due(now);
        if due {
            side.server.step(arena, now);
        }
        let mut events = Vec::new();
        side.server.events(&mut events);
        for event in &events {
            self.hear(host, event);
        }
        due || !events.is_empty() || self.alter(host)
    }

    /// An ALTER TABLE goes on once no transaction is open: all tables count as one.
    fn alter(&mut self, host: Host) -> bool {
        let side = self.side(host);
        let closing = side.server.is_closing();
        let may = |s: &Session| s.alters.is_some_and(|begun| begun || !closing);
        let found = side.sessions.iter_mut().find(|(_, s)| may(s));
        let Some((name, session)) = found.filter(|_| !side.server.uses_tables()) else {
            return false;
        };
        if session.alters.take() == Some(true) {
            side.server.has_metadata_lock(session.id);
        }
        let name = name.clone();
        self.drive(host, &name);
        true
    }

    fn hear(&mut self, host: Host, event: &Event) {
        let side = self.side(host);
        let named = |id: &SessionId, side: &Side| {
            let found = side.sessions.iter().find(|(_, s)| s.id == *id);
            found.map(|(name, _)| name.clone())
        };
        match event {
            Event::Resume(id) => {
                if let Some(name) = named(id, side) {
                    self.drive(host, &name);
                }
            }
            Event::Failed(id, error) => {
                if let Some(name) = named(id, side) {
                    let error = error.clone();
                    self.fail(host, &name, &error);
                }
            }
            Event::Committed(id, _) | Event::Prepared(id, _) => {
                if let Some(name) = named(id, side) {
                    side.session(&name).committing = false;
                    self.drive(host, &name);
                }
            }
            Event::ReadOnlyEffective => side.read_only_pending = false,
            // Whoever is due is stepped as it is.
            Event::Published | Event::StatementsEnded => {}
        }
    }

    fn snapshot(&mut self) {
        let cut = self
            .source
            .server
            .cut(&mut self.arena, self.now, Durability::Volume);
        let asked = match self.version.at_least(80_000) {
            true => Asked::V9_7,
            false => Asked::V5_6,
        };
        self.replica = Side::new(
            asked,
            &self.settings,
            Host::Replica,
            cut.database,
            cut.gtid_executed,
        );
        for prepared in cut.prepared {
            self.replica.server.adopt(&mut self.arena, prepared);
        }
    }

    fn crash(&mut self, host: Host, durability: Durability) {
        let (arena, now) = (&mut self.arena, self.now);
        let side = match host {
            Host::Source => &mut self.source,
            Host::Replica => &mut self.replica,
        };
        side.server.crash(arena, now, durability);
        side.sessions.clear();
        side.down = true;
        self.disconnect();
    }

    /// The binlog up to the mark is all that was synced.
    fn lose(&mut self, mark: &str) -> Outcome {
        let synced = self.source.binlog().synced();
        if self.marks.get(mark) != Some(&synced) {
            return Outcome::Text("the binlog is synced to another place".into());
        }
        self.crash(Host::Source, Durability::Volume);
        Outcome::Ok
    }

    fn restart(&mut self, host: Host) {
        self.side(host).down = false;
        if host == Host::Replica {
            self.recover_replica();
        }
    }

    /// What a start does with the relay log.
    fn recover_replica(&mut self) {
        if let Some(replica) = &mut self.replica.replica {
            replica.killed(self.settings.relay_log_recovery);
            replica.start();
        }
    }
}
