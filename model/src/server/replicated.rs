//! Transactions that arrive by replication: applied as a replica thread does, past `read_only`, with the
//! GTID that they have.

use super::Server;
use crate::{
    apply::{ApplyError, Direct, Walker},
    arena::Arena,
    binlog::{
        QuerySession,
        encode::{Head, RowWrite},
        group::{Group, GroupKind},
    },
};

impl Server {
    /// Applies and commits one group at `at`; what it changed is left in `direct`. A transaction whose GTID
    /// is in `gtid_executed` already is skipped silently, as servers do.
    ///
    /// # Errors
    /// What stops the applier; the group is rolled back.
    pub fn apply_replicated(
        &mut self,
        arena: &mut Arena,
        at: u64,
        walker: &mut Walker,
        direct: &mut Direct,
        group: &Group<'_>,
    ) -> Result<(), ApplyError> {
        direct.changes.clear();
        let gtid = group.gtid.as_ref().and_then(|g| g.gtid);
        if gtid
            .as_ref()
            .is_some_and(|g| self.gtid_executed.contains(g))
        {
            return Ok(());
        }
        let version = self.config.ddl_version;
        if let Err(error) = walker.walk(arena, &mut direct.on(&mut self.database, version), group) {
            direct.roll_back(arena, &mut self.database);
            return Err(error);
        }
        if let Some(gtid) = gtid {
            self.gtid_executed.add(gtid);
        }
        self.log_replicated(arena, at, direct, group);
        Ok(())
    }

    /// `log_replica_updates = ON`: the replica's own binlog has the transaction too, with its GTID.
    fn log_replicated(&mut self, arena: &Arena, at: u64, direct: &Direct, group: &Group<'_>) {
        let number = self.replicated_number();
        let Some(binlog) = self.binlog.as_mut() else {
            return;
        };
        let event = group.gtid.as_ref();
        let us = self.config.epoch_us + at;
        let head = Head {
            gtid: event.and_then(|g| g.gtid),
            last_committed: number.0,
            sequence_number: number.1,
            immediate_commit_us: us,
            original_commit_us: event.and_then(|g| g.original_commit_us).unwrap_or(us),
            timestamp_s: group.timestamp_s,
            origin_server_id: None,
            thread_id: 0,
            default_schema: "",
            xid: number.1,
        };
        match group.statement().filter(|_| group.kind == GroupKind::Ddl) {
            Some(query) => {
                let schema = String::from_utf8_lossy(query.schema).into_owned();
                let session = QuerySession::of(&query);
                binlog.append(us, head.gtid, |writer, out, pos| {
                    writer.ddl(out, pos, &head, &session, &schema, &query.text())
                });
            }
            None => {
                let database = &self.database;
                for change in &direct.changes {
                    self.templates
                        .renew(database, binlog.writer(), change.table);
                }
                let templates = &self.templates;
                let rows = direct.changes.iter().enumerate().filter_map(|(i, change)| {
                    Some(RowWrite {
                        template: templates.of(change.table)?,
                        columns: &database.table(change.table)?.def().columns,
                        before: change.before.map(|r| arena.row(r)),
                        after: change.after.map(|r| arena.row(r)),
                        flags: 0,
                        new_statement: i == 0,
                    })
                });
                binlog.append(us, head.gtid, |writer, out, pos| {
                    writer.transaction(out, pos, &head, rows)
                });
            }
        }
        binlog.sync();
        binlog.publish();
    }
}
