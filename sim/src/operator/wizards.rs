//! What the console does behind one button: *Migrate latest snapshot* and *Create Aurora read replica*, the promotion that
//! ends the latter, and the cluster parameter that gives a target a binlog of its own.
//!
//! The operator asks, and RDS goes on by itself: whoever comes back to such a step finds it under way, or done.

use super::{
    Failure, Operator, now_us,
    steps::{Cluster, POLL},
};
use crate::{runbook::Host, units::Micros};

impl Operator {
    pub(super) async fn migrate_latest_snapshot(&mut self, again: bool) -> Result<(), Failure> {
        let (id, age) = self.now_in_world().newest_snapshot().ok_or_else(|| {
            Failure::Final("DBSnapshotNotFound: the source has no snapshot".into())
        })?;
        if !again {
            self.tell(
                format!("the console offers the newest snapshot there is: {id}, {age} old"),
                Vec::new(),
            );
        }
        self.restore_snapshot(&id, again).await
    }

    pub(super) async fn create_aurora_replica(&mut self, again: bool) -> Result<(), Failure> {
        let control = self.now_in_world().control_plane().clone();
        let cut_after = control.snapshot_start;
        let copying = Micros(control.snapshot_fixed.0 + self.for_data(control.snapshot_per_tib).0);
        let restoring = Micros(
            control.restore_fixed.0
                + self.for_data(control.restore_per_tib).0
                + control.create_instance.0,
        );
        match self.cluster_so_far(again).await? {
            Cluster::There => return Ok(()),
            Cluster::UnderWay(_) => {}
            Cluster::None => {
                self.call(|world| world.create_aurora_replica(cut_after, copying, restoring))
                    .await?;
            }
        }
        let ready = self.now_in_world().restore_ready_us().unwrap_or_default();
        self.sleep(Micros(ready.saturating_sub(now_us()))).await;
        while self.now_in_world().server(Host::Target).is_none() {
            self.sleep(POLL).await;
        }
        Ok(())
    }

    pub(super) async fn create_read_replica(&mut self, again: bool) -> Result<(), Failure> {
        let control = self.now_in_world().control_plane().clone();
        let copying = Micros(control.snapshot_fixed.0 + self.for_data(control.snapshot_per_tib).0);
        // An instance of the same kind: nothing is converted, and its volume is filled as it is read.
        let restoring = control.create_instance;
        let under_way = again && self.now_in_world().read_replica_ready_us().is_some();
        if under_way {
            // aws rds describe-db-instances
            self.api_time().await;
            self.is_done("the instance replica is there, or is being created")?;
        } else {
            self.call(|world| {
                world.create_read_replica(control.snapshot_start, copying, restoring)
            })
            .await?;
        }
        let ready = self.now_in_world().read_replica_ready_us();
        let left = ready.unwrap_or_default().saturating_sub(now_us());
        self.sleep(Micros(left)).await;
        while self.now_in_world().server(Host::Replica).is_none() {
            self.sleep(POLL).await;
        }
        Ok(())
    }

    pub(super) async fn promote_cluster(&mut self, again: bool) -> Result<(), Failure> {
        let takes = self.now_in_world().control_plane().promote;
        let mut done = false;
        if again {
            // aws rds describe-db-clusters
            self.api_time().await;
            done = !self.now_in_world().is_aurora_replica();
        }
        if done {
            self.is_done("the cluster replicates from nobody any more")?;
        } else {
            self.call(|world| world.promote_cluster()).await?;
        }
        self.sleep(takes).await;
        self.tell(
            "event: Promoted Read Replica cluster to a stand-alone database cluster".into(),
            Vec::new(),
        );
        Ok(())
    }

    pub(super) async fn enable_binlog(&mut self, again: bool) -> Result<(), Failure> {
        if again {
            self.statement(Host::Target).await;
            if self.now_in_world().binlog_position(Host::Target).is_some() {
                return self.is_done("the target writes a binlog");
            }
        }
        let takes = self.now_in_world().control_plane().reboot;
        self.call(|world| world.enable_binlog(takes)).await?;
        self.sleep(takes).await;
        self.statement(Host::Target).await;
        Ok(())
    }
}
