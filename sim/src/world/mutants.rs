//! What mutants make of the world's own doings, as far as that is more than a line where it happens.

use super::{Due, World};
use cutover_model::{
    mutant::Mutant,
    server::{Cut, Durability},
};

impl World {
    /// The operator has asked for a snapshot.
    pub fn snapshot_begins(&mut self) {
        if self.mutants.has(Mutant::SnapshotTorn) {
            let cut = self
                .source
                .cut(&mut self.arena, self.now, Durability::Volume);
            self.snapshot_begun = Some(cut.database);
        }
    }

    /// With [`Mutant::SnapshotTorn`] a part of a cut is older than the rest.
    pub(super) fn tear(&self, cut: &mut Cut) {
        if let (Some(begun), Some(orders)) = (&self.snapshot_begun, self.orders()) {
            cut.database.take_table(begun, orders.orders_table);
        }
    }

    /// What a restored instance believes of its snapshot.
    pub(super) fn misread(&self, cut: &mut Cut) {
        let Some(binlog) = self.source.binlog.as_ref() else {
            return;
        };
        if self.mutants.has(Mutant::GtidExcess) {
            cut.gtid_executed = self.source.gtid_executed.clone();
        }
        if self.mutants.has(Mutant::GtidHole)
            && let Some(file) = binlog.file(cut.end.file)
        {
            cut.gtid_executed = file.previous().clone();
        }
        if self.mutants.has(Mutant::CoordinatesTooLate) {
            let end = binlog.published();
            (cut.end, cut.file_name) = (end, binlog.name(end.file));
        }
    }

    /// With [`Mutant::DriverContinues`] a transaction goes on over another connection, if there is one.
    pub(super) fn reconnects_unnoticed(&mut self, client: u16) -> bool {
        if !self.mutants.has(Mutant::DriverContinues) || self.clients.replay.is_some() {
            return false;
        }
        let host = self.connect(client);
        let arrival = self.now + self.way_to(host);
        let connected = self.connection_of(client).is_some();
        if connected {
            let number = self.clients.get(client).number;
            self.agenda.push(arrival, Due::Request(client, number));
        }
        connected
    }
}
