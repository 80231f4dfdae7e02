//! A client's turn at a server: the statements that the shop's transactions are made of.

use cutover_model::{
    Arena, RowRef,
    database::TableId,
    row::Partial,
    server::{Locked, Manner, Reply, Server, SessionId},
    table::RowKey,
};

/// A session on a server, now.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pub(super) server: &'a mut Server,
    pub(super) arena: &'a mut Arena,
    /// µs of the run.
    pub(super) now: u64,
    pub(super) session: SessionId,
}

impl Turn<'_> {
    pub(super) fn insert(&mut self, table: TableId, image: &[u8]) -> Reply {
        let (now, session) = (self.now, self.session);
        self.server
            .insert(self.arena, now, session, table, image, Manner::STATEMENT)
    }

    pub(super) fn update(&mut self, locked: Locked, image: &[u8]) -> Reply {
        let (now, session) = (self.now, self.session);
        self.server
            .update_locked(self.arena, now, session, locked, image, Manner::STATEMENT)
    }

    pub(super) fn delete(&mut self, table: TableId, key: RowKey) -> Reply {
        let (now, session) = (self.now, self.session);
        self.server
            .delete(self.arena, now, session, table, key, Manner::STATEMENT)
    }

    pub(super) fn lock_row(&mut self, table: TableId, key: RowKey) -> Result<Locked, Reply> {
        self.server
            .lock_row(self.arena, self.now, self.session, table, key)
    }

    pub(super) fn select(&mut self, table: TableId, key: RowKey) -> Option<RowRef> {
        self.server.select(self.arena, self.session, table, key)
    }

    /// The row with this content, where nothing identifies rows.
    pub(super) fn find(&mut self, table: TableId, row: &Partial<'_>) -> Option<RowKey> {
        self.server.database.find(self.arena, table, row).ok()
    }

    /// How many columns a table has.
    pub(super) fn columns(&self, table: TableId) -> usize {
        let table = self.server.database.table(table);
        table.map_or(0, |t| t.def().columns.len())
    }

    pub(super) fn commit(&mut self) -> Reply {
        self.server.commit(self.arena, self.now, self.session)
    }

    pub(super) fn rollback(&mut self) {
        self.server.rollback(self.arena, self.session);
    }
}
