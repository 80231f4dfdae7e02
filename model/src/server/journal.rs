//! What clients committed on a server, kept for a comparison of states at the end of a run.
//!
//! A replica that was opened for writes goes its own way: to say what it *should* hold, its clients' changes
//! are folded into its source's final state. No part of MySQL; a server keeps no journal unless asked.

use crate::{
    arena::{Arena, RowRef},
    binlog::log::LogPos,
    database::{Change, Database},
    ddl::{self, Statement},
    row::Partial,
    table::RowKey,
};

/// Something that a client committed.
#[derive(Clone, Debug)]
pub enum Own {
    /// A row's change.
    Row(Change),
    /// A DDL statement.
    Statement(Statement),
}

/// Something that a client committed, with where its transaction ends in the server's binlog; position 0 without one.
#[derive(Clone, Debug)]
pub struct Journaled {
    /// What it was.
    pub own: Own,
    /// Where its transaction ends.
    pub end: LogPos,
}

impl Own {
    /// Does the same to another database that may have gone another way: a row that is there already is
    /// replaced, one that is not there is written. Of a transaction that the other has `had`, by replicating it, the
    /// rows that nothing identifies are not written once more.
    pub fn fold(&self, arena: &mut Arena, into: &mut Database, had: bool) {
        match self {
            // A statement that fails there leaves a difference, which the comparison tells.
            Self::Statement(statement) => drop(ddl::apply(into, arena, statement)),
            Self::Row(change) => fold_row(change, arena, into, had),
        }
    }
}

fn fold_row(change: &Change, arena: &mut Arena, into: &mut Database, had: bool) {
    let Some(table) = into.table(change.table) else {
        return;
    };
    if table.shape().identity.is_none() {
        if !had {
            fold_bag(change, arena, into);
        }
        return;
    }
    let at = |key| into.get(arena, change.table, key);
    if change.key == change.new_key {
        let mut at = at;
        let before = at(change.key);
        let there = Change {
            before,
            keeps_keys: false,
            ..*change
        };
        into.apply(arena, &there);
        return;
    }
    let mut at = at;
    let (old, new) = (at(change.key), at(change.new_key));
    put(arena, into, change, change.key, old, None);
    put(arena, into, change, change.new_key, new, change.after);
}

/// A table whose rows nothing identifies: any row with the same content is the one.
fn fold_bag(change: &Change, arena: &mut Arena, into: &mut Database) {
    if let Some(before) = change.before {
        let columns = into
            .table(change.table)
            .map_or(0, |t| t.def().columns.len());
        let present = vec![0xff; columns.div_ceil(8)];
        let image = arena.row(before).to_vec();
        let partial = Partial {
            present: &present,
            image: &image,
        };
        if let Ok(key) = into.find(arena, change.table, &partial) {
            let row = into.get(arena, change.table, key);
            put(arena, into, change, key, row, None);
        }
    }
    if change.after.is_some() {
        let last = into.table(change.table).and_then(|t| t.last_key());
        let key = RowKey(last.map_or(1, |k| k.0 + 1));
        put(arena, into, change, key, None, change.after);
    }
}

