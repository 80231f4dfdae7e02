//! Snapshots: asked for, cut, and available a while later.

use crate::{
    faults::Occasion,
    runbook::Host,
    units::Micros,
    world::{Due, Snapshot, World},
};
use cutover_model::server::Durability;

impl World {
    /// `aws rds create-db-snapshot` of an instance: it is cut after `start`, and available `copying` later.
    ///
    /// # Errors
    /// There is one of this name already.
    pub fn create_snapshot(
        &mut self,
        id: &str,
        of: Host,
        start: Micros,
        copying: Micros,
    ) -> Result<(), String> {
        if self.server(of).is_none() {
            return Err(format!(
                "DBInstanceNotFound: there is no instance {}",
                of.name()
            ));
        }
        if self.snapshots.contains_key(id) || self.office.is_asked_for(id) {
            return Err(format!(
                "DBSnapshotAlreadyExists: there is a snapshot {id} already"
            ));
        }
        if start.0 == 0 {
            self.cut_snapshot(id, of, copying);
            return Ok(());
        }
        let snapshot = self.office.ask_for_snapshot(id, of, copying);
        self.agenda
            .push(self.now + start.0, Due::SnapshotCut(snapshot));
        Ok(())
    }

    /// Cuts a snapshot through an instance's volume, now; it is available after `copying`.
    pub(in crate::world) fn cut_snapshot(&mut self, id: &str, of: Host, copying: Micros) {
        if of == Host::Source && !self.environment.source.multi_az {
            self.source_suspended_until =
                self.now + self.environment.control_plane.snapshot_suspends_io.0;
        }
        let (mut cut, own_position) = match of {
            Host::Source | Host::Target => {
                let source = &self.source;
                (
                    source.cut(&mut self.arena, self.now, Durability::Volume),
                    None,
                )
            }
            Host::Replica => match self.cut_of_replica() {
                Some((cut, own)) => (cut, Some(own)),
                None => return,
            },
        };
        self.tear(&mut cut);
        self.cut_myisam(&mut cut);
        self.tell(
            "rds",
            format!("the snapshot {id} is cut at {}: everything committed up to {}:{} is in it, nothing later", self.moment(self.now).time_of_day(), cut.file_name, cut.end.pos),
            Vec::new(),
        );
        self.occurs(Occasion::SnapshotCut);
        self.snapshots.insert(
            id.to_string(),
            Snapshot {
                cut,
                at: self.now,
                age_us: 0,
                own_position,
                available: self.now + copying.0,
            },
        );
    }

    /// Whether a snapshot can be restored.
    ///
    /// # Errors
    /// There is no such snapshot.
    pub fn snapshot_is_available(&self, id: &str) -> Result<bool, String> {
        match self.snapshot(id) {
            Some(snapshot) => Ok(snapshot.available <= self.now),
            None if self.office.is_asked_for(id) => Ok(false),
            None => Err(format!("DBSnapshotNotFound: there is no snapshot {id}")),
        }
    }
}
