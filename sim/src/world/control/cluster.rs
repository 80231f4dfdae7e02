//! The Aurora cluster: restored from a snapshot, or created with nothing in it.

use crate::{
    faults::Occasion,
    runbook::Host,
    units::Micros,
    world::{Target, World, setup},
};
use cutover_model::{database::Database, gtid::GtidSet};

pub(in crate::world) const CLUSTER_EXISTS: &str =
    "DBClusterAlreadyExistsFault: there is a cluster target already";

impl World {
    /// `aws rds restore-db-cluster-from-snapshot` is accepted; the cluster is there after `takes`.
    ///
    /// # Errors
    /// There is no such snapshot, it is not available, or there is a cluster already.
    pub fn restore_begins(&mut self, id: &str, takes: Micros) -> Result<(), String> {
        if !self.snapshot_is_available(id)? {
            return Err(format!(
                "InvalidDBSnapshotState: snapshot {id} is not available yet"
            ));
        }
        if self.target.is_some() || self.marks.restoring {
            return Err(CLUSTER_EXISTS.into());
        }
        self.office.restoring_until(self.now + takes.0);
        self.marks.restoring = true;
        self.occurs(Occasion::RestoreBegins);
        Ok(())
    }

    /// Makes the Aurora cluster of a snapshot.
    ///
    /// # Errors
    /// There is no such snapshot, or a cluster already.
    pub fn restore_snapshot(&mut self, id: &str) -> Result<(), String> {
        let mut snapshot = self
            .snapshot(id)
            .ok_or_else(|| format!("there is no snapshot {id}"))?
            .clone();
        if self.target.is_some() {
            return Err(CLUSTER_EXISTS.into());
        }
        self.misread(&mut snapshot.cut);
        self.marks.snapshot = Some(snapshot.at);
        self.marks.restoring = false;
        self.occurs(Occasion::Restored);
        let mut server = setup::target_server(
            &self.environment,
            self.epoch_us + self.ahead_us[Host::Target as usize],
            self.source.config.ddl_version,
            setup::restored_tables(&self.environment, &self.arena, &snapshot.cut, Host::Target),
            snapshot.cut.gtid_executed.clone(),
            Some(snapshot.cut.end.file),
            self.mutants,
        );
        for prepared in &snapshot.cut.prepared {
            server.adopt(&mut self.arena, prepared.clone());
        }
        self.target = Some(Target {
            server,
            snapshot: Some(snapshot),
        });
        self.target_begins_events();
        Ok(())
    }

    /// `aws rds create-db-cluster` is accepted; the cluster is there after `takes`.
    ///
    /// # Errors
    /// There is a cluster already.
    pub fn cluster_begins(&mut self, takes: Micros) -> Result<(), String> {
        if self.target.is_some() || self.marks.restoring {
            return Err(CLUSTER_EXISTS.into());
        }
        self.office.restoring_until(self.now + takes.0);
        Ok(())
    }

    /// An Aurora cluster with nothing in it.
    ///
    /// # Errors
    /// There is a cluster already.
    pub fn create_cluster(&mut self) -> Result<(), String> {
        if self.target.is_some() {
            return Err(CLUSTER_EXISTS.into());
        }
        self.occurs(Occasion::Restored);
        let mut database = Database::default();
        database.keep_events();
        let server = setup::target_server(
            &self.environment,
            self.epoch_us + self.ahead_us[Host::Target as usize],
            self.source.config.ddl_version,
            database,
            GtidSet::default(),
            None,
            self.mutants,
        );
        self.target = Some(Target {
            server,
            snapshot: None,
        });
        self.target_begins_events();
        Ok(())
    }
}
