//! A server and the reference side by side.

use super::plain::{
    ENGINE_US, FLUSH_US, FSYNC_US, Left, Plain, SESSIONS, Setting, Stage, State, Write,
};
use cutover_model::arena::Arena;
use cutover_model::binlog::decode::{RowsEvent, RowsKind};
use cutover_model::binlog::encode::{Writer, WriterOptions};
use cutover_model::binlog::group::GroupKind;
use cutover_model::binlog::log::LogPos;
use cutover_model::binlog::verify::{Input, verify};
use cutover_model::binlog::{Binlog, Groups};
use cutover_model::database::{Database, TableId};
use cutover_model::gtid::{Gtid, GtidSet, Uuid};
use cutover_model::row::{ImageBuilder, field};
use cutover_model::server::{
    Config, Cut, Durability, Event, Manner, Privilege, Reply, Server, SessionId, Version,
};
use cutover_model::table::RowKey;
use std::collections::BTreeSet;

const UUID: Uuid = Uuid([7; 16]);
const EPOCH_US: u64 = 1_772_445_600_000_000;

/// What was seen to happen to a transaction, by name; what a setting rules out must not be among it.
pub type Seen = BTreeSet<(Setting, &'static str)>;

pub const GIVEN_AGAIN: [&str; 2] = [
    "a GTID is given again although its transaction is in the tables",
    "a GTID is given again that a replica may have",
];

/// A group of the binlog's files: where it lies, and what it does.
struct Logged {
    start: LogPos,
    end: LogPos,
    gno: u64,
    writes: Vec<Write>,
}

pub struct Rig {
    server: Server,
    arena: Arena,
    table: TableId,
    pub plain: Plain,
    sessions: Vec<SessionId>,
    pub now: u64,
    values: i32,
    names: u32,
    /// The first binlog file of this life.
    first_file: u64,
    /// Numbers of GTIDs of earlier lives that may not be given again: of transactions that are in the tables,
    /// and of those that are lost here and that a replica may have.
    taken: [BTreeSet<u64>; 2],
    given_again: BTreeSet<&'static str>,
}

impl Rig {
    pub fn new(setting: Setting, gtids: bool) -> Self {
        let version = Version(setting.version);
        let config = Config {
            version,
            ddl_version: version,
            uuid: UUID,
            epoch_us: EPOCH_US,
            gtid_mode: gtids,
            sync_binlog: setting.sync_binlog,
            flush_log_at_commit: setting.flush_log,
            max_binlog_size: 1 << 30,
            flush_us: FLUSH_US,
            fsync_us: FSYNC_US,
            engine_commit_us: ENGINE_US,
            lock_wait_timeout_us: 50_000_000,
            mutants: cutover_model::mutant::Mutants::NONE,
        };
        let v = setting.version;
        let writer = Writer::new(WriterOptions {
            server_version: format!("{}.{}.{}", v / 10_000, v / 100 % 100, v % 100),
            gtid: gtids,
            ..WriterOptions::default()
        });
        let binlog = || Binlog::new(writer, "binlog", 1, GtidSet::new(), EPOCH_US);
        let binlog = setting.binlog.then(binlog);
        let mut rig = Rig {
            server: Server::new(config, Database::default(), binlog, GtidSet::new()),
            arena: Arena::default(),
            table: TableId(0),
            plain: Plain::new(setting, gtids),
            sessions: Vec::new(),
            now: 0,
            values: 0,
            names: 0,
            first_file: 1,
            taken: [BTreeSet::new(), BTreeSet::new()],
            given_again: BTreeSet::new(),
        };
        rig.connect();
        rig.ddl(0, "CREATE DATABASE d", "d");
        rig.rest();
        rig.ddl(
            0,
            "CREATE TABLE t (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT NOT NULL)",
            "t",
        );
        rig.rest();
        rig.table = rig.server.database.id("d", "t").expect("just created");
        rig
    }

    fn connect(&mut self) {
        let server = &mut self.server;
        let all = (0..SESSIONS).map(|_| server.connect(Privilege::Ordinary));
        self.sessions = all.collect();
    }

    /// Both go on to a moment; what the server acknowledges must be what the reference does, in its order.
    pub fn until(&mut self, to: u64) {
        while let Some(due) = self.server.next_due().filter(|due| *due <= to) {
            self.server.step(&mut self.arena, due);
        }
        self.now = to;
        let known = self.plain.acked.len();
        self.plain.advance(to);
        let mut events = Vec::new();
        self.server.events(&mut events);
        let acked = events.iter().filter_map(|event| match event {
            Event::Committed(_, done) => Some((done.number.0, done.gno)),
            _ => None,
        });
        for txn in &self.plain.acked[known..] {
            let gno = self.plain.txns[*txn].gno;
            for (taken, what) in self.taken.iter().zip(GIVEN_AGAIN) {
                if taken.contains(&gno) {
                    self.given_again.insert(what);
                }
            }
        }
        let expected = self.plain.acked[known..].iter();
        let expected = expected.map(|t| (self.plain.txns[*t].number, self.plain.txns[*t].gno));
        assert!(acked.eq(expected), "acknowledged at {to}: {events:?}");
        assert_eq!(
            self.plain.stage.map(|(_, _, end)| end),
            self.server.next_due()
        );
    }

    pub fn rest(&mut self) {
        while let Some((_, _, end)) = self.plain.stage {
            self.until(end);
        }
    }

    /// A row is put, or taken out. Does nothing where the session would have to wait or there is no row.
    pub fn write(&mut self, session: usize, key: u32, put: bool) {
        if !self.plain.may_write(session, key) {
            return;
        }
        let there = self.plain.seen_by(session).rows.contains_key(&key);
        self.values += 1;
        let mut builder = ImageBuilder::default();
        builder.start(2);
        builder.push(&key.to_le_bytes());
        builder.push(&self.values.to_le_bytes());
        let (image, row) = (builder.image(), RowKey(u64::from(key)));
        let (arena, now, id) = (&mut self.arena, self.now, self.sessions[session]);
        let (table, manner) = (self.table, Manner::STATEMENT);
        let reply = match (put, there) {
            (true, false) => self.server.insert(arena, now, id, table, image, manner),
            (true, true) => self
                .server
                .update(arena, now, id, table, row, image, manner),
            (false, true) => self.server.delete(arena, now, id, table, row, manner),
            (false, false) => return,
        };
        assert_eq!(reply, Reply::Ok);
        let value = put.then_some(self.values);
        self.plain.write(session, Write::Row(key, value));
    }

    pub fn commit(&mut self, session: usize) {
        if self.plain.is_free(session) && self.plain.has_open(session) {
            let reply = self
                .server
                .commit(&mut self.arena, self.now, self.sessions[session]);
            assert_eq!(reply, Reply::Committing);
            self.plain.commit(self.now, session);
        }
    }

    pub fn roll_back(&mut self, session: usize) {
        if self.plain.is_free(session) {
            self.server
                .rollback(&mut self.arena, self.sessions[session]);
            self.plain.roll_back(session);
        }
    }

    /// CREATE TABLE, by a session that has nothing else to do.
    pub fn create_table(&mut self, session: usize) {
        if self.plain.is_free(session) && !self.plain.has_open(session) {
            self.names += 1;
            let name = format!("x{}", self.names);
            self.ddl(
                session,
                &format!("CREATE TABLE {name} (id INT PRIMARY KEY)"),
                &name,
            );
        }
    }

    fn ddl(&mut self, session: usize, sql: &str, name: &str) {
        let id = self.sessions[session];
        let reply = self
            .server
            .execute_ddl(&mut self.arena, self.now, id, "d", sql);
        assert_eq!(reply, Ok(Reply::Committing), "{sql}");
        self.plain.write(session, Write::Name(name.to_owned()));
        self.plain.commit(self.now, session);
    }

    pub fn rotate(&mut self) {
        if self.plain.setting.binlog {
            self.server.rotate_binlog(self.now);
            self.plain.ask_rotation(self.now);
        }
    }

    /// Makes sure that a group is under way.
    fn start_commit(&mut self) {
        if self.plain.stage.is_none() {
            self.write(0, 90, true);
            self.commit(0);
        }
    }

    /// Goes to a stage, `share` of 256 into it. False where this server has no such stage.
    pub fn reach(&mut self, stage: Stage, share: u8) -> bool {
        for _ in 0..12 {
            self.start_commit();
            let Some((at, start, end)) = self.plain.stage else {
                continue;
            };
            if at == stage {
                let length = end - start;
                let to = start + length * u64::from(share) / 256;
                self.until(to.max(self.now));
                return true;
            }
            self.until(end);
        }
        false
    }

    /// Goes to a moment with a transaction queued behind a group.
    pub fn reach_queue(&mut self) -> bool {
        for _ in 0..12 {
            self.start_commit();
            if self.plain.queued() > 0 {
                return true;
            }
            for session in 0..SESSIONS {
                self.write(session, 91 + session as u32, true);
                self.commit(session);
            }
            if self.plain.queued() > 0 {
                return true;
            }
            self.rest();
        }
        false
    }

    /// Goes to the very moment of an acknowledgement.
    pub fn reach_ack(&mut self) -> bool {
        self.reach(Stage::Commit, 0);
        if let Some((_, _, end)) = self.plain.stage {
            self.until(end);
        }
        true
    }

    fn durability(&self) -> Durability {
        match self.plain.setting.host_lost {
            true => Durability::Volume,
            false => Durability::Process,
        }
    }

    /// What a snapshot of this moment would be; the server goes on as if nothing had been.
    pub fn check_cut(&mut self, seen: &mut Seen) {
        let durability = self.durability();
        let cut = self.server.cut(&mut self.arena, self.now, durability);
        self.check(&cut, seen);
    }

    /// The crash, the recovery, and everything that must hold afterwards.
    pub fn crash(&mut self, seen: &mut Seen) {
        let durability = self.durability();
        let before = self.server.cut(&mut self.arena, self.now, durability);
        self.check(&before, seen);
        let left = self.plain.left(self.now);
        self.remember_taken(&left);
        let cut = self.server.crash(&mut self.arena, self.now, durability);
        assert_eq!(cut.gtid_executed, before.gtid_executed);
        assert_eq!(
            (cut.end, cut.binlog_end, cut.commits),
            (before.end, before.binlog_end, before.commits)
        );
        self.plain.restart(&left);
        self.connect();
        let tables = self.tables(&self.server.database.clone());
        assert_eq!(tables, self.plain.base, "tables after the restart");
        assert_eq!(numbers(&self.server.gtid_executed), self.plain.executed);
        let purged = match self.server.binlog {
            Some(_) => &self.plain.executed - &self.plain.logged,
            None => self.plain.executed.clone(),
        };
        assert_eq!(
            numbers(&self.server.gtid_purged),
            purged,
            "gtid_purged after the restart"
        );
        assert_eq!(self.server.open_transactions(), 0);
        assert_eq!(self.server.next_due(), None);
        let counter = self
            .server
            .database
            .table(self.table)
            .map(|t| t.auto_increment());
        assert_eq!(
            counter,
            Some(self.plain.auto),
            "AUTO_INCREMENT after the restart"
        );
        if let Some(binlog) = &self.server.binlog {
            self.first_file = binlog.end().file;
            let marks = (binlog.synced(), binlog.published());
            assert_eq!(marks, (binlog.end(), binlog.end()));
            assert_eq!(numbers(binlog.logged()), self.plain.logged);
            self.check_files();
            if (self.plain.setting.sync_binlog, self.plain.setting.flush_log) == (1, 1) {
                let mut folded = State::default();
                let groups = self.groups(0);
                let writes = groups.iter().flat_map(|group| &group.writes);
                writes.for_each(|write| folded.apply(write));
                assert_eq!(folded, tables, "the tables are what the binlog does");
            }
        }
    }

    fn remember_taken(&mut self, left: &Left) {
        let Some(binlog) = &self.server.binlog else {
            return;
        };
        let published = binlog.published();
        let groups = self.groups(self.first_file);
        let published = groups.iter().take_while(|g| g.end <= published).count();
        let gno = |txn: usize| self.plain.txns[txn].gno;
        let (engine, logged) = (left.engine.len(), left.binlog.len());
        let in_tables = (logged..engine).map(gno).filter(|gno| *gno > 0);
        let lost = (logged.max(engine)..published)
            .map(gno)
            .filter(|gno| *gno > 0);
        self.taken[0].extend(in_tables);
        self.taken[1].extend(lost);
    }

    /// The files are one sound history that says of itself what it holds.
    fn check_files(&self) {
        let Some(binlog) = &self.server.binlog else {
            return;
        };
        let files: Vec<(String, Vec<u8>)> = binlog
            .files()
            .iter()
            .filter_map(|f| Some((binlog.name(f.number()), binlog.file_bytes(f.number())?)))
            .collect();
        let inputs: Vec<Input<'_>> = files
            .iter()
            .map(|(name, bytes)| Input { name, bytes })
            .collect();
        let report = verify(&inputs);
        // GTIDs that were given twice contradict the history, and that is so.
        let repeated =
            report.files.iter().map(|f| f.gtids.count()).sum::<u64>() != report.gtids().count();
        assert!(repeated || report.is_sound(), "{:?}", report.problems);
        if let Some(last) = report.files.last().filter(|f| f.previous.is_some()) {
            assert_eq!(
                last.previous.as_ref().map(numbers),
                Some(self.plain.logged.clone())
            );
        }
    }

    /// A cut against the reference, and against what the binlog's bytes say.
    fn check(&mut self, cut: &Cut, seen: &mut Seen) {
        let left = self.plain.left(self.now);
        let expected = self.plain.state_after(&left);
        assert_eq!(self.tables(&cut.database), expected, "tables of the cut");
        assert_eq!(
            numbers(&cut.gtid_executed),
            self.plain.executed_after(&left),
            "gtid_executed"
        );
        let first = self.plain.first_number;
        assert_eq!(cut.commits, first + left.engine.len() as u64, "commits");
        assert!(
            left.engine.iter().copied().eq(0..left.engine.len()),
            "a beginning"
        );
        assert!(
            left.binlog.iter().copied().eq(0..left.binlog.len()),
            "a beginning"
        );
        let (engine, binlog, acked) =
            (left.engine.len(), left.binlog.len(), self.plain.acked.len());
        let published = if self.plain.setting.binlog {
            assert_eq!(cut.logged, first + binlog as u64, "logged");
            self.check_positions(cut, engine, binlog)
        } else {
            0
        };
        self.promise(engine, binlog, acked, published, seen);
    }

    /// The positions of a cut, by the bytes; how many of this life's transactions are published.
    fn check_positions(&self, cut: &Cut, engine: usize, logged: usize) -> usize {
        let Some(binlog) = &self.server.binlog else {
            return 0;
        };
        let groups = self.groups(self.first_file);
        for (group, txn) in groups.iter().zip(&self.plain.txns) {
            assert_eq!((group.gno, &group.writes), (txn.gno, &txn.writes));
        }
        let up_to = |pos: LogPos| groups.iter().take_while(|g| g.end <= pos).count();
        assert!(
            groups
                .iter()
                .all(|g| g.end <= cut.end || g.start >= cut.end),
            "not inside a group"
        );
        assert_eq!(
            up_to(cut.end),
            engine,
            "coordinates are behind the last transaction in the tables"
        );
        assert_eq!(up_to(cut.binlog_end), logged, "the binlog's end");
        assert_eq!(cut.file_name, binlog.name(cut.end.file));
        up_to(binlog.published())
    }

    /// What the settings promise, of how many transactions each part has, and what they do not.
    fn promise(
        &self,
        engine: usize,
        binlog: usize,
        acked: usize,
        published: usize,
        seen: &mut Seen,
    ) {
        let setting = self.plain.setting;
        let Setting {
            sync_binlog,
            flush_log,
            host_lost,
            ..
        } = setting;
        let mut note = |what, is: bool| {
            if is {
                seen.insert((setting, what));
            }
        };
        note("committed without an acknowledgement", engine > acked);
        for what in GIVEN_AGAIN {
            note(what, self.given_again.contains(what));
        }
        if !setting.binlog {
            note("the engine loses what was acknowledged", engine < acked);
            let safe = flush_log == 1 || flush_log == 2 && !host_lost;
            assert!(!safe || engine >= acked, "acknowledged is in the engine");
            return;
        }
        if sync_binlog == 1 || !host_lost {
            assert!(
                binlog >= acked && binlog >= published,
                "acknowledged ⊆ binlog ⊇ published"
            );
        }
        if flush_log == 1 || flush_log == 2 && !host_lost {
            assert!(engine >= binlog, "binlog ⊆ engine");
        }
        if sync_binlog == 1 && flush_log == 1 {
            assert_eq!(engine, binlog, "the engine has what the binlog has");
        }
        note(
            "a replica may have what the source loses",
            binlog < published && engine < published,
        );
        note("the binlog loses what was acknowledged", binlog < acked);
        note("the engine keeps what the binlog lost", engine > binlog);
        note("the engine loses what the binlog has", engine < binlog);
        note(
            "acknowledged and in neither",
            engine < acked && binlog < acked,
        );
    }

    /// The groups in the binlog's files from one on, unsynced tail included.
    fn groups(&self, from_file: u64) -> Vec<Logged> {
        let Some(binlog) = &self.server.binlog else {
            return Vec::new();
        };
        let mut all = Vec::new();
        for file in binlog
            .files()
            .iter()
            .map(|f| f.number())
            .filter(|n| *n >= from_file)
        {
            let bytes = binlog.file_bytes(file).expect("it is there");
            for group in Groups::of_file(&bytes).expect("a binlog") {
                let group = group.expect("whole");
                let at = |pos| LogPos { file, pos };
                let mut writes = Vec::new();
                if group.kind == GroupKind::Ddl {
                    let sql = group.statement().expect("a statement").text().into_owned();
                    writes.push(Write::Name(created(&sql).to_owned()));
                }
                for frame in group.events().filter(|f| f.header.event_type.is_rows()) {
                    let rows =
                        RowsEvent::decode(frame.header.event_type, frame.body).expect("rows");
                    let columns = self.columns();
                    for change in rows.rows(&columns) {
                        let change = change.expect("a row");
                        let image = change.after.or(change.before).expect("an image").image;
                        let (key, value) = values(&columns, image);
                        writes.push(Write::Row(
                            key,
                            (rows.kind != RowsKind::Delete).then_some(value),
                        ));
                    }
                }
                all.push(Logged {
                    start: at(group.start),
                    end: at(group.end),
                    gno: group.gtid.and_then(|g| g.gtid).map_or(0, |g| g.gno),
                    writes,
                });
            }
        }
        all
    }

    fn columns(&self) -> Vec<cutover_model::schema::Column> {
        let table = self.server.database.table(self.table);
        table.map(|t| t.def().columns.clone()).unwrap_or_default()
    }

    /// What a database holds, read row by row.
    fn tables(&mut self, database: &Database) -> State {
        let mut state = State::default();
        if database.has_schema("d") {
            state.names.insert("d".into());
        }
        for (id, table) in database.tables() {
            state.names.insert(table.def().name.to_string());
            let keys: Vec<RowKey> = table.keys().collect();
            assert_eq!(table.len(), keys.len() as u64);
            for key in keys {
                let row = database
                    .get(&mut self.arena, id, key)
                    .expect("it has the key");
                let (key, value) = values(&table.def().columns, self.arena.row(row));
                state.rows.insert(key, value);
            }
        }
        state
    }
}

/// The last word of `CREATE DATABASE d` or of `CREATE TABLE t (…`.
fn created(sql: &str) -> &str {
    sql.split([' ', '(']).nth(2).unwrap_or_default()
}

fn values(columns: &[cutover_model::schema::Column], image: &[u8]) -> (u32, i32) {
    let four = |i| {
        field(columns, image, i)
            .and_then(|raw| raw.try_into().ok())
            .expect("4 bytes")
    };
    (u32::from_le_bytes(four(0)), i32::from_le_bytes(four(1)))
}

/// The numbers of this server's GTIDs.
fn numbers(set: &GtidSet) -> BTreeSet<u64> {
    let all: BTreeSet<u64> = set
        .intervals()
        .flat_map(|(_, _, i)| i.first..=i.last)
        .collect();
    assert!(all.iter().all(|n| set.contains(&Gtid::new(UUID, *n))));
    all
}
