//! DMS tasks: what one is created with, whether there is one of a name, and the position that one is started at.

use super::{Before, Problem, join, keys};
use cutover_sim::runbook::{CreateDmsTask, DmsTask, Host, Migrates, Policy, TaskAction};

/// Tasks of one replication instance.
const MOST_TASKS: usize = 100;

impl<'a> Before<'a> {
    pub(super) fn create_dms_task(&mut self, o: &'a CreateDmsTask) -> Result<(), Problem> {
        let op = "create_dms_task";
        self.needs_host(Host::Target, op)?;
        let named = (1..=64).contains(&o.id.len()) && o.id.is_ascii();
        if !named || self.tasks.insert(&o.id, false).is_some() {
            return Err(Problem::new(
                keys(&[op, "id"]),
                "a task has a name of its own, of 1 to 64 characters",
                "write a name like `id = \"move\"`",
            ));
        }
        if o.migrates == Migrates::Cdc {
            self.captures_only.insert(&o.id);
        }
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

    /// Whether the task was started.
    pub(super) fn task(&self, id: &str, path: &[&'static str]) -> Result<bool, Problem> {
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
        if o.action != TaskAction::Start || !self.captures_only.contains(o.id.as_str()) {
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
