//! Is every table that the source writes to applied on the target?

use super::{Look, scene::Scene, tables::tables};
use crate::{workload::orders::TABLES, workload_spec::Kind};

/// Filters leave out rows and statements that count as applied: no position, no GTID set and no lag shows it.
pub(super) fn filters(scene: &Scene<'_>) -> Option<Look> {
    scene.replicates()?;
    let replicate = &scene.plan.environment.target.replicate;
    if replicate.is_empty() {
        return None;
    }
    let rules = replicate.rules();
    let statement = "SELECT * FROM performance_schema.replication_applier_filters;  -- on the target; and the cluster \
                     parameter group's replicate-… are to be empty";
    let of_shop = |name: &str| !rules.takes_rows("shop", name);
    let sides = tables(
        scene,
        |side| of_shop(&side.name),
        |def| !rules.takes_rows(&def.schema, &def.name),
    );
    let sides = match sides {
        Ok(names) => names,
        Err(unseen) => return unseen.look(statement),
    };
    let orders = scene.plan.workload.kind == Kind::Orders;
    let shop = TABLES
        .iter()
        .copied()
        .filter(|name| orders && of_shop(name));
    let left_out: Vec<&str> = shop
        .chain(sides.split(", ").filter(|name| !name.is_empty()))
        .collect();
    if left_out.is_empty() {
        let reason = "the replication filters leave out no table of these; statements are judged by their default schema, \
                      whatever they change";
        return match replicate.do_db.is_empty() && replicate.ignore_db.is_empty() {
            true => Look::pass(
                "the replication filters leave out no table of these",
                statement,
            ),
            false => Look::warn(reason, statement),
        };
    }
    let reason = format!(
        "replication filters leave out {}: the changes count as applied, and are not there",
        left_out.join(", ")
    );
    Look::fail(reason, statement)
}
