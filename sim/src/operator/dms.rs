//! The steps of AWS DMS: its control plane is asked like that of RDS, and what is done to tables is typed on a server.

use super::{Failure, Operator, now_us, steps::Cluster};
use crate::{
    runbook::{AddConstraints, CreateDmsTask, DmsCondition, DmsTask, DmsUntil, Host, TaskAction},
    units::Micros,
};

impl Operator {
    pub(super) async fn create_cluster(&mut self, again: bool) -> Result<(), Failure> {
        let takes = self.now_in_world().control_plane().create_instance;
        match self.cluster_so_far(again).await? {
            Cluster::There => return Ok(()),
            Cluster::UnderWay(ready) => self.sleep(Micros(ready.saturating_sub(now_us()))).await,
            Cluster::None => {
                self.call(|world| world.cluster_begins(takes)).await?;
                self.sleep(takes).await;
            }
        }
        self.on_world(|world| world.create_cluster())
    }

    pub(super) async fn add_constraints(&self, o: &AddConstraints) -> Result<(), Failure> {
        self.statement(Host::Target).await;
        let takes = self.now_in_world().constraints_take();
        let takes = takes.map_err(Failure::Final)?;
        let (done, outage) = {
            let world = self.now_in_world();
            (world.now() + takes.0, world.last_outage(Host::Target))
        };
        // A server that is lost meanwhile takes its statement back, whether or not it is there again.
        loop {
            let (left, now_outage) = {
                let world = self.now_in_world();
                let left = done.saturating_sub(world.now());
                (left, world.last_outage(Host::Target))
            };
            if now_outage != outage {
                let lost = "error 2013: lost connection to the target during the statement";
                return Err(Failure::Passing(lost.into()));
            }
            if left == 0 {
                break;
            }
            self.sleep(Micros(left).min(Micros::secs(1))).await;
        }
        let done = self.now_in_world().add_constraints(o.delete_orphans);
        let deleted = done.map_err(Failure::Final)?;
        if deleted > 0 {
            let text = format!("deletes {deleted} rows whose parent is gone");
            self.tell(text, Vec::new());
        }
        Ok(())
    }

    pub(super) async fn create_dms_task(
        &mut self,
        o: &CreateDmsTask,
        again: bool,
    ) -> Result<(), Failure> {
        if again {
            // aws dms describe-replication-tasks
            self.api_time().await;
            if self.now_in_world().has_dms_task(&o.id) {
                return self.is_done(&format!("there is a task {} already", o.id));
            }
        }
        self.call(|world| world.create_dms_task(o)).await
    }

    pub(super) async fn dms_task(&mut self, o: &DmsTask, again: bool) -> Result<(), Failure> {
        if again && o.action == TaskAction::Delete {
            // aws dms describe-replication-tasks
            self.api_time().await;
            if !self.now_in_world().has_dms_task(&o.id) {
                return self.is_done(&format!("there is no task {} any more", o.id));
            }
        }
        let starts = !matches!(o.action, TaskAction::Stop | TaskAction::Delete);
        if again && starts {
            // aws dms describe-replication-tasks
            self.api_time().await;
            if self.now_in_world().dms_is_under_way(&o.id) {
                return self.is_done(&format!("task {} is running", o.id));
            }
        }
        let at = match &o.at {
            Some(name) => Some(self.position_noted(name)?),
            None => None,
        };
        self.call(|world| world.dms_task(&o.id, o.action, at))
            .await?;
        if starts {
            let start = self.plan.environment.dms.start;
            self.sleep(start).await;
        }
        Ok(())
    }

    /// Looks once at a task.
    pub(super) fn dms_holds(&self, o: &DmsCondition) -> Result<bool, Failure> {
        let mut world = self.now_in_world();
        let id = &o.task;
        let until = o.kind().map_err(|e| Failure::Final(e.to_string()))?;
        let holds = match until {
            DmsUntil::Loaded => world.dms_is_loaded(id),
            DmsUntil::Stopped => world.dms_has_stopped(id),
            DmsUntil::Latency(most) => world.dms_latency_is_within(id, most),
            DmsUntil::CaughtUp(most) => match world.dms_has_stopped(id) {
                Ok(false) => world.dms_latency_is_within(id, most),
                Ok(true) => Ok(false),
                Err(failed) => Err(failed),
            },
            DmsUntil::Checkpoint(name) => {
                let (file, pos) = self.position_noted(name)?;
                world
                    .dms_checkpoint(id)
                    .map(|at| at.is_some_and(|at| at >= (file, pos)))
            }
            DmsUntil::Validated | DmsUntil::NothingMismatched => {
                let report = world.dms_validation(id).map_err(Failure::Final)?;
                if report.mismatched > 0 {
                    return Err(Failure::Final(format!(
                        "validation: {} rows do not match",
                        report.mismatched
                    )));
                }
                let open = report.pending + report.suspended;
                Ok(open == 0 || until == DmsUntil::NothingMismatched)
            }
        };
        holds.map_err(Failure::Final)
    }
}
