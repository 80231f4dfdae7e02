//! What a scenario says of tables, of the day and of statements has its effect in the run.

use cutover::{
    scenarios::{load_scenario, parse_runbook},
    sim::{
        outcome::Verdict,
        run::{Run, run},
        runbook::Host,
    },
};

/// A safe run of the small shop, with orders that are drafted, amended and cancelled.
fn safe(sets: &[&str]) -> Run {
    let mix =
        "workload.mix={draft=60,amend=30,cancel=10,place=0,pay=0,transfer=0,read=0,rollback=0}";
    let sets: Vec<String> = [&[mix], sets]
        .concat()
        .iter()
        .map(ToString::to_string)
        .collect();
    let scenario = load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
    let run = run(&scenario.plan(1, None), None).expect("it can be run");
    assert_eq!(
        run.outcome.verdict,
        Verdict::Safe,
        "{:#?}",
        run.outcome.properties
    );
    run
}

/// The rows of a table that were touched, as the dump has them.
fn rows(run: &Run, host: Host, table: &str) -> Vec<String> {
    let dumps = run.dump(host);
    let dump = dumps.iter().find(|d| d.table == table).expect("the table");
    dump.jsonl.lines().skip(1).map(str::to_string).collect()
}

fn binlog_bytes(run: &Run) -> usize {
    run.binlog_files()
        .iter()
        .map(|(_, bytes)| bytes.len())
        .sum()
}

#[test]
fn a_trigger_writes_each_row_once_on_the_source_and_once_on_the_target() {
    // Nothing is cancelled, so that every order has its row.
    let mix =
        "workload.mix={draft=70,amend=30,cancel=0,place=0,pay=0,transfer=0,read=0,rollback=0}";
    let run = safe(&[
        mix,
        "workload.existing_rows=0",
        r#"workload.table=[{name="audit_log",primary_key=false,trigger=true}]"#,
    ]);
    let orders = rows(&run, Host::Target, "shop.orders").len();
    assert!(orders > 500, "{orders}");
    assert_eq!(rows(&run, Host::Target, "shop.audit_log").len(), orders);
    let changed = rows(&run, Host::Target, "shop.audit_log");
    let changed = changed
        .iter()
        .filter(|row| row.ends_with(r#""1"]"#))
        .count();
    assert!(changed > 100, "amended orders change their row: {changed}");
}

#[test]
fn a_table_without_a_key_comes_over_whole_as_long_as_the_applier_keeps_up() {
    let run = safe(&[r#"workload.table=[{name="k",primary_key=false}]"#]);
    assert!(rows(&run, Host::Target, "shop.k").len() > 500);
}

#[test]
fn a_foreign_key_takes_the_rows_of_cancelled_orders_with_them() {
    let sets = |foreign_key| format!(r#"workload.table=[{{name="f",foreign_key={foreign_key}}}]"#);
    let count = |foreign_key| {
        let run = safe(&["workload.existing_rows=0", &sets(foreign_key)]);
        let orders = rows(&run, Host::Target, "shop.orders").len();
        (orders, rows(&run, Host::Target, "shop.f").len())
    };
    let (orders, with) = count(true);
    assert_eq!(with, orders);
    let (orders, without) = count(false);
    assert!(without > orders, "{without} rows of {orders} orders");
}

#[test]
fn a_lob_is_in_the_binlog_with_every_row_that_has_it() {
    let plain = safe(&[r#"workload.table=[{name="l"}]"#]);
    let heavy = safe(&[r#"workload.table=[{name="l",lob="4KiB"}]"#]);
    let written = rows(&heavy, Host::Source, "shop.l").len();
    assert!(written > 500, "{written}");
    assert!(binlog_bytes(&heavy) > binlog_bytes(&plain) + written * 4_096);
}

#[test]
fn the_rate_follows_the_hour_of_the_day() {
    // The run begins at 9:58.
    let at = |hour: usize, rate: &str| {
        let rates: Vec<&str> = (0..24)
            .map(|h| if h == hour { rate } else { "1" })
            .collect();
        let set = format!("workload.rate_by_hour=[{}]", rates.join(","));
        safe(&[&set, "clock.start=2026-03-02T10:00:00Z"])
            .outcome
            .commits
            .ok
    };
    let (usual, quiet, other) = (at(10, "1"), at(10, "0.1"), at(13, "0.1"));
    assert!(quiet * 5 < usual, "{quiet} of {usual}");
    assert_eq!(other, usual, "another hour's rate changes nothing");
}

#[test]
fn statements_of_a_runbook_are_carried_out_row_by_row() {
    let text = include_str!("../scenarios/runbooks/snapshot-binlog-gtid.toml");
    let typed = [
        "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, n INT NOT NULL, s VARCHAR(10))",
        "INSERT INTO t (n) VALUES (1), (2), (3)",
        "UPDATE t SET n = n + 10, s = 'it''s' WHERE n = 2",
        "DELETE FROM t WHERE id = 3",
        "UPDATE t SET n = 7 WHERE id = 99",
    ];
    let typed: String = typed
        .iter()
        .map(|sql| {
            format!(
                "[[step]]\nsay = \"Types\"\nrun_sql = {{ on = \"source\", sql = \"{sql}\" }}\n\n"
            )
        })
        .collect();
    let text = text.replacen("[[step]]", &format!("{typed}[[step]]"), 1);
    let runbook = parse_runbook("x", &text).unwrap_or_else(|error| panic!("{error}"));
    let scenario = load_scenario("orders-small", &[]).unwrap_or_else(|error| panic!("{error}"));
    let run = run(&scenario.plan(1, Some(&runbook)), None).expect("it can be run");
    assert_eq!(
        run.outcome.verdict,
        Verdict::Safe,
        "{:#?}",
        run.outcome.properties
    );
    for host in [Host::Source, Host::Target] {
        assert_eq!(
            rows(&run, host, "shop.t"),
            [r#"["1", "1", null]"#, r#"["2", "12", "it's"]"#]
        );
    }
}

#[test]
fn what_no_server_of_the_model_can_do_is_refused_when_the_file_is_read() {
    for (sql, why) in [
        ("SET GLOBAL read_only = 1", "1227"),
        ("CALL mysql.rds_stop_replication", "steps of their own"),
        ("DELETE FROM orders", "WHERE"),
        ("SELECT 1", "not modelled"),
        ("CREATE VIEW v AS SELECT 1", "does nothing"),
    ] {
        let text = format!(
            "schema = \"1.0\"\nname = \"x\"\nabout = \"y\"\n[[step]]\nsay = \"z\"\nrun_sql = {{ on = \"source\", sql = \"{sql}\" }}\n"
        );
        let error = parse_runbook("x", &text).expect_err(sql).to_string();
        assert!(error.contains(why), "{sql}: {error}");
    }
}
