//! Statements of sessions, one step after the other.

use super::{Modelled, PATIENCE_S, SCHEMA, SECOND, Step, Texts};
use crate::{
    outcome::Outcome,
    script::{Host, Line},
    sql::{self, Filter, Literal, Sql},
};
use cutover_model::{
    binlog::encode::xid,
    database::TableId,
    row::{ImageBuilder, fields, parse, push_default_at, render},
    schema::{Column, ColumnKind},
    server::{Manner, Reply, Server, ServerError},
    table::RowKey,
};
use std::collections::VecDeque;

/// With GTIDs a transaction is left out by its GTID alone. 9.7 takes the counter all the same, and skips nothing; so may 8.0
/// (unverified).
const NO_COUNTER: &str = "sql_slave_skip_counter can not be set when the server is running with @@GLOBAL.GTID_MODE = ON. \
                          Instead, for each transaction that you want to skip, generate an empty transaction with the same \
                          GTID as the transaction";

impl Modelled {
    pub(super) fn sql(&mut self, line: &Line, text: &str) -> Outcome {
        let host = line.host;
        if self.side(host).down {
            return Outcome::Error(2006, "MySQL server has gone away".into());
        }
        let statement = match sql::read(text) {
            Ok(statement) => statement,
            Err(what) => return Outcome::Text(format!("not modelled: {what}")),
        };
        match &statement {
            Sql::Select(table) => return self.select(host, &line.session, table),
            Sql::Variable(name) => return self.variable(host, name),
            Sql::Set(name, value) => return self.set(line, name, value),
            Sql::FlushLogs => {
                let now = self.now;
                self.side(host).server.rotate_binlog(now);
                return Outcome::Ok;
            }
            Sql::PurgeTo(file) => return self.purge(host, file),
            Sql::Start(threads) => return self.replica_threads(*threads, true),
            Sql::Stop(threads) => return self.replica_threads(*threads, false),
            Sql::ResetReplicaAll => {
                self.replica.replica = None;
                self.dump = None;
                return Outcome::Ok;
            }
            _ => {}
        }
        let steps = self.steps(host, &line.session, text, statement);
        let session = self.side(host).session(&line.session);
        session.steps = match steps {
            Ok(steps) => steps,
            Err(outcome) => return outcome,
        };
        session.outcome = None;
        self.drive(host, &line.session);
        let patience = if line.may_wait { PATIENCE_S } else { 30 };
        self.until_done(line, patience)
    }

    pub(super) fn quit(&mut self, line: &Line) {
        let (arena, side) = match line.host {
            Host::Source => (&mut self.arena, &mut self.source),
            Host::Replica => (&mut self.arena, &mut self.replica),
        };
        if let Some(session) = side.sessions.remove(&line.session) {
            side.server.disconnect(arena, session.id);
        }
    }

    pub(super) fn result(&mut self, line: &Line) -> Outcome {
        if self.side(line.host).down {
            return Outcome::Error(2013, "Lost connection to MySQL server during query".into());
        }
        self.until_done(line, 30)
    }

    pub(super) fn until_done(&mut self, line: &Line, patience: u64) -> Outcome {
        let until = self.now + patience * SECOND;
        loop {
            self.settle();
            let side = self.side(line.host);
            if let Some(outcome) = side.session(&line.session).outcome.take() {
                return outcome;
            }
            match self.next_due().filter(|next| *next <= until) {
                Some(next) => self.now = self.now.max(next),
                None => {
                    self.now = until;
                    return Outcome::Waits;
                }
            }
        }
    }

