//! Snapshots and hosts: which of them the steps before have made, and which of the hosts replicate from another.

use super::{Before, Problem, is_identifier, join, keys};
use crate::document::Part;
use cutover_sim::runbook::Host;

impl<'a> Before<'a> {
    pub(super) fn create_snapshot(&mut self, id: &'a str) -> Result<(), Problem> {
        let path = || keys(&["create_snapshot", "id"]);
        if !is_identifier(id) {
            return Err(Problem::new(
                path(),
                "RDS does not take this identifier",
                "write letters, digits and single hyphens, a letter first, like \"migration-1\"",
            ));
        }
        if self.snapshots.insert(id) {
            return Ok(());
        }
        Err(Problem::new(
            path(),
            format!("there is a snapshot `{id}` already"),
            "give this one another identifier",
        ))
    }

    pub(super) fn known_snapshot(&self, id: &str, path: &[&'static str]) -> Result<(), Problem> {
        if self.snapshots.contains(id) {
            return Ok(());
        }
        let help = match join(&self.snapshots) {
            Some(known) => format!("taken so far: {known}"),
            None => "take it in an earlier step: `create_snapshot = { id = \"…\" }`".into(),
        };
        let id = crate::serde_message::clip(id);
        Err(Problem::new(
            keys(path),
            format!("no earlier step takes a snapshot `{id}`"),
            help,
        ))
    }

    pub(super) fn restore_snapshot(&mut self, id: &str) -> Result<(), Problem> {
        self.known_snapshot(id, &["restore_snapshot", "id"])?;
        self.restored_once(keys(&["restore_snapshot", "id"]))
    }

    pub(super) fn makes_target(&mut self, op: &'static str) -> Result<(), Problem> {
        self.restored_once(keys(&[op]))
    }

    fn restored_once(&mut self, path: Vec<Part>) -> Result<(), Problem> {
        if std::mem::replace(&mut self.restored, true) {
            return Err(Problem::new(
                path,
                "the target was restored by an earlier step",
                "a runbook has one target: leave this step out",
            ));
        }
        Ok(())
    }

    pub(super) fn promote_cluster(&mut self) -> Result<(), Problem> {
        if std::mem::replace(&mut self.managed, false) {
            self.configured.remove(&Host::Target);
            self.started.remove(&Host::Target);
            return Ok(());
        }
        Err(Problem::new(
            keys(&["promote_cluster"]),
            "the target is no Aurora read replica",
            "add a step with `create_aurora_replica = {}` before this one",
        ))
    }

    pub(super) fn configure(&mut self, on: Host) {
        self.configured.insert(on);
        self.was_configured.insert(on);
    }

    pub(super) fn start(&mut self, on: Host) {
        self.started.insert(on);
        self.was_started.insert(on);
    }

    pub(super) fn create_cluster(&mut self) -> Result<(), Problem> {
        if std::mem::replace(&mut self.restored, true) {
            return Err(Problem::new(
                keys(&["create_cluster"]),
                "there is a target already",
                "a runbook has one target: leave this step out",
            ));
        }
        Ok(())
    }

    pub(super) fn needs_host(&self, host: Host, op: &'static str) -> Result<(), Problem> {
        let (there, make) = match host {
            Host::Source => return Ok(()),
            Host::Target => (
                self.restored,
                "restore a snapshot in an earlier step: `restore_snapshot = { id = \"…\" }`",
            ),
            Host::Replica => (
                self.has_replica,
                "make it in an earlier step: `create_read_replica = {}`",
            ),
        };
        if there {
            return Ok(());
        }
        Err(Problem::new(
            keys(&[op]),
            format!("there is no {} yet", host.name()),
            make,
        ))
    }

    pub(super) fn needs_source(&self, on: Host, op: &'static str) -> Result<(), Problem> {
        if self.configured.contains(&on) {
            return Ok(());
        }
        Err(Problem::new(
            keys(&[op]),
            format!("the {} does not know a source to replicate from", on.name()),
            "add a step with `set_external_source = { … }` before this one",
        ))
    }
}
