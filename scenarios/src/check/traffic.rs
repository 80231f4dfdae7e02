//! Bounds of the clock, the workload and the expectations.

use super::{Problem, keys, within};
use crate::document::Part;
use cutover_sim::{
    outcome::Verdict,
    plan::{Clock, Expect},
    properties::CATALOGUE,
    units::{Bytes, LONGEST_US, Micros},
    workload::orders::TABLES,
    workload_spec::{Engine, EventSpec, Kind, SideTable, Transaction, Workload, is_of_utf8mb4},
    world::{refused_event, unreadable_event, writes_to_shop},
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
        0..=80_000_000_000,
        "numbers of lines and customers follow from it, and a customer's id is an INT UNSIGNED",
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
    within(
        &["max_binlogs"],
        workload.max_binlogs,
        Bytes(1 << 20)..=Bytes(1 << 40),
        "a run keeps them in memory",
    )?;
    rate(workload.rate_per_s, limit)?;
    by_hour(&workload.rate_by_hour)?;
    mix(workload)?;
    tables(workload)?;
    events(workload)?;
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
    of_its_kind(workload)
}

/// What only one kind of workload reads must not stand beside the other.
fn of_its_kind(workload: &Workload) -> Result<(), Problem> {
    let orders = workload.kind == Kind::Orders;
    for (key, is_said) in [
        ("schema", workload.schema.is_some()),
        ("stretch", workload.stretch),
    ] {
        if orders && is_said {
            return Err(Problem::new(
                keys(&[key]),
                format!("`{key}` is for a recording, and the workload is `orders`, which does not look at it"),
                format!("write `kind = \"binlog\"` and name the files, or leave `{key}` out"),
            )
            .with(&["workload", "kind"]));
        }
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

/// A rate over the day: 24 numbers, not all of them 0.
fn by_hour(rates: &[f64]) -> Result<(), Problem> {
    let path = || keys(&["rate_by_hour"]);
    if rates.is_empty() {
        return Ok(());
    }
    if rates.len() != 24 {
        return Err(Problem::new(
            path(),
            format!(
                "`rate_by_hour` has {} numbers, and a day has 24 hours",
                rates.len()
            ),
            "write what `rate_per_s` is multiplied by from 0:00, from 1:00 … to 23:00 (UTC)",
        ));
    }
    if let Some(index) = rates.iter().position(|r| !(0.0..=1_000.0).contains(r)) {
        return Err(Problem::new(
            [path(), vec![Part::Index(index)]].concat(),
            format!(
                "{:?} is not between 0 and 1000: it is what `rate_per_s` is multiplied by",
                rates[index]
            ),
            "write a number like 0.2 or 3",
        ));
    }
    if rates.iter().all(|r| *r < 0.001) {
        return Err(Problem::new(
            path(),
            "nobody writes at any hour of the day",
            "give some hour a rate of 0.001 or more",
        ));
    }
    Ok(())
}

/// A LONGBLOB of each row is kept in memory.
const LARGEST_LOB: Bytes = Bytes(16 << 20);
/// Each is written in every transaction.
const MOST_TABLES: usize = 50;

/// Checks the tables beside the shop's.
fn tables(workload: &Workload) -> Result<(), Problem> {
    let tables = &workload.tables;
    if workload.kind == Kind::Binlog && !tables.is_empty() {
        return Err(Problem::new(
            keys(&["table"]),
            "tables are declared, and the workload is a recording, which has its own",
            "write `kind = \"orders\"`, or leave the tables out",
        )
        .with(&["workload", "kind"]));
    }
    if tables.len() > MOST_TABLES {
        return Err(Problem::new(
            keys(&["table"]),
            format!("{} tables; at most {MOST_TABLES} are allowed", tables.len()),
            "describe those whose traits matter",
        ));
    }
    for (index, table) in tables.iter().enumerate() {
        let at = |mut problem: Problem| {
            let place = [Part::Key("table"), Part::Index(index)];
            problem.path.splice(0..0, place);
            problem
        };
        side_table(table).map_err(at)?;
        if tables[..index].iter().any(|other| other.name == table.name) {
            return Err(at(Problem::new(
                keys(&["name"]),
                format!("a second table `{}`", table.name),
                "give it another name",
            )));
        }
    }
    Ok(())
}

/// Whether a name needs no quotes, and will not be one of MySQL's own.
fn is_plain(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=40).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(fits)
}

/// Each looks its rows up whenever it is run.
const MOST_EVENTS: usize = 50;

/// Checks the events.
fn events(workload: &Workload) -> Result<(), Problem> {
    let events = &workload.events;
    if workload.kind == Kind::Binlog && !events.is_empty() {
        return Err(Problem::new(
            keys(&["event"]),
            "events are declared, and the workload is a recording, which has what events wrote",
            "write `kind = \"orders\"`, or leave the events out",
        )
        .with(&["workload", "kind"]));
    }
    if events.len() > MOST_EVENTS {
        return Err(Problem::new(
            keys(&["event"]),
            format!("{} events; at most {MOST_EVENTS} are allowed", events.len()),
            "describe those that write most",
        ));
    }
    let taken = workload.tables.iter().position(|t| t.name == "job_runs");
    if let Some(table) = taken.filter(|_| !events.is_empty()) {
        let place = [Part::Key("table"), Part::Index(table), Part::Key("name")];
        return Err(Problem::new(
            place.to_vec(),
            "a shop with events has a table `job_runs` already",
            "give this one another name",
        ));
    }
    for (index, spec) in events.iter().enumerate() {
        let at = |mut problem: Problem| {
            let place = [Part::Key("event"), Part::Index(index)];
            problem.path.splice(0..0, place);
            problem
        };
        event(spec).map_err(at)?;
        if events[..index].iter().any(|other| other.name == spec.name) {
            return Err(at(Problem::new(
                keys(&["name"]),
                format!("a second event `{}`", spec.name),
                "give it another name",
            )));
        }
    }
    // Tables that cannot be made are told of where they stand.
    match refused_event(workload) {
        Ok(Some((index, why))) => Err(Problem::new(
            vec![Part::Key("event"), Part::Index(index), Part::Key("sql")],
            format!("the event cannot be carried out: {why}"),
            "write to `job_runs` (id, job, ran_at, runs), which a shop with events has, or to a table of [[workload.table]]",
        )),
        _ => Ok(()),
    }
}

fn event(event: &EventSpec) -> Result<(), Problem> {
    if !is_plain(&event.name) {
        return Err(Problem::new(
            keys(&["name"]),
            "an event's name has 1 to 40 small letters, digits or `_`, a letter first",
            "write a name like \"expire_drafts\"",
        ));
    }
    within(
        &["every"],
        event.every,
        Micros::secs(1)..=Micros(LONGEST_US),
        "MySQL's shortest period is a second",
    )?;
    if !event.every.0.is_multiple_of(1_000_000) {
        return Err(Problem::new(
            keys(&["every"]),
            format!("`every` is {}, and MySQL counts whole seconds", event.every),
            "write a duration like \"30s\" or \"1h\"",
        ));
    }
    let sql = event.statement();
    if let Some(table) = writes_to_shop(&sql) {
        return Err(Problem::new(
            keys(&["sql"]),
            format!(
                "the event writes to `{table}`, where the checks know what each client was told of each row"
            ),
            "write to `job_runs` (id, job, ran_at, runs), which a shop with events has, or to a table of [[workload.table]]",
        ));
    }
    match unreadable_event(&sql) {
        None => Ok(()),
        Some(why) => Err(Problem::new(
            keys(&["sql"]),
            format!("no modelled server carries this statement out: {why}"),
            "write one INSERT … VALUES, or UPDATE or DELETE with `column = value` conditions joined by AND",
        )),
    }
}

fn side_table(table: &SideTable) -> Result<(), Problem> {
    let name = &table.name;
    if !is_plain(name) || TABLES.contains(&name.as_str()) {
        return Err(Problem::new(
            keys(&["name"]),
            "a table's name has 1 to 40 small letters, digits or `_`, a letter first, and is not one of the shop's \
             own (customers, orders, order_lines)",
            "write a name like \"audit_log\"",
        ));
    }
    within(
        &["lob"],
        table.lob,
        Bytes(0)..=LARGEST_LOB,
        "a run keeps the bytes of every row that is written",
    )?;
    if table.foreign_key && table.engine == Engine::Myisam {
        return Err(Problem::new(
            keys(&["foreign_key"]),
            "MyISAM has no foreign keys",
            "leave `foreign_key` out, or write `engine = \"innodb\"`",
        ));
    }
    let Some(collation) = &table.collation else {
        return Ok(());
    };
    if table.trigger {
        return Err(Problem::new(
            keys(&["collation"]),
            "the text differs from order to order, and the modelled trigger writes the same for all",
            "leave `trigger` or `collation` out",
        ));
    }
    if is_of_utf8mb4(collation) {
        return Ok(());
    }
    Err(Problem::new(
        keys(&["collation"]),
        "MySQL has no such collation of utf8mb4",
        "write a name like \"utf8mb4_bin\" or \"utf8mb4_0900_ai_ci\"",
    ))
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