    /// The steps of a statement.
    pub(super) fn steps(
        &mut self,
        host: Host,
        name: &str,
        text: &str,
        statement: Sql,
    ) -> Result<VecDeque<Step>, Outcome> {
        let mut steps = VecDeque::new();
        match statement {
            Sql::Begin | Sql::XaStart => {
                self.side(host).session(name).in_transaction = true;
                return Ok(steps);
            }
            Sql::Rollback => {
                let (arena, side) = match host {
                    Host::Source => (&mut self.arena, &mut self.source),
                    Host::Replica => (&mut self.arena, &mut self.replica),
                };
                let id = side.session(name).id;
                side.server.rollback(arena, id);
                side.session(name).in_transaction = false;
                return Ok(steps);
            }
            Sql::XaEnd => return Ok(steps),
            Sql::XaPrepare(id) => {
                self.side(host).session(name).in_transaction = false;
                steps.push_back(Step::XaPrepare(xid(id.as_bytes())));
                return Ok(steps);
            }
            Sql::XaCommit(id) => {
                steps.push_back(Step::XaCommit(xid(id.as_bytes())));
                return Ok(steps);
            }
            Sql::Commit => {
                self.side(host).session(name).in_transaction = false;
                steps.push_back(Step::Commit);
                return Ok(steps);
            }
            Sql::Insert {
                table,
                columns,
                rows,
            } => {
                let (id, names) = self.table(host, &table)?;
                for (i, row) in rows.into_iter().enumerate() {
                    let value = |(n, name): (usize, &String)| match columns.is_empty() {
                        true => row.get(n).cloned(),
                        false => {
                            let at = columns.iter().position(|c| c == name)?;
                            row.get(at).cloned()
                        }
                    };
                    let values = names.iter().enumerate().map(value).collect();
                    steps.push_back(Step::Insert(id, values, i == 0));
                }
            }
            Sql::Update {
                table,
                sets,
                filter,
            } => {
                for (i, (id, key)) in self.matching(host, name, &table, &filter)?.enumerate() {
                    steps.push_back(Step::Update(id, key, sets.clone(), i == 0));
                }
            }
            Sql::Delete { table, filter } => {
                for (i, (id, key)) in self.matching(host, name, &table, &filter)?.enumerate() {
                    steps.push_back(Step::Delete(id, key, i == 0));
                }
            }
            _ => {
                steps.push_back(Step::Ddl(text.to_owned()));
                return Ok(steps);
            }
        }
        if !self.side(host).session(name).in_transaction {
            steps.push_back(Step::Commit);
        }
        Ok(steps)
    }

    pub(super) fn table(
        &mut self,
        host: Host,
        name: &str,
    ) -> Result<(TableId, Vec<String>), Outcome> {
        let database = &self.side(host).server.database;
        let found = database.id(SCHEMA, name).and_then(|id| {
            let columns = &database.table(id)?.def().columns;
            Some((id, columns.iter().map(|c| c.name.to_string()).collect()))
        });
        found.ok_or_else(|| Outcome::Error(1146, format!("Table '{SCHEMA}.{name}' doesn't exist")))
    }

    /// Rows that a session sees, as texts, with their keys.
    pub(super) fn visible(
        &mut self,
        host: Host,
        name: &str,
        table: &str,
    ) -> Result<Vec<(RowKey, Texts)>, Outcome> {
        let (id, _) = self.table(host, table)?;
        let (arena, side) = match host {
            Host::Source => (&mut self.arena, &mut self.source),
            Host::Replica => (&mut self.arena, &mut self.replica),
        };
        let session = side.session(name).id;
        let stored = side.server.database.table(id).expect("just found");
        let columns = stored.def().columns.clone();
        let keys: Vec<RowKey> = stored.touched().map(|(key, _)| key).collect();
        let mut rows = Vec::new();
        for key in keys {
            let Some(row) = side.server.select(arena, session, id, key) else {
                continue;
            };
            let values = columns.iter().zip(fields(&columns, arena.row(row)));
            let text = |(column, raw): (&Column, Option<&[u8]>)| {
                raw.map(|raw| {
                    let mut text = String::new();
                    render(column, raw, &mut text);
                    text
                })
            };
            rows.push((key, values.map(text).collect()));
        }
        Ok(rows)
    }

    pub(super) fn matching(
        &mut self,
        host: Host,
        name: &str,
        table: &str,
        filter: &Filter,
    ) -> Result<impl Iterator<Item = (TableId, RowKey)> + use<>, Outcome> {
        let (id, names) = self.table(host, table)?;
        let rows = self.visible(host, name, table)?;
        let filter = filter.clone();
        let matches = move |row: &[Option<String>]| match &filter {
            None => true,
            Some((column, wanted)) => {
                let at = names.iter().position(|n| n == column);
                let is = at.and_then(|at| row[at].clone());
                is == text_of(wanted)
            }
        };
        let keys = rows.into_iter().filter(move |(_, row)| matches(row));
        Ok(keys.map(move |(key, _)| (id, key)))
    }

    pub(super) fn select(&mut self, host: Host, name: &str, table: &str) -> Outcome {
        match self.visible(host, name, table) {
            Ok(rows) => Outcome::Rows(rows.into_iter().map(|(_, row)| row).collect()),
            Err(outcome) => outcome,
        }
    }

