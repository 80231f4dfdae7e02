//! Drafts, amendments and cancellations: a workload of one row a transaction, in one table.

use cutover::{
    model::binlog::{
        decode::{RowsEvent, TableMap},
        event::EventType,
        group::Groups,
    },
    scenarios::load_scenario,
    sim::{
        outcome::{Finding, Verdict},
        plan::Plan,
        run::{Run, run},
    },
};
use std::collections::{BTreeMap, BTreeSet};

const ONE_ROW: &str =
    "workload.mix={draft=60,amend=35,cancel=5,place=0,pay=0,transfer=0,read=0,rollback=0}";

fn plan(strategy: &str, more: &[&str]) -> Plan {
    let strategy = format!("strategy={strategy}");
    let mut sets = vec![strategy, ONE_ROW.into(), "workload.rate_per_s=100".into()];
    sets.extend(more.iter().map(ToString::to_string));
    load_scenario("orders-small", &sets)
        .expect("a valid scenario")
        .plan(3, None)
}

fn rehearse(plan: &Plan) -> Run {
    run(plan, None).expect("a plan that can be run")
}

/// What the transactions in the source's binlog changed: the tables, and how many of them had so many rows of
/// so many kinds.
fn rows_of_transactions(run: &Run) -> (BTreeSet<String>, BTreeMap<Vec<EventType>, usize>) {
    let (mut tables, mut sorts) = (BTreeSet::new(), BTreeMap::new());
    for (_, bytes) in run.binlog_files() {
        let mut columns = BTreeMap::new();
        for group in Groups::of_file(&bytes).expect("a binlog file") {
            let mut rows = Vec::new();
            for frame in group.expect("a whole group").events() {
                let event_type = frame.header.event_type;
                match event_type {
                    EventType::TABLE_MAP => {
                        let map = TableMap::decode(frame.body).expect("a TABLE_MAP");
                        tables.insert(String::from_utf8_lossy(map.table).into_owned());
                        columns.insert(map.table_id, map.columns().expect("its columns"));
                    }
                    EventType::WRITE_ROWS | EventType::UPDATE_ROWS | EventType::DELETE_ROWS => {
                        let event = RowsEvent::decode(event_type, frame.body).expect("rows");
                        let count = event.rows(&columns[&event.table_id]).count();
                        rows.extend(std::iter::repeat_n(event_type, count));
                    }
                    _ => {}
                }
            }
            *sorts.entry(rows).or_default() += 1;
        }
    }
    (tables, sorts)
}

#[test]
fn each_transaction_has_one_row_in_one_table_and_a_sound_strategy_loses_none() {
    let run = rehearse(&plan("snapshot-binlog-gtid", &[]));
    assert_eq!(
        run.outcome.verdict,
        Verdict::Safe,
        "{:?}",
        run.outcome.properties
    );
    let (tables, mut sorts) = rows_of_transactions(&run);
    assert_eq!(tables, BTreeSet::from(["orders".to_string()]));
    assert!(sorts.remove(&Vec::new()).is_some(), "RDS's heartbeats");
    let kinds = [
        EventType::WRITE_ROWS,
        EventType::UPDATE_ROWS,
        EventType::DELETE_ROWS,
    ];
    assert_eq!(
        sorts.keys().cloned().collect::<BTreeSet<_>>(),
        kinds.map(|kind| vec![kind]).into_iter().collect(),
        "one row, of any kind"
    );
    let of = |kind: EventType| sorts[&vec![kind]];
    let [written, updated, deleted] = kinds.map(of);
    assert!(written > updated && updated > deleted, "{sorts:?}");
    assert!(written > 1_000, "{sorts:?}");
}

#[test]
fn drafts_that_a_snapshot_alone_loses_are_named() {
    let outcome = rehearse(&plan("snapshot-only", &[])).outcome;
    assert_eq!(outcome.verdict, Verdict::Violated);
    assert!(outcome.lost_writes > 1_000);
    let Finding::Violated { .. } = outcome.properties[0].finding else {
        panic!("{:?}", outcome.properties[0]);
    };
    let named = |what: &str| outcome.explanations.iter().any(|e| e.what.contains(what));
    assert!(named("drafted by client"), "{:?}", outcome.explanations);
    assert!(
        named("the new total of order"),
        "{:?}",
        outcome.explanations
    );
}

#[test]
fn drafts_wait_for_the_first_order_and_amendments_do_not() {
    let late = [
        "workload.first_order_after=2h",
        "workload.existing_rows=1_000_000",
    ];
    let run = rehearse(&plan("snapshot-binlog-gtid", &late));
    let (_, sorts) = rows_of_transactions(&run);
    assert!(
        !sorts.contains_key(&vec![EventType::WRITE_ROWS]),
        "{sorts:?}"
    );
    assert!(sorts[&vec![EventType::UPDATE_ROWS]] > 1_000, "{sorts:?}");
}

#[test]
fn a_plan_without_them_does_not_name_them_and_one_with_them_comes_back_whole() {
    let text = |plan: &Plan| toml::to_string(plan).expect("a plan is TOML");
    let shop = load_scenario("orders-small", &[])
        .expect("built in")
        .plan(3, None);
    assert!(!text(&shop).contains("draft"));
    let one_row = plan("snapshot-binlog-gtid", &[]);
    let again: Plan = toml::from_str(&text(&one_row)).expect("what was written");
    assert_eq!(again, one_row);
    assert_eq!(
        (again.workload.mix.draft, again.workload.mix.amend),
        (60, 35)
    );
}

#[test]
fn a_finished_run_judged_again_comes_to_the_same() {
    for strategy in ["snapshot-binlog-gtid", "snapshot-only"] {
        let plan = plan(strategy, &[]);
        let mut run = rehearse(&plan);
        let again = run.judge(&plan);
        assert_eq!(format!("{again:?}"), format!("{:?}", run.outcome));
    }
}
