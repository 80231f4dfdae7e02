//! Events, and a scheduler that runs each enabled one once.

use super::{Modelled, SCHEMA};
use crate::{outcome::Outcome, script::Host};
use cutover_model::{database::EventStatus, ddl::Context, dml, server::Privilege};

impl Modelled {
    /// All events with their statuses.
    pub(super) fn scheduled(&mut self, host: Host) -> Outcome {
        let events = self.side(host).server.database.events();
        let mut listed: Vec<String> = events
            .iter()
            .map(|e| format!("{}.{} {}", e.schema, e.name, e.status.text()))
            .collect();
        listed.sort();
        Outcome::Text(listed.join(", "))
    }

    /// Runs what the scheduler would.
    pub(super) fn run_events(&mut self, host: Host) {
        let events = self.side(host).server.database.events().to_vec();
        let enabled = events.iter().filter(|e| e.status == EventStatus::Enabled);
        for event in enabled {
            let (now, version) = (self.now, self.version);
            let (arena, side) = match host {
                Host::Source => (&mut self.arena, &mut self.source),
                Host::Replica => (&mut self.arena, &mut self.replica),
            };
            let server = &mut side.server;
            let statement = dml::parse(&event.body, &Context::new(SCHEMA, version))
                .map_err(|e| e.to_string())
                .and_then(|dml| {
                    server
                        .prepare_dml(arena, now, &dml)
                        .map_err(|e| e.to_string())
                });
            let mut statement = statement.expect("a statement of the script");
            let privilege = match event.privileged {
                true => Privilege::Admin,
                false => Privilege::Ordinary,
            };
            let session = server.connect(privilege);
            let _ = server.run_dml(arena, now, session, &mut statement);
            self.settle();
            self.advance(self.now + 1_000_000);
            let (arena, side) = match host {
                Host::Source => (&mut self.arena, &mut self.source),
                Host::Replica => (&mut self.arena, &mut self.replica),
            };
            side.server.disconnect(arena, session);
        }
    }
}
