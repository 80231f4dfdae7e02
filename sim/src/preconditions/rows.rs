//! How long it takes to go through the rows of tables, to change them or to compare them: those that exist before the run, of
//! the shop; of a recording's tables nothing is known.

use super::scene::{Scene, Timed};
use crate::{
    runbook::{Dialect, Host, Migrates, Op, TaskAction},
    workload::orders::SCHEMA_NAME,
    world::{altered_by_fault, leave_out_constraints, tables_before},
};
use cutover_model::{
    database::Database,
    ddl::{Context, Effort, effort_of_text, effort_to_complete},
    server::Version,
    table::Table,
};

impl Scene<'_> {
    /// What a statement takes on a host whose tables are as those of the source were before the run.
    pub fn effort(&self, on: Host, sql: &str) -> Effort {
        let Some(shop) = tables_before(self.plan) else {
            return Effort::NONE;
        };
        let source = self.version_of(Host::Source);
        let context = Context::new(SCHEMA_NAME, source);
        effort_of_text(&shop, sql, &context, self.version_of(on))
    }

    fn version_of(&self, host: Host) -> Version {
        Dialect::of(host, &self.plan.environment).compatible_version()
    }

    /// How long the operator's statement goes through rows on a host, at the least, in µs.
    pub(super) fn alters_for(&self, on: Host, sql: &str) -> u64 {
        let restores = |op: &Op<'_>| {
            matches!(
                op,
                Op::RestoreSnapshot(_) | Op::MigrateLatestSnapshot | Op::CreateAuroraReplica
            )
        };
        let filled = on == Host::Source || self.first(restores).is_some();
        match filled && self.keeps_its_rows() {
            true => {
                let row_us = self.plan.environment.alter_row(on).0;
                self.effort(on, sql).us(row_us)
            }
            false => 0,
        }
    }

    /// The change of a table that the target's applier is held up by the longest, in words, and for how long in µs: one that
    /// the operator types on the source while the target follows, or one that a fault brings.
    pub(super) fn holds_applier_up(&self) -> Option<(String, u64)> {
        let streamed = |timed: &&Timed<'_>| self.cut.is_some_and(|cut| timed.begins > cut);
        let typed = self.steps.iter().filter(streamed);
        let typed = typed.filter_map(|timed| match timed.op {
            Op::RunSql(o) if o.on == Host::Source => {
                let takes = self.alters_for(Host::Target, &o.sql);
                Some((format!("\"{}\"", timed.step.say), takes))
            }
            _ => None,
        });
        let faults = self.plan.faults.iter().filter_map(|fault| {
            let sql = altered_by_fault(fault.ddl?.add);
            let takes = self.alters_for(Host::Target, sql);
            Some((format!("the scenario's `{sql}`"), takes))
        });
        typed.chain(faults).max_by_key(|(_, takes)| *takes)
    }

    /// How much longer it takes at the least, from a moment on, until the target has applied what was noted under a name: the
    /// change of a table that the operator had typed on the source before goes through the target's rows as well, from its
    /// commit on.
    pub(super) fn altered_in(&self, name: &str, at: u64) -> u64 {
        let replicates = self.first(|op| matches!(op, Op::StartReplication(Host::Target)));
        let replicates = replicates.or_else(|| self.first(|op| *op == Op::CreateAuroraReplica));
        let Some((begun, (noted, _))) = replicates.zip(self.notes(name)) else {
            return 0;
        };
        let typed = self.steps[..noted.number].iter();
        // What was committed before the cut is in the snapshot.
        let streamed = typed.filter(|timed| self.cut.is_some_and(|cut| timed.begins > cut));
        let ends = streamed.map(|timed| match timed.op {
            Op::RunSql(o) if o.on == Host::Source => {
                let takes = self.alters_for(Host::Target, &o.sql);
                timed.ends.max(begun.ends) + takes
            }
            _ => 0,
        });
        ends.max().unwrap_or(0).saturating_sub(at)
    }

    /// How long `add_constraints` goes through the rows of what was loaded, at the least, in µs.
    pub(super) fn constraints_take(&self) -> u64 {
        let lacks = |op: &Op<'_>| matches!(op, Op::CreateSchema(o) if o.without_constraints);
        if self.first(lacks).is_none() || !self.keeps_its_rows() {
            return 0;
        }
        let Some(shop) = tables_before(self.plan) else {
            return 0;
        };
        let row_us = self.plan.environment.alter_row(Host::Target).0;
        let version = self.version_of(Host::Target);
        let efforts = self.loaded(&shop).map(|table| {
            let mut made = (**table.def()).clone();
            leave_out_constraints(&mut made);
            effort_to_complete(&made, table.def(), table.len(), version).us(row_us)
        });
        efforts.sum()
    }

    /// How much longer it takes at the least, from a moment on, until a DMS task has compared every row, in µs: it begins when
    /// its tables are loaded.
    pub(super) fn validated_in(&self, id: &str, at: u64) -> u64 {
        let starts = |op: &Op<'_>| matches!(op, Op::DmsTask(o) if o.id == id && o.action == TaskAction::Start);
        let of_id = |op: &Op<'_>| matches!(op, Op::CreateDmsTask(o) if o.id == id);
        let made = self.first(of_id).map(|timed| timed.op);
        let (Some(started), Some(Op::CreateDmsTask(task))) = (self.first(starts), made) else {
            return 0;
        };
        let Some(shop) = tables_before(self.plan).filter(|_| self.keeps_its_rows()) else {
            return 0;
        };
        let loads = task.migrates != Migrates::Cdc && task.tables.is_empty();
        let loaded = match loads {
            true => started.begins + self.load_takes(),
            false => started.begins,
        };
        let tables = shop.tables().map(|(_, table)| table);
        let compared = tables.filter(|table| {
            let name = table.def().full_name();
            let mapped = task.tables.is_empty() || task.tables.contains(&name);
            mapped && table.def().primary.is_some()
        });
        let rows: u64 = compared.map(Table::len).sum();
        let rate = self.plan.environment.dms.validate_rate.max(1);
        let us = u128::from(rows) * 1_000_000 / u128::from(rate);
        let us = u64::try_from(us).unwrap_or(u64::MAX >> 20);
        (loaded + us).saturating_sub(at)
    }

    /// The tables that some DMS task is to load by now.
    fn loaded<'t>(&self, shop: &'t Database) -> impl Iterator<Item = &'t Table> {
        let tasks = self.steps.iter().filter_map(|timed| match timed.op {
            Op::CreateDmsTask(o) if o.migrates != Migrates::Cdc => Some(o),
            _ => None,
        });
        let tasks: Vec<_> = tasks.collect();
        shop.tables().map(|(_, table)| table).filter(move |table| {
            let name = table.def().full_name();
            let mut tasks = tasks.iter();
            tasks.any(|task| task.tables.is_empty() || task.tables.contains(&name))
        })
    }

    /// Whether orders are not deleted faster than they come: as many rows as there were before are there later.
    fn keeps_its_rows(&self) -> bool {
        let mix = &self.plan.workload.mix;
        let written_down = !self.plan.workload.transactions.is_empty();
        !written_down && mix.cancel <= mix.place + mix.draft
    }
}
