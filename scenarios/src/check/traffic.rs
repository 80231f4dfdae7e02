//! Bounds of the clock, the workload and the expectations.

use super::{Problem, keys, within};
use crate::document::Part;
use cutover_sim::{
    outcome::Verdict,
    plan::{Clock, Expect},
    properties::CATALOGUE,
    units::Micros,
    workload_spec::{Kind, Transaction, Workload},
};

/// 2038-01-19T03:14:07Z: the last second of MySQL's TIMESTAMP.
const LAST_SECOND_US: u64 = 2_147_483_647_000_000;

/// A run keeps about a hundred bytes for each, and the binlog.
const MOST_TRANSACTIONS: f64 = 1e10;

/// A plan is a file that people read.
const MOST_WRITTEN: usize = 1_000_000;

/// Checks a clock.
pub(crate) fn clock(clock: &Clock) -> Result<(), Problem> {
    within(
        &["limit"],
        clock.limit,
        Micros::secs(1)..=Micros::hours(400 * 24),
        "a run must have some time, and an end",
    )?;
    if clock.runbook_after > clock.limit {
        return Err(Problem::new(
            keys(&["runbook_after"]),
            format!(
                "the runbook would start after {}, when the run has ended (`limit` is {})",
                clock.runbook_after, clock.limit
            ),
            "start the runbook earlier, or raise `clock.limit`",
        )
        .with(&["clock", "limit"]));
    }
    // Hours before the start there may be binlog files; they too need a time.
    let first = 86_400_000_000 * 30;
    if clock.start.0 < first || clock.start.0.saturating_add(clock.limit.0) > LAST_SECOND_US {
        return Err(Problem::new(
            keys(&["start"]),
            "the run's calendar must lie between 1970-02-01 and 2038-01-19, where MySQL's TIMESTAMP ends",
            "write a moment like \"2026-03-02T09:58:00Z\"",
        ));
    }
    Ok(())
}

/// Checks a workload. `privileged` is `clients.privileged`.
pub(crate) fn workload(workload: &Workload, privileged: u32, limit: Micros) -> Result<(), Problem> {
    within(
        &["existing_rows"],
        workload.existing_rows,
        0..=1_000_000_000_000,
        "numbers of lines and customers follow from it",
    )?;
    within(
        &["clients"],
        workload.clients,
        1..=10_000,
        "somebody must write, and each has a pooled connection",
    )?;
    if privileged > workload.clients {
        return Err(Problem::new(
            keys(&["clients"]),
            format!(
                "{privileged} clients are privileged (`clients.privileged`), but there are only {}",
                workload.clients
            ),
            "raise `workload.clients` or lower `clients.privileged`",
        )
        .with(&["clients", "privileged"]));
    }
    rate(workload.rate_per_s, limit)?;
    mix(workload)?;
    transactions(workload)?;
    if !(0.0..=1.0).contains(&workload.start_after) {
        return Err(Problem::new(
            keys(&["start_after"]),
            format!(
                "`start_after` is {}, and must be between 0 and 1: a share of the recording",
                workload.start_after
            ),
            "write a share like 0.33",
        ));
    }
    match (workload.kind, workload.paths.is_empty()) {
        (Kind::Binlog, true) => Err(Problem::new(
            keys(&["kind"]),
            "the workload is a recording, and no file is named",
            "name binlog files or a folder of them: `paths = [\"…\"]`",
        )
        .with(&["workload", "paths"])),
        (Kind::Orders, false) => Err(Problem::new(
            keys(&["paths"]),
            "binlog files are named, and the workload is `orders`, which does not read them",
            "write `kind = \"binlog\"`, or leave `paths` out",
        )
        .with(&["workload", "kind"])),
        _ => Ok(()),
    }
}

fn rate(rate_per_s: f64, limit: Micros) -> Result<(), Problem> {
    if !(rate_per_s.is_finite() && rate_per_s > 0.0 && rate_per_s <= 1e6) {
        return Err(Problem::new(
            keys(&["rate_per_s"]),
            format!(
                "`rate_per_s` is {rate_per_s:?}, and must be above 0 and at most 1000000 transactions a second"
            ),
            "write a number like 8 or 0.5",
        ));
    }
    let most = rate_per_s * (limit.0 as f64 / 1e6);
    if most > MOST_TRANSACTIONS {
        return Err(Problem::new(
            keys(&["rate_per_s"]),
            format!(
                "{rate_per_s} transactions a second until the run's limit of {limit} are {most:.0}: more than \
                 {MOST_TRANSACTIONS}, which no memory holds"
            ),
            "lower the rate, or lower `clock.limit`",
        )
        .with(&["clock", "limit"]));
    }
    Ok(())
}

fn mix(workload: &Workload) -> Result<(), Problem> {
    let weights = workload.mix.weights();
    for (name, weight) in weights {
        within(
            &["mix", name],
            weight,
            0..=1_000_000,
            "only their proportion counts",
        )?;
    }
    if workload.kind == Kind::Orders && weights.iter().all(|(_, weight)| *weight == 0) {
        return Err(Problem::new(
            keys(&["mix"]),
            "every weight is 0, so there is no transaction to choose",
            "give at least one kind of transaction a weight, like `place = 40`",
        ));
    }
    Ok(())
}

/// Checks the transactions that are written down.
fn transactions(workload: &Workload) -> Result<(), Problem> {
    let at = |rest: &[Part]| [&[Part::Key("transaction")], rest].concat();
    if workload.kind == Kind::Binlog && !workload.transactions.is_empty() {
        return Err(Problem::new(
            at(&[]),
            "transactions are written down, and the workload is a recording, which has its own",
            "write `kind = \"orders\"`, or leave the transactions out",
        )
        .with(&["workload", "kind"]));
    }
    if workload.transactions.len() > MOST_WRITTEN {
        return Err(Problem::new(
            at(&[]),
            format!(
                "{} transactions; at most {MOST_WRITTEN} may be written down",
                workload.transactions.len()
            ),
            "let the clients draw them: `clients`, `rate_per_s` and `mix`",
        ));
    }
    let nobody = |(_, t): &(usize, &Transaction)| t.client >= workload.clients;
    match workload.transactions.iter().enumerate().find(nobody) {
        None => Ok(()),
        Some((index, transaction)) => Err(Problem::new(
            at(&[Part::Index(index), Part::Key("client")]),
            format!(
                "client {} does this, and there are {} (`workload.clients`), counted from 0",
                transaction.client, workload.clients
            ),
            "raise `workload.clients`, or let another client do it",
        )
        .with(&["workload", "clients"])),
    }
}

/// Checks the expectations.
pub(crate) fn expect(expect: &Expect) -> Result<(), Problem> {
    for (index, id) in expect.violates.iter().enumerate() {
        if CATALOGUE.iter().all(|property| property.id != id) {
            return Err(Problem::new(
                vec![Part::Key("violates"), Part::Index(index)],
                format!("`{}` is not a property", crate::serde_message::clip(id)),
                format!(
                    "write P1 to P{}; `cutover list properties` says what they are",
                    CATALOGUE.len()
                ),
            ));
        }
    }
    match expect.verdict {
        Some(Verdict::Violated) | None => Ok(()),
        Some(_) if expect.violates.is_empty() => Ok(()),
        Some(_) => Err(Problem::new(
            keys(&["verdict"]),
            "properties are expected to be violated, and the verdict to be another than `violated`",
            "write `verdict = \"violated\"`, or leave one of the two out",
        )
        .with(&["expect", "violates"])),
    }
}
