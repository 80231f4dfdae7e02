//! Statements that the operator types.

use super::{
    super::clients::{Done, lock},
    Failure, NO_REPLICA, Operator, failed,
};
use cutover_model::dml::is_dml;
use cutover_sim::{
    history::{Kind, NO_COMMIT, OPERATOR, Operation, Told},
    runbook::{Host, RunSql},
};
use mysql::prelude::Queryable;

impl Operator<'_> {
    /// Types a statement. It has a connection of its own, by which its transaction is found in the binlog. What changes rows
    /// is an operation of the history, as any client's; a change of a table is no write.
    pub(super) fn run_sql(&mut self, o: &RunSql) -> Result<(), Failure> {
        let server = match (o.on, &self.target) {
            (Host::Source, _) => self.source,
            (Host::Target, Some((target, _))) => target,
            (Host::Target, None) => return failed("there is no target yet"),
            (Host::Replica, _) => return failed(NO_REPLICA),
        };
        let mut connection = server.root.connect()?;
        let invoked = self.clock.now_us();
        let typed = connection.query_drop(&o.sql);
        let told = match &typed {
            Ok(()) if connection.affected_rows() > 0 => Told::Ok,
            Ok(()) => Told::Empty,
            Err(mysql::Error::MySqlError(_)) => Told::Fail,
            // The connection is gone, and with it the answer.
            Err(_) => Told::Info,
        };
        if !is_dml(&o.sql) {
            return Ok(typed?);
        }
        let returned = self.clock.now_us();
        lock(&self.shared.done).push(Done {
            operation: Operation {
                invoked,
                returned,
                subject: 0,
                commit: NO_COMMIT,
                client: OPERATOR,
                kind: Kind::Statement,
                told,
                host: o.on,
            },
            connection: connection.connection_id(),
            read_only: false,
            stale: None,
        });
        Ok(typed?)
    }
}
