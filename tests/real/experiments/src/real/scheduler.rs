//! Events of the event scheduler.

use super::Real;
use crate::{modelled::SCHEMA, outcome::Outcome, script::Host};
use mysql::{Row, prelude::Queryable};
use std::{thread, time::Duration};

/// How long the scheduler is on: an event that runs every second runs twice at the least.
const ON_FOR: Duration = Duration::from_millis(2_500);
/// What it had begun is done then.
const DONE_WITHIN: Duration = Duration::from_millis(500);

impl Real {
    /// All events with their statuses, in the words of newer servers.
    pub(super) fn scheduled(&mut self, host: Host) -> Outcome {
        let sql = "SELECT CONCAT(event_schema, '.', event_name, ' ', status) FROM information_schema.events ORDER BY 1";
        let events: Vec<String> = self.side(host).conn().query(sql).unwrap_or_default();
        Outcome::Text(events.join(", ").replace("SLAVESIDE", "REPLICA_SIDE"))
    }

    pub(super) fn run_events(&mut self, host: Host) {
        self.sql(host, "SET GLOBAL event_scheduler = ON");
        thread::sleep(ON_FOR);
        self.sql(host, "SET GLOBAL event_scheduler = OFF");
        thread::sleep(DONE_WITHIN);
    }

    /// The statements that make the source's events as they are.
    pub(super) fn event_declarations(&mut self) -> Vec<String> {
        let conn = self.source.conn();
        let sql = format!("SHOW EVENTS FROM {SCHEMA}");
        let events: Vec<Row> = conn.query(sql).unwrap_or_default();
        let names: Vec<String> = events.iter().filter_map(|row| row.get(1)).collect();
        let declared = names.iter().filter_map(|name| {
            let sql = format!("SHOW CREATE EVENT {SCHEMA}.{name}");
            let row: Option<Row> = conn.query_first(sql).ok().flatten();
            row?.get(3)
        });
        declared.collect()
    }
}
