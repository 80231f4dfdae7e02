//! The server's promises, one test each; every test of the crash says which inclusion it is about.

mod cascades;
mod commits;
mod crashes;
mod fences;
mod locks;
mod own_writes;
mod replicated;
mod two_phases;

use super::{Config, Event, Manner, Privilege, Reply, Server, SessionId, Version};
use crate::{
    arena::Arena,
    binlog::{
        encode::{Writer, WriterOptions},
        log::Binlog,
    },
    database::{Database, TableId},
    gtid::{GtidSet, Uuid},
    row::{ImageBuilder, field},
    table::RowKey,
};

const FLUSH_US: u64 = 100;
const FSYNC_US: u64 = 1_000;
const ENGINE_US: u64 = 50;

/// A server with the table `t (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, v INT, u INT UNIQUE)`.
struct Rig {
    server: Server,
    arena: Arena,
    table: TableId,
    now: u64,
}

impl Rig {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            version: Version::V8_0,
            ddl_version: Version::V8_0,
            uuid: Uuid([7; 16]),
            epoch_us: 1_772_445_600_000_000,
            gtid_mode: true,
            sync_binlog: 1,
            flush_log_at_commit: 1,
            max_binlog_size: 1 << 30,
            flush_us: FLUSH_US,
            fsync_us: FSYNC_US,
            engine_commit_us: ENGINE_US,
            lock_wait_timeout_us: 50_000_000,
            mutants: crate::mutant::Mutants::NONE,
        };
        change(&mut config);
        let writer = Writer::new(WriterOptions::default());
        let binlog = Binlog::new(writer, "binlog", 1, GtidSet::new(), config.epoch_us);
        let mut rig = Self {
            server: Server::new(config, Database::default(), Some(binlog), GtidSet::new()),
            arena: Arena::default(),
            table: TableId(0),
            now: 0,
        };
        let session = rig.connect();
        for sql in [
            "CREATE DATABASE d",
            "CREATE TABLE t (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT NOT NULL, u INT, UNIQUE KEY u (u))",
        ] {
            let reply = rig
                .server
                .execute_ddl(&mut rig.arena, rig.now, session, "d", sql);
            assert_eq!(reply, Ok(Reply::Committing), "{sql}");
            rig.rest();
        }
        rig.table = rig.server.database.id("d", "t").expect("just created");
        rig.server.events(&mut Vec::new());
        rig
    }

    fn connect(&mut self) -> SessionId {
        self.server.connect(Privilege::Ordinary)
    }

    /// Lets everything happen up to a moment.
    fn until(&mut self, at: u64) {
        while let Some(due) = self.server.next_due().filter(|due| *due <= at) {
            self.now = self.now.max(due);
            self.server.step(&mut self.arena, self.now);
        }
        self.now = at;
        self.server.step(&mut self.arena, at);
    }

    /// Lets everything happen.
    fn rest(&mut self) {
        while let Some(due) = self.server.next_due() {
            self.until(due.max(self.now));
        }
    }

    fn image(id: u32, v: i32, u: Option<i32>) -> Vec<u8> {
        let mut builder = ImageBuilder::default();
        builder.start(3);
        builder.push(&id.to_le_bytes());
        builder.push(&v.to_le_bytes());
        match u {
            Some(u) => builder.push(&u.to_le_bytes()),
            None => builder.push_null(),
        }
        builder.image().to_vec()
    }

    fn insert(&mut self, session: SessionId, id: u32, v: i32, u: Option<i32>) -> Reply {
        let image = Self::image(id, v, u);
        self.server.insert(
            &mut self.arena,
            self.now,
            session,
            self.table,
            &image,
            Manner::STATEMENT,
        )
    }

    fn update(&mut self, session: SessionId, id: u32, v: i32) -> Reply {
        let key = RowKey(u64::from(id));
        let image = Self::image(id, v, None);
        self.server.update(
            &mut self.arena,
            self.now,
            session,
            self.table,
            key,
            &image,
            Manner::STATEMENT,
        )
    }

    fn commit(&mut self, session: SessionId) -> Reply {
        self.server.commit(&mut self.arena, self.now, session)
    }

    /// A row committed from beginning to end.
    fn put(&mut self, id: u32, v: i32) {
        let session = self.connect();
        assert_eq!(self.insert(session, id, v, None), Reply::Ok);
        assert_eq!(self.commit(session), Reply::Committing);
        self.rest();
    }

    /// What another session reads.
    fn read(&mut self, id: u32) -> Option<i32> {
        let reader = self.connect();
        let row = self
            .server
            .select(&mut self.arena, reader, self.table, RowKey(u64::from(id)))?;
        self.value(self.arena.row(row))
    }

    fn value(&self, image: &[u8]) -> Option<i32> {
        let def = self.server.database.table(self.table)?.def();
        field(&def.columns, image, 1).map(|raw| i32::from_le_bytes(raw.try_into().expect("INT")))
    }

    /// What stands in a database, committed or not.
    fn stored(&mut self, database: &Database, id: u32) -> Option<i32> {
        let row = database.get(&mut self.arena, self.table, RowKey(u64::from(id)))?;
        self.value(self.arena.row(row))
    }

    fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.server.events(&mut events);
        events
    }

    fn published_bytes(&self) -> u64 {
        self.server.binlog.as_ref().map_or(0, |b| b.published().pos)
    }
}
