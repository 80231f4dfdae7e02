//! What a SELECT that begins now sees.
//!
//! InnoDB's read view: everything that the engine has committed, nothing that is open, and nothing that is on its way
//! through a commit. So a transaction that is in the binlog already and not yet committed in the engine is not in it:
//! the gap that tools fall into which read the binlog and then the tables.

use super::Server;
use crate::{arena::Arena, database::Database};

impl Server {
    /// The tables as a consistent read has them. Costs what is open, whatever the tables hold.
    pub fn read_view(&self, arena: &mut Arena) -> Database {
        let mut view = self.database.clone();
        for (_, session) in self.sessions.iter() {
            let changes = session.changes.iter().rev();
            changes.for_each(|logged| view.undo(arena, &logged.change));
        }
        view
    }

    /// When the oldest transaction began that is still open, in µs: `trx_started` in `information_schema.innodb_trx`.
    pub fn oldest_transaction_us(&self) -> Option<u64> {
        let open = self.sessions.iter().map(|(_, session)| session);
        let open = open.filter(|session| !session.changes.is_empty());
        open.map(|session| session.started_us).min()
    }
}
