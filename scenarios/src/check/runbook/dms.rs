//! DMS tasks: what one is created with, whether there is one of a name, and the position that one is started at.

use super::{Before, Problem, Task, is_identifier, join, keys};
use cutover_sim::runbook::{CreateDmsTask, DmsTask, Host, Migrates, Policy, TaskAction};

/// Tasks of one replication instance.
const MOST_TASKS: usize = 100;

impl<'a> Before<'a> {
    pub(super) fn create_dms_task(&mut self, o: &'a CreateDmsTask) -> Result<(), Problem> {
        let op = "create_dms_task";
        self.needs_host(Host::Target, op)?;
        let task = Task {
            started: false,
            captures_only: o.migrates == Migrates::Cdc,
        };
        if !is_identifier(&o.id) {
            return Err(Problem::new(
                keys(&[op, "id"]),
                "DMS does not take this identifier",
                "write letters, digits and single hyphens, a letter first, like `id = \"move\"`",
            ));
        }
        if self.tasks.insert(&o.id, task).is_some() {
            return Err(Problem::new(
                keys(&[op, "id"]),
                format!("there is a task `{}` already", o.id),
                "give this one another name",
            ));
        }
        self.were_tasks.insert(&o.id, task);
        if self.tasks.len() > MOST_TASKS {
            return Err(Problem::new(
                keys(&[op]),
                format!("more than {MOST_TASKS} DMS tasks"),
                "an account has room for no more: put tables together",
            ));
        }
        let tables = o.tables.iter().find(|name| name.split('.').count() != 2);
        if let Some(table) = tables {
            let table = crate::serde_message::clip(table);
            return Err(Problem::new(
                keys(&[op, "tables"]),
                format!("`{table}` is not a table's full name"),
                "write `schema.table`, or leave `tables` out for all of them",
            ));
        }
        let upserts = [
            ("delete_errors", o.delete_errors),
            ("data_errors", o.data_errors),
        ];
        let upsert = upserts
            .into_iter()
            .find(|(_, p)| *p == Policy::UpdateRecord);
        if let Some((key, _)) = upsert {
            return Err(Problem::new(
                keys(&[op, key]),
                "`update-record` is a policy for INSERT and UPDATE alone",
                "choose another policy, like `stop-task`",
            ));
        }
        match o.load_tables_at_once {
            Some(0 | 50..) => Err(Problem::new(
                keys(&[op, "load_tables_at_once"]),
                "MaxFullLoadSubTasks is 1 to 49",
                "write a number like 8",
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn dms_task(&mut self, o: &'a DmsTask, aborting: bool) -> Result<(), Problem> {
        let task = self.task(&o.id, &["dms_task", "id"])?;
        if let Some(name) = &o.at {
            self.cdc_position(o, name)?;
        }
        if !task.started && o.action != TaskAction::Start {
            return Err(Problem::new(
                keys(&["dms_task", "action"]),
                format!("no earlier step starts the task `{}`", o.id),
                "start it first: `dms_task = { id = \"…\", action = \"start\" }`",
            ));
        }
        if o.action == TaskAction::Delete && !aborting {
            self.tasks.remove(o.id.as_str());
            return Ok(());
        }
        let started = Task {
            started: true,
            ..task
        };
        self.tasks.insert(&o.id, started);
        self.were_tasks.insert(&o.id, started);
        Ok(())
    }

    /// A task that there is.
    pub(super) fn task(&self, id: &str, path: &[&'static str]) -> Result<Task, Problem> {
        self.tasks.get(id).copied().ok_or_else(|| {
            let help = match join(self.tasks.keys()) {
                Some(known) => format!("created so far: {known}"),
                None => "create it in an earlier step: `create_dms_task = { id = \"…\" }`".into(),
            };
            let id = crate::serde_message::clip(id);
            Problem::new(
                keys(path),
                format!("no earlier step creates a DMS task `{id}`"),
                help,
            )
        })
    }

    /// A task that is started at a position has no load: what came before is there.
    pub(super) fn cdc_position(&self, o: &DmsTask, name: &str) -> Result<(), Problem> {
        let path = ["dms_task", "at"];
        let captures_only = self.task(&o.id, &["dms_task", "id"])?.captures_only;
        if o.action != TaskAction::Start || !captures_only {
            return Err(Problem::new(
                keys(&path),
                "only a task for changes alone is started at a position",
                "create it with `migrates = \"cdc\"` and write `action = \"start\"`, or leave `at` out",
            ));
        }
        self.position(
            name,
            &path,
            "a task starts at",
            "`source-position` or `recovery-event`",
        )
    }
}
