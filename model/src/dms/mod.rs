//! AWS DMS: a replication instance that reads tables with SELECT and a binlog, and writes to the target as a client.
//!
//! It is put together of parts that other tools are made of too: ranges of rows that are copied
//! ([`crate::database::Database::copy_rows`]) from what a SELECT saw ([`crate::server::Server::read_view`]), a binlog
//! stream from a position ([`crate::replica::dump`]), and a client that applies rows with a policy for every error
//! ([`crate::apply::Client`]). What is DMS's own is here:
//!
//! | file | what |
//! | --- | --- |
//! | `settings` | the task settings that decide what is lost |
//! | `task` | the life of a task: starts, stops, fails, resumes; its checkpoint |
//! | `load` | tables and their states, the full load |
//! | `changes` | captured changes: cached, then applied table by table, then transaction by transaction |
//! | `batch` | the net changes of a batch |
//! | `latency` | `CDCLatencySource` and `CDCLatencyTarget` as CloudWatch shows them |
//! | `validation` | data validation, and what it does not see |
//!
//! Facts [D: AWS DMS user guide, file names of `awsdocs/aws-dms-user-guide`]: `CHAP_Introduction.HighLevelView` (full
//! load; changes to a table are cached from when its load starts, and applied after it; then changes are applied as
//! transactions), `CHAP_Tasks.CustomizingTasks.TaskSettings.*`, `CHAP_Source.MySQL` (limitations), `CHAP_Target.MySQL`,
//! `CHAP_Monitoring`, `CHAP_Validating`. How a table is read (one SELECT with one read view) and how positions are kept
//! is [K].
//!
//! Not modelled: parallel load of one table by ranges, transformations, column filters, the control tables on the
//! target, changes of the source's tables while a task is stopped, XA.

mod batch;
mod changes;
mod latency;
mod load;
mod settings;
mod task;
#[cfg(test)]
mod tests;
mod validation;

pub use latency::Latency;
pub use load::{TableState, TableTask};
pub use settings::{Lobs, Mode, Prepare, Settings};
pub use task::{Costs, Effect, Ends, Status, StopReason, Task};
pub use validation::{Report, Validation};

use crate::schema::{Default, TableDef};

/// A declaration as DMS makes it on the target: columns and primary key. "AWS DMS creates only the objects required to
/// efficiently migrate the data": no secondary indexes, unique keys, foreign keys, defaults, AUTO_INCREMENT
/// [D `CHAP_Target.MySQL`, `CHAP_BestPractices`].
pub fn created_by_dms(def: &TableDef) -> TableDef {
    let mut def = def.clone();
    def.uniques.clear();
    def.indexes.clear();
    def.foreign_keys.clear();
    for column in &mut def.columns {
        column.auto_increment = false;
        column.default = Default::Implicit;
    }
    def
}