    pub(super) fn variable(&mut self, host: Host, name: &str) -> Outcome {
        let server = &self.side(host).server;
        let text = match name {
            "gtid_executed" => server.gtid_executed.clone(),
            "gtid_purged" => server.gtid_purged.clone(),
            "read_only" => {
                let value = u8::from(server.is_read_only()).to_string();
                return Outcome::Rows(vec![vec![Some(value)]]);
            }
            other => return Outcome::Text(format!("not modelled: {other}")),
        };
        Outcome::Text(self.names.gtids(&text))
    }

    pub(super) fn set(&mut self, line: &Line, name: &str, value: &str) -> Outcome {
        let side = self.side(line.host);
        match (name, value) {
            ("read_only" | "super_read_only", "1") => {
                side.read_only_pending = true;
                side.server.set_read_only(name == "super_read_only");
                let patience = if line.may_wait { PATIENCE_S } else { 30 };
                let until = self.now + patience * SECOND;
                while self.side(line.host).read_only_pending && self.now < until {
                    let next = self.next_due().filter(|next| *next <= until);
                    self.now = next.unwrap_or(until).max(self.now);
                    self.settle();
                }
                match self.side(line.host).read_only_pending {
                    true => Outcome::Waits,
                    false => Outcome::Ok,
                }
            }
            ("read_only" | "super_read_only", "0") => {
                side.server.clear_read_only();
                Outcome::Ok
            }
            ("gtid_mode", "ON" | "OFF") => {
                side.server.config.gtid_mode = value == "ON";
                Outcome::Ok
            }
            // The steps in between, and what is asked for before the last.
            ("gtid_mode", _) | ("enforce_gtid_consistency", "ON") => Outcome::Ok,
            ("sql_replica_skip_counter", "1") if side.server.config.gtid_mode => {
                match self.version.at_least(80_000) {
                    true => Outcome::Ok,
                    false => Outcome::Error(1858, NO_COUNTER.into()),
                }
            }
            ("sql_replica_skip_counter", "1") => {
                // What it counts is passed over when the applier starts; that is next in every script.
                if let Some(replica) = self.replica.replica.as_mut() {
                    replica.skip_group(&self.source.server);
                }
                Outcome::Ok
            }
            // The model keeps moments in UTC, whatever the sessions' zones.
            ("time_zone", _) => Outcome::Ok,
            _ => Outcome::Text(format!("not modelled: SET {name}")),
        }
    }

    pub(super) fn purge(&mut self, host: Host, file: &str) -> Outcome {
        let in_use = match host {
            Host::Source => self.dump.as_ref().map(|d| d.at.file),
            Host::Replica => None,
        };
        let server = &mut self.side(host).server;
        let Some(binlog) = server.binlog.as_mut() else {
            return Outcome::Ok;
        };
        let number = binlog.number(file).unwrap_or_default();
        let keep = in_use.map_or(number, |in_use| in_use.min(number));
        binlog.purge_before(u64::MAX, Some(keep));
        server.gtid_purged = binlog.purged().clone();
        Outcome::Ok
    }

    /// Goes on with a session's statement, up to where it has to wait or is done.
    pub(super) fn drive(&mut self, host: Host, name: &str) {
        loop {
            let session = self.side(host).session(name);
            if session.committing {
                return;
            }
            let Some(step) = session.steps.front().cloned() else {
                session.outcome = Some(Outcome::Ok);
                return;
            };
            match self.step(host, name, &step) {
                Ok(Reply::Ok | Reply::NoRow) => {
                    self.side(host).session(name).steps.pop_front();
                }
                Ok(Reply::Committing) => {
                    let session = self.side(host).session(name);
                    session.committing = true;
                    session.steps.pop_front();
                    return;
                }
                Ok(Reply::Waiting) => return,
                Ok(Reply::Failed(error)) => return self.fail(host, name, &error),
                Err(outcome) => {
                    let session = self.side(host).session(name);
                    session.steps.clear();
                    session.outcome = Some(outcome);
                    return;
                }
            }
        }
    }

    pub(super) fn fail(&mut self, host: Host, name: &str, error: &ServerError) {
        let older = !self.version.at_least(80_019);
        let (arena, side) = match host {
            Host::Source => (&mut self.arena, &mut self.source),
            Host::Replica => (&mut self.arena, &mut self.replica),
        };
        let (id, alone) = {
            let session = side.session(name);
            session.steps.clear();
            (session.id, !session.in_transaction)
        };
        if alone {
            side.server.rollback(arena, id);
        }
        let text = match error {
            ServerError::Sql(error) => error.message(older),
            other => other.to_string(),
        };
        side.session(name).outcome = Some(Outcome::Error(error.code().into(), text));
    }

