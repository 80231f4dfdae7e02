//! Clients whose statements commit by themselves.

use cutover::{
    scenarios::load_scenario,
    sim::{
        outcome::Verdict,
        plan::Plan,
        probes::Probe,
        run::{Run, run},
    },
};

const BOTH: &str =
    "workload.mix={place=20,transfer=20,draft=30,amend=20,cancel=5,pay=5,read=0,rollback=0}";
const AUTOCOMMIT: &str = "clients.autocommit=true";
/// Of both links between the application and its database: 300 µs and up to 200 µs more, there and back.
const ROUND_TRIP_US: u64 = 600;

fn plan(sets: &[&str]) -> Plan {
    let quick = ["strategy=snapshot-binlog-gtid", BOTH];
    let sets: Vec<String> = quick.iter().chain(sets).map(ToString::to_string).collect();
    load_scenario("orders-small", &sets)
        .expect("a valid scenario")
        .plan(5, None)
}

fn rehearse(sets: &[&str]) -> Run {
    run(&plan(sets), None).expect("a plan that can be run")
}

/// What follows a name in a line of a trace.
fn field<'t>(line: &'t str, name: &str) -> &'t str {
    let (_, rest) = line.split_once(&format!(" {name}: ")).expect(name);
    rest.split([',', ' ']).next().unwrap_or(rest)
}

fn number(line: &str, name: &str) -> u64 {
    field(line, name).parse().expect(name)
}

/// The median time of the acknowledged operations of some kinds, in µs.
fn median_us(run: &Run, kinds: &[&str]) -> u64 {
    let trace = run.trace();
    let of_kinds = trace.lines().filter(|line| {
        line.starts_with("operation")
            && field(line, "told") == "Ok"
            && kinds.contains(&field(line, "kind"))
    });
    let mut times: Vec<u64> = of_kinds
        .map(|line| number(line, "returned") - number(line, "invoked"))
        .collect();
    assert!(times.len() > 100, "{}", times.len());
    times.sort_unstable();
    times[times.len() / 2]
}

/// How many operations were told this before the source became read-only.
fn told(run: &Run, told: &str) -> usize {
    let trace = run.trace();
    let marks = trace.lines().find(|line| line.starts_with("marks"));
    let fence = field(marks.expect("marks"), "source_read_only");
    let fence: u64 = fence
        .trim_start_matches("Some(")
        .trim_end_matches(')')
        .parse()
        .expect("a fence");
    let operations = trace.lines().filter(|line| line.starts_with("operation"));
    let before = operations.filter(|line| number(line, "returned") < fence);
    before.filter(|line| field(line, "told") == told).count()
}

#[test]
fn one_statement_takes_a_round_trip_less_and_several_take_as_long_as_ever() {
    let (with, without) = (rehearse(&[AUTOCOMMIT]), rehearse(&[]));
    for run in [&with, &without] {
        assert_eq!(run.outcome.verdict, Verdict::Safe);
    }
    let single = ["Draft", "Amend", "Pay", "Cancel"];
    let gained = median_us(&without, &single) - median_us(&with, &single);
    assert!(
        (ROUND_TRIP_US..=2 * ROUND_TRIP_US).contains(&gained),
        "{gained}"
    );
    for several in ["Place", "Transfer"] {
        let times = [&without, &with].map(|run| median_us(run, &[several]));
        assert!(
            times[0].abs_diff(times[1]) < ROUND_TRIP_US / 4,
            "{several}: {times:?}"
        );
    }
}

#[test]
fn a_side_table_makes_it_several_statements() {
    let side = r#"workload.table=[{name="notes"}]"#;
    let (with, without) = (rehearse(&[AUTOCOMMIT, side]), rehearse(&[side]));
    let times = [&without, &with].map(|run| median_us(run, &["Draft"]));
    assert!(times[0].abs_diff(times[1]) < ROUND_TRIP_US / 4, "{times:?}");
    // A cancellation goes to the side table by no statement of its own.
    let times = [&without, &with].map(|run| median_us(run, &["Cancel"]));
    assert!(times[0] > times[1] + ROUND_TRIP_US / 2, "{times:?}");
}

/// Whoever has sent such a statement has sent its COMMIT: there is no time in which a lost connection says that nothing
/// was committed.
#[test]
fn a_connection_that_breaks_leaves_the_outcome_of_one_statement_unknown() {
    let resets = [
        "network.clients_source.reset_every=700ms",
        "network.clients_target.reset_every=700ms",
        "workload.rate_per_s=200",
        "workload.mix={draft=60,amend=40,place=0,pay=0,transfer=0,cancel=0,read=0,rollback=0}",
    ];
    // A refusal by the fence is an answer: these came before it.
    let without = rehearse(&resets);
    assert!(told(&without, "Fail") > 10, "between statement and COMMIT");
    let with = rehearse(&[&resets[..], &[AUTOCOMMIT]].concat());
    assert_eq!(told(&with, "Fail"), 0);
    assert!(told(&with, "Info") > 10);
    for run in [&with, &without] {
        assert_eq!(run.outcome.verdict, Verdict::Safe);
    }
}

#[test]
fn a_sweep_does_not_ask_for_commits_that_are_refused_where_there_are_none() {
    let one_row =
        "workload.mix={draft=60,amend=40,place=0,pay=0,transfer=0,cancel=0,read=0,rollback=0}";
    let side = r#"workload.table=[{name="notes"}]"#;
    let probes = [Probe::CommitRefusedByFence, Probe::OpenAtFence];
    let asked = |sets: &[&str]| probes.map(|probe| probe.is_reachable(&plan(sets), &[]));
    assert_eq!(asked(&[one_row, AUTOCOMMIT]), [false; 2]);
    assert_eq!(asked(&[one_row]), [true; 2]);
    assert_eq!(asked(&[AUTOCOMMIT]), [true; 2], "some have two statements");
    assert_eq!(asked(&[one_row, AUTOCOMMIT, side]), [true; 2]);
    let transactions = |does: &str| format!("workload.transaction=[{{at=\"1s\",does=\"{does}\"}}]");
    assert_eq!(asked(&[&transactions("draft"), AUTOCOMMIT]), [false; 2]);
    assert_eq!(asked(&[&transactions("transfer"), AUTOCOMMIT]), [true; 2]);
}