fn put(
    arena: &mut Arena,
    into: &mut Database,
    change: &Change,
    key: RowKey,
    before: Option<RowRef>,
    after: Option<RowRef>,
) {
    let change = Change {
        table: change.table,
        key,
        new_key: key,
        before,
        after,
        keeps_keys: false,
    };
    into.apply(arena, &change);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        binlog::{
            encode::{Writer, WriterOptions},
            log::Binlog,
        },
        database::{Difference, TableId, diff},
        gtid::{GtidSet, Uuid},
        server::{Config, Event, Manner, Privilege, Reply, Server, Version},
    };

    /// A server with `app.t (id INT PRIMARY KEY, n INT)` and `app.bag (n INT)`, which keeps a journal.
    fn server(arena: &mut Arena) -> (Server, TableId, TableId) {
        let config = Config {
            version: Version::V8_0,
            ddl_version: Version::V8_0,
            uuid: Uuid([7; 16]),
            epoch_us: 0,
            gtid_mode: true,
            sync_binlog: 1,
            flush_log_at_commit: 1,
            max_binlog_size: 1 << 30,
            flush_us: 10,
            fsync_us: 100,
            engine_commit_us: 1_000,
            lock_wait_timeout_us: 1_000_000,
            mutants: crate::mutant::Mutants::NONE,
        };
        let mut database = Database::default();
        let context = ddl::Context::new("app", Version::V8_0);
        for sql in [
            "CREATE DATABASE app",
            "CREATE TABLE t (id INT UNSIGNED NOT NULL PRIMARY KEY, n INT NOT NULL)",
            "CREATE TABLE bag (n INT NOT NULL)",
        ] {
            let statement = ddl::parse(sql, &context).unwrap();
            ddl::apply(&mut database, arena, &statement).unwrap();
        }
        let tables = ["t", "bag"].map(|name| database.id("app", name).unwrap());
        let writer = Writer::new(WriterOptions::default());
        let binlog = Binlog::new(writer, "binlog", 1, GtidSet::new(), 0);
        let mut server = Server::new(config, database, Some(binlog), GtidSet::new());
        server.journal = Some(Vec::new());
        (server, tables[0], tables[1])
    }

    fn image(values: &[u32]) -> Vec<u8> {
        let mut image = vec![0];
        values.iter().for_each(|v| image.extend(v.to_le_bytes()));
        image
    }

    /// Runs the server until it has nothing to do.
    fn settle(server: &mut Server, arena: &mut Arena) {
        while let Some(due) = server.next_due() {
            server.step(arena, due);
        }
    }

    #[test]
    fn what_clients_committed_folds_into_a_copy_from_before_and_gives_the_same() {
        let arena = &mut Arena::default();
        let (mut server, t, bag) = server(arena);
        let mut copy = server.database.clone();
        let session = server.connect(Privilege::Ordinary);
        let m = Manner::STATEMENT;
        for (table, row) in [
            (t, image(&[1, 10])),
            (t, image(&[2, 20])),
            (bag, image(&[5])),
        ] {
            assert_eq!(server.insert(arena, 0, session, table, &row, m), Reply::Ok);
        }
        assert_eq!(server.commit(arena, 0, session), Reply::Committing);
        settle(&mut server, arena);
        let now = 10_000;
        server.update(arena, now, session, t, RowKey(1), &image(&[9, 11]), m);
        server.delete(arena, now, session, t, RowKey(2), m);
        server.commit(arena, now, session);
        settle(&mut server, arena);
        let sql = "CREATE TABLE late (id INT NOT NULL PRIMARY KEY)";
        server
            .execute_ddl(arena, 20_000, session, "app", sql)
            .unwrap();
        settle(&mut server, arena);
        server.insert(arena, 30_000, session, t, &image(&[3, 30]), m);
        server.rollback(arena, session);
        let journal = server.journal.take().unwrap();
        for entry in &journal {
            entry.own.fold(arena, &mut copy, false);
        }
        assert_eq!(diff(&copy, &server.database, arena), []);
        // Who has had a transaction is the same after it was folded in once more.
        let rows = journal.iter().filter(|e| matches!(e.own, Own::Row(_)));
        for entry in rows.clone() {
            entry.own.fold(arena, &mut copy, true);
        }
        assert_eq!(diff(&copy, &server.database, arena), []);
        rows.for_each(|entry| entry.own.fold(arena, &mut copy, false));
        assert_eq!(diff(&copy, &server.database, arena).len(), 1, "5 twice");
    }

    #[test]
    fn a_copy_that_went_another_way_takes_the_changes_all_the_same() {
        let arena = &mut Arena::default();
        let (mut server, t, bag) = server(arena);
        let mut other = server.database.clone();
        let session = server.connect(Privilege::Ordinary);
        let m = Manner::STATEMENT;
        server.insert(arena, 0, session, t, &image(&[1, 10]), m);
        server.insert(arena, 0, session, bag, &image(&[5]), m);
        server.commit(arena, 0, session);
        settle(&mut server, arena);
        // The other has another row 1, and a row in the bag under the key that the journal knows.
        for (table, row) in [(t, image(&[1, 77])), (bag, image(&[6]))] {
            let row = arena.store(&row);
            let change = Change {
                table,
                key: RowKey(1),
                new_key: RowKey(1),
                before: None,
                after: Some(row),
                keeps_keys: false,
            };
            other.apply(arena, &change);
        }
        for entry in server.journal.take().unwrap() {
            entry.own.fold(arena, &mut other, false);
        }
        let left = diff(&server.database, &other, arena);
        let only_the_bags_own = |d: &Difference| matches!(d, Difference::Row { table, a: None, .. } if table == "app.bag");
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(left.iter().all(only_the_bags_own));
    }

    #[test]
    fn what_is_published_and_not_yet_committed_has_its_number() {
        let arena = &mut Arena::default();
        let (mut server, t, _) = server(arena);
        let session = server.connect(Privilege::Ordinary);
        server.insert(arena, 0, session, t, &image(&[1, 10]), Manner::STATEMENT);
        server.commit(arena, 0, session);
        server.step(arena, 200);
        let end = server.binlog.as_ref().unwrap().published();
        let number = server.in_commit(end).unwrap();
        assert!(!server.database.table(t).unwrap().is_empty());
        settle(&mut server, arena);
        assert_eq!(server.in_commit(end), None);
        let mut events = Vec::new();
        server.events(&mut events);
        let committed = |e: &Event| matches!(e, Event::Committed(_, done) if done.number == number && done.end == end);
        assert!(events.iter().any(committed), "{events:?}");
    }
}
