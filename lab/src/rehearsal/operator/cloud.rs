//! What the cloud does, played: a snapshot is a consistent read of all rows with its coordinates, a restore writes them
//! into a fresh server, the parameter group delivers `read_only` late, and RDS rotates its binlog and purges what no
//! retention holds. All of it takes the plan's durations, divided by the speed.

use super::{
    super::{
        LabError,
        servers::{CLIENTS, kill},
        shop::{self, Rows},
    },
    Failure, Operator, failed,
    replication::log_pos,
};
use cutover_model::gtid::GtidSet;
use cutover_sim::{evidence::SnapshotFacts, runbook::Host, units::Micros};
use mysql::{Row, prelude::Queryable};

/// A snapshot: rows, and where the source stood.
#[derive(Debug)]
pub(super) struct Snapshot {
    rows: Vec<Rows>,
    pub(super) file: String,
    pub(super) pos: u64,
    gtids: GtidSet,
    at: u64,
    available: u64,
}

impl Operator<'_> {
    /// What is due of the parameter group and of RDS.
    pub(super) fn cloud(&mut self) -> Result<(), LabError> {
        if (self.stop)() {
            return Err(LabError::Interrupted);
        }
        let now = self.clock.now_us();
        if let Some((_, value)) = self.read_only_due.filter(|(due, _)| *due <= now) {
            self.read_only_due = None;
            self.at_source
                .query_drop(format!("SET GLOBAL read_only = {}", u8::from(value)))?;
            let now = self.clock.now_us();
            if value {
                self.marks.source_read_only.get_or_insert(now);
            } else if self.marks.fence.is_some() {
                self.marks.fence_lifted = Some(now);
            }
            self.tell(format!("read_only is {value} on the source"));
        }
        if now >= self.next_upload {
            self.next_upload = now + self.plan.environment.source.binlog_upload_every.0;
            self.upload()?;
        }
        Ok(())
    }

    /// RDS rotates the binlog, uploads what is closed, and purges what no retention holds.
    fn upload(&mut self) -> Result<(), LabError> {
        self.at_source.query_drop("FLUSH BINARY LOGS")?;
        self.kept.update(self.source)?;
        if self.retained {
            return Ok(());
        }
        let before = self.files()?;
        let Some(current) = before.last() else {
            return Ok(());
        };
        self.at_source
            .query_drop(format!("PURGE BINARY LOGS TO '{current}'"))?;
        let after = self.files()?;
        // A file that the target still needs: of its snapshot, or later; nobody reads it yet.
        let needed = self.snapshots.values().map(|s| s.file.clone()).min();
        let unread = self.marks.replication.started.is_none();
        for name in before.iter().filter(|name| !after.contains(name)) {
            if unread && needed.as_ref().is_some_and(|needed| name >= needed) {
                self.marks.purged_unread.push(name.clone());
            }
        }
        Ok(())
    }

    /// The source's binlog files.
    fn files(&mut self) -> Result<Vec<String>, LabError> {
        let rows: Vec<Row> = self.at_source.query("SHOW BINARY LOGS")?;
        Ok(rows
            .iter()
            .filter_map(|row| row.get::<String, _>(0))
            .collect())
    }

    pub(super) fn api_call(&mut self) -> Result<(), LabError> {
        self.rest(self.plan.environment.control_plane.api_call)
    }

    /// A time per TiB, for this environment's volume.
    fn for_data(&self, per_tib: Micros) -> Micros {
        let bytes = self.plan.environment.source.data_size.0;
        Micros(((u128::from(per_tib.0) * u128::from(bytes)) >> 40) as u64)
    }

    pub(super) fn create_snapshot(&mut self, id: &str, wait: bool) -> Result<(), Failure> {
        let control = self.plan.environment.control_plane.clone();
        self.api_call()?;
        self.rest(control.snapshot_start)?;
        let mut reader = self.source.root.connect()?;
        // Nobody commits between the two: the view is that of the position.
        self.at_source.query_drop("FLUSH TABLES WITH READ LOCK")?;
        reader.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT")?;
        let (file, pos) = self.position(Host::Source)?;
        let gtids = self.executed(Host::Source)?;
        let at = self.clock.now_us();
        self.at_source.query_drop("UNLOCK TABLES")?;
        let rows = shop::read(&mut reader)?;
        let copying = Micros(control.snapshot_fixed.0 + self.for_data(control.snapshot_per_tib).0);
        let snapshot = Snapshot {
            rows,
            file,
            pos,
            gtids,
            at,
            available: at + copying.0,
        };
        self.snapshots.insert(id.to_string(), snapshot);
        if wait {
            self.rest(copying)?;
        }
        Ok(())
    }

    pub(super) fn restore_snapshot(&mut self, id: &str) -> Result<(), Failure> {
        let control = self.plan.environment.control_plane.clone();
        self.api_call()?;
        if !self.is_available(id)? {
            return failed(format!("snapshot {id} is not available yet"));
        }
        let (target, mut at_target) = self.servers.fresh(Host::Target, self.plan)?;
        if let Some(snapshot) = self.snapshots.get(id) {
            shop::write(&mut at_target, &snapshot.rows)?;
            if self.plan.environment.restores_auto_increments(Host::Target) {
                shop::count_on(&mut at_target, &snapshot.rows)?;
            }
            if self.plan.environment.target_has_gtids() {
                at_target.query_drop(format!("SET GLOBAL gtid_purged = '{}'", snapshot.gtids))?;
            }
            self.marks.snapshot = Some(snapshot.at);
        }
        self.restored = Some(id.to_string());
        self.shared.target(&target);
        self.target = Some((target, at_target));
        self.rest(control.restore_fixed)?;
        self.rest(self.for_data(control.restore_per_tib))?;
        self.rest(control.create_instance)?;
        Ok(())
    }

    pub(super) fn is_available(&self, id: &str) -> Result<bool, Failure> {
        match self.snapshots.get(id) {
            Some(snapshot) => Ok(self.clock.now_us() >= snapshot.available),
            None => failed(format!("there is no snapshot {id}")),
        }
    }

    /// The snapshot that the target was restored from, as the checks know it; how many commits are in it is read off
    /// the binlog.
    pub fn snapshot(&self) -> Option<(SnapshotFacts, GtidSet)> {
        let snapshot = self.snapshots.get(self.restored.as_ref()?)?;
        let facts = SnapshotFacts {
            at: snapshot.at,
            commits: 0,
            end: log_pos(&snapshot.file, snapshot.pos)?,
            of_replica: false,
        };
        Some((facts, snapshot.gtids.clone()))
    }

    pub(super) fn set_read_only(&mut self, on: Host, value: bool) -> Result<(), Failure> {
        match on {
            Host::Source => {
                self.api_call()?;
                let delay = self.plan.environment.source.parameter_delay.0;
                self.read_only_due = Some((self.clock.now_us() + delay, value));
            }
            Host::Target | Host::Replica => {
                let value = u8::from(value);
                self.at(on)?
                    .query_drop(format!("SET GLOBAL read_only = {value}"))?;
            }
        }
        Ok(())
    }

    /// Whether the source is read-only.
    ///
    /// # Errors
    /// A server that does not answer.
    pub fn source_is_read_only(&mut self) -> Result<bool, LabError> {
        let value: Option<u8> = self.at_source.query_first("SELECT @@global.read_only")?;
        Ok(value == Some(1))
    }

    pub(super) fn kill_connections(&mut self, host: Host) -> Result<(), Failure> {
        let connection = self.at(host)?;
        kill(connection, &CLIENTS)?;
        Ok(())
    }
}