    pub(super) fn step(&mut self, host: Host, name: &str, step: &Step) -> Result<Reply, Outcome> {
        let now = self.now;
        let (arena, side) = match host {
            Host::Source => (&mut self.arena, &mut self.source),
            Host::Replica => (&mut self.arena, &mut self.replica),
        };
        let id = side.session(name).id;
        let server = &mut side.server;
        let manner = |first: &bool| Manner {
            new_statement: *first,
            ..Manner::STATEMENT
        };
        Ok(match step {
            Step::Commit => server.commit(arena, now, id),
            Step::XaPrepare(xid) => server.xa_prepare(now, id, xid),
            Step::XaCommit(xid) => server.xa_commit(now, id, xid),
            Step::Ddl(text) if alters(text) && !server.is_under_way(id) && server.uses_tables() => {
                let begun = server.waits_for_metadata_lock();
                side.session(name).alters = Some(begun);
                Reply::Waiting
            }
            Step::Ddl(text) => match server.execute_ddl(arena, now, id, SCHEMA, text) {
                Ok(reply) => reply,
                Err(error) => {
                    let code = error.code().unwrap_or_default();
                    return Err(Outcome::Error(code.into(), error.to_string()));
                }
            },
            Step::Delete(table, key, first) => {
                server.delete(arena, now, id, *table, *key, manner(first))
            }
            Step::Insert(table, values, first) => {
                let table = *table;
                let columns = columns_of(server, table);
                let us = server.config.epoch_us + now;
                let mut builder = ImageBuilder::default();
                builder.start(columns.len());
                for (column, value) in columns.iter().zip(values) {
                    match value {
                        _ if column.auto_increment && is_drawn(value) => {
                            let next = server.next_auto_increment(table).to_string();
                            push(column, &Literal::Text(next), &mut builder)?;
                        }
                        Some(value) => push(column, value, &mut builder)?,
                        None => push_default_at(column, us, &mut builder),
                    }
                }
                server.insert(arena, now, id, table, builder.image(), manner(first))
            }
            Step::Update(table, key, sets, first) => {
                let (table, key) = (*table, *key);
                let locked = match server.lock_row(arena, now, id, table, key) {
                    Ok(locked) => locked,
                    Err(reply) => return Ok(reply),
                };
                let columns = columns_of(server, table);
                let mut builder = ImageBuilder::default();
                builder.start(columns.len());
                for (column, raw) in columns.iter().zip(fields(&columns, arena.row(locked.row))) {
                    match sets.iter().find(|(name, _)| **name == *column.name) {
                        Some((_, value)) => push(column, value, &mut builder)?,
                        None => match raw {
                            Some(raw) => builder.push(raw),
                            None => builder.push_null(),
                        },
                    }
                }
                server.update_locked(arena, now, id, locked, builder.image(), manner(first))
            }
        })
    }
}

fn columns_of(server: &Server, table: TableId) -> Vec<Column> {
    let table = server.database.table(table).expect("it was there");
    table.def().columns.clone()
}

/// NULL, or left out: the next number.
fn is_drawn(value: &Option<Literal>) -> bool {
    matches!(value, None | Some(Literal::Null))
}

fn text_of(literal: &Literal) -> Option<String> {
    match literal {
        Literal::Null => None,
        Literal::Text(text) | Literal::Hex(text) => Some(text.clone()),
    }
}

fn push(column: &Column, value: &Literal, builder: &mut ImageBuilder) -> Result<(), Outcome> {
    let bytes = matches!(
        column.kind,
        ColumnKind::Binary { .. } | ColumnKind::Varbinary { .. } | ColumnKind::Blob { .. }
    );
    let text = match value {
        Literal::Null => {
            builder.push_null();
            return Ok(());
        }
        Literal::Text(text) if bytes => text.bytes().map(|b| format!("{b:02X}")).collect(),
        Literal::Text(text) | Literal::Hex(text) => text.clone(),
    };
    let mut raw = Vec::new();
    parse(column, &text, &mut raw)
        .map_err(|e| Outcome::Text(format!("no value of {}: {e}", column.name)))?;
    builder.push(&raw);
    Ok(())
}

/// Whether a statement waits until nobody uses the table.
fn alters(text: &str) -> bool {
    text.starts_with("ALTER TABLE")
}
