//! What a person reads who wrote something wrong: the place, the message, the remedy.

use cutover_scenarios::{
    catalogue, load_runbook, load_scenario, parse_plan, parse_runbook, parse_scenario,
};
use std::fmt::{Display, Write as _};

/// One line or two for each case, in one snapshot: they are reviewed together.
fn all<'a, E: Display>(cases: impl IntoIterator<Item = (&'a str, Result<(), E>)>) -> String {
    let mut out = String::new();
    for (what, result) in cases {
        match result {
            Ok(()) => panic!("{what} is accepted"),
            Err(error) => writeln!(out, "# {what}\n{error}\n").unwrap(),
        }
    }
    // Whatever the folders have: a file that is added or removed changes no message.
    for (files, all) in [
        (catalogue::RUNBOOKS, "(every strategy)"),
        (catalogue::SCENARIOS, "(every scenario)"),
    ] {
        let names: Vec<&str> = files.iter().map(|file| file.name).collect();
        out = out.replace(&names.join(", "), all);
    }
    out
}

const HEAD: &str = "schema = \"1.0\"\nname = \"s\"\nabout = \"a\"\nstrategy = \"snapshot-only\"\n";

fn scenarios<'a>(cases: &[(&'a str, &'a str)]) -> String {
    all(cases.iter().map(|(what, text)| {
        let text = format!("{HEAD}{text}");
        (*what, parse_scenario("my.toml", &text, &[]).map(drop))
    }))
}

#[test]
fn what_is_wrong_with_a_scenario_is_told_with_its_place() {
    insta::assert_snapshot!(scenarios(&[
        ("unknown key at the top", "colour = 1\n"),
        (
            "unknown key, near a known one",
            "\n[source]\ngtid_mode = true\nbinlog_retentoin = \"24h\"\n"
        ),
        (
            "unknown key in an inline table",
            "network = { replication = { latncy = \"1ms\" } }\n"
        ),
        ("unknown table", "[sorce]\n"),
        (
            "duplicate key",
            "[source]\nflush = \"1ms\"\nfsync = \"1ms\"\nflush = \"2ms\"\n"
        ),
        ("duplicate table", "[source]\n[target]\n[source]\n"),
        ("no value", "[workload]\nclients =\n"),
        ("no closing quote", "[clock]\nlimit = \"72h\n"),
        ("a text for a number", "[workload]\nclients = \"many\"\n"),
        ("a negative number", "[workload]\nclients = -1\n"),
        (
            "a fraction for a whole number",
            "[workload]\nclients = 1.5\n"
        ),
        (
            "a number beyond 32 bits",
            "[workload]\nclients = 5_000_000_000\n"
        ),
        (
            "a number beyond 64 bits",
            "[workload]\nexisting_rows = 99999999999999999999999\n"
        ),
        ("a text for a truth value", "[source]\nmulti_az = \"yes\"\n"),
        ("a number for a duration", "[names]\nttl = 5\n"),
        ("a duration without a unit", "[names]\nttl = \"5\"\n"),
        ("a duration beyond 400 days", "[clock]\nlimit = \"500d\"\n"),
        ("no size", "[source]\ndata_size = \"1 parsec\"\n"),
        ("no moment", "[clock]\nstart = \"ten o'clock\"\n"),
        (
            "a moment without a zone",
            "[clock]\nstart = 2026-03-02T09:58:00\n"
        ),
        ("no retention", "[source]\nbinlog_retention = \"never\"\n"),
        (
            "unknown value of an enumeration",
            "[source]\nbinlog_row_image = \"ful\"\n"
        ),
        ("a list for a table", "network = [1, 2]\n"),
        ("no list", "[workload]\npaths = \"binlogs\"\n"),
    ]));
}

#[test]
fn what_would_make_a_run_explode_or_cannot_be_is_refused_with_the_reason() {
    insta::assert_snapshot!(scenarios(&[
        ("no clients", "[workload]\nclients = 0\n"),
        ("too many clients", "[workload]\nclients = 20_000\n"),
        ("no rate", "[workload]\nrate_per_s = 0\n"),
        ("a rate of nan", "[workload]\nrate_per_s = nan\n"),
        ("a rate of inf", "[workload]\nrate_per_s = inf\n"),
        (
            "more transactions than memory",
            "[workload]\nrate_per_s = 50_000\n"
        ),
        (
            "rows without end",
            "[workload]\nexisting_rows = 9_000_000_000_000_000_000\n"
        ),
        (
            "weights of nothing",
            "[workload.mix]\nplace = 0\npay = 0\ntransfer = 0\ncancel = 0\nread = 0\nrollback = 0\n"
        ),
        (
            "a weight that overflows",
            "[workload.mix]\npay = 4_000_000_000\n"
        ),
        ("a share above one", "[workload]\nstart_after = 1.5\n"),
        (
            "a recording without files",
            "[workload]\nkind = \"binlog\"\n"
        ),
        ("files without a recording", "[workload]\npaths = [\"x\"]\n"),
        (
            "declarations without a recording",
            "[workload]\nschema = \"x.sql\"\n"
        ),
        (
            "stretched, and no recording",
            "[workload]\nstretch = true\n"
        ),
        (
            "more privileged clients than clients",
            "[clients]\nprivileged = 3\n[workload]\nclients = 2\n"
        ),
        ("no backoff", "[clients]\nbackoff = \"0s\"\n"),
        (
            "half an hour of retention",
            "[source]\nbinlog_retention = \"90m\"\n"
        ),
        (
            "two weeks of retention",
            "[source]\nbinlog_retention = \"14d\"\n"
        ),
        (
            "a volume beyond Aurora's",
            "[source]\ndata_size = \"1PiB\"\n"
        ),
        ("an unknown version", "[source]\nengine_version = \"4.1\"\n"),
        (
            "an unknown version of Aurora",
            "[target]\nengine_version = \"3.05.2\"\n"
        ),
        ("no bandwidth", "[network.replication]\nbandwidth = 0\n"),
        ("no host name", "[names]\nrecord = \"db shop\"\n"),
        (
            "a runbook after the end",
            "[clock]\nlimit = \"1h\"\nrunbook_after = \"2h\"\n"
        ),
        (
            "a year that MySQL does not know",
            "[clock]\nstart = \"2039-01-01T00:00:00Z\"\n"
        ),
        (
            "an unknown property",
            "[expect]\nviolates = [\"P1\", \"P99\"]\n"
        ),
        (
            "safe and violated",
            "[expect]\nverdict = \"safe\"\nviolates = [\"P1\"]\n"
        ),
        ("an unknown verdict", "[expect]\nverdict = \"fine\"\n"),
    ]));
}

#[test]
fn what_is_wrong_with_a_replication_filter_is_told_with_its_place() {
    let long = format!(
        "[target.replicate]\nignore_table = [\"shop.{}\"]\n",
        "t".repeat(2_000)
    );
    insta::assert_snapshot!(scenarios(&[
        ("no dot", "[target.replicate]\ndo_table = [\"orders\"]\n"),
        (
            "two dots",
            "[target.replicate]\ndo_table = [\"shop.orders.x\"]\n"
        ),
        (
            "a table for a schema",
            "[target.replicate]\ndo_db = [\"shop.orders\"]\n"
        ),
        ("nothing", "[target.replicate]\nignore_db = [\"\"]\n"),
        (
            "two in one",
            "[target.replicate]\nignore_db = [\"shop,jobs\"]\n"
        ),
        (
            "in quotes",
            "[target.replicate]\nignore_db = [\"'shop'\"]\n"
        ),
        (
            "with a blank",
            "[target.replicate]\nwild_do_table = [\"shop. %\"]\n"
        ),
        (
            "a pattern for a name",
            "[target.replicate]\ndo_table = [\"shop.%\"]\n"
        ),
        ("too long", &long),
        (
            "an Aurora that has none",
            "[target]\nengine_version = \"5.7.mysql_aurora.2.12.0\"\n[target.replicate]\nignore_db = [\"jobs\"]\n"
        ),
    ]));
}

#[test]
fn what_a_scenario_must_say_is_asked_for() {
    let cases = [
        ("nothing at all", ""),
        ("no name", "schema = \"1.0\"\n"),
        (
            "no strategy",
            "schema = \"1.0\"\nname = \"s\"\nabout = \"a\"\n",
        ),
        (
            "an unknown strategy",
            "schema = \"1.0\"\nname = \"s\"\nabout = \"a\"\nstrategy = \"snapshot-onyl\"\n",
        ),
        ("another major version", "schema = \"2.0\"\nnew = true\n"),
        ("a version that is none", "schema = 1\n"),
        ("a misspelt schema", "shema = \"1.0\"\n"),
    ];
    insta::assert_snapshot!(all(
        cases.map(|(what, text)| (what, parse_scenario("my.toml", text, &[]).map(drop)))
    ));
    let newer = HEAD.replace("1.0", "1.7");
    assert!(
        parse_scenario("my.toml", &newer, &[]).is_ok(),
        "minor versions only add"
    );
}

#[test]
fn what_is_wrong_with_a_set_is_told_with_its_place() {
    let cases = [
        "workload.clients",
        "=5",
        "",
        "workload.clients=many",
        "workload.clinets=5",
        "wrkload.clients=5",
        "clients=5",
        "binlog_retention=24h",
        "source.binlog_retention=24",
        "source.binlog_retention=24 hours and more",
        "workload.clients=0",
        "workload.clients=[1",
        "workload.paths=a,b",
        "expect.violates=[\"P1\", \"P0\"]",
        "strategy=snapshot-binlog-gtdi",
        "strategy=./no-such.toml",
        "schema=2.0",
        "name=",
        "clients.privileged=21",
        "clock.limit=1m",
        "workload.rate_per_s=1e5",
        "a=1\nb=2",
    ];
    insta::assert_snapshot!(all(
        cases.map(|set| { (set, load_scenario("orders", &[set.to_string()]).map(drop)) })
    ));
}

const STEPS: &str = "schema = \"1.0\"\nname = \"r\"\nabout = \"a\"\n\n[[step]]\nsay = \"Snapshot\"\n\
                     create_snapshot = { id = \"a\" }\n\n[[step]]\nsay = \"Restore\"\n\
                     restore_snapshot = { id = \"a\" }\n\n";

fn runbooks<'a>(cases: &[(&'a str, &'a str)]) -> String {
    all(cases.iter().map(|(what, text)| {
        let text = format!("{STEPS}{text}");
        (*what, parse_runbook("my-runbook.toml", &text).map(drop))
    }))
}

#[test]
fn what_is_wrong_in_a_later_step_is_placed_in_that_step() {
    insta::assert_snapshot!(runbooks(&[
        (
            "unknown operation",
            "[[step]]\nsay = \"x\"\ncreate_snapshto = { id = \"b\" }\n"
        ),
        (
            "unknown key of an operation",
            "[[step]]\nsay = \"x\"\ncreate_snapshot = { idd = \"b\" }\n"
        ),
        (
            "unknown key of a condition",
            "[[step]]\nsay = \"x\"\nwait = { until = { aplied = \"fence\" } }\n"
        ),
        (
            "unknown key of a condition in tables",
            "[[step]]\nsay = \"x\"\n[step.wait.until]\naplied = \"fence\"\n"
        ),
        (
            "a bad duration",
            "[[step]]\nsay = \"x\"\ntimeout = \"soon\"\nstart_replication = {}\n"
        ),
        (
            "a bad duration in a wait",
            "[[step]]\nsay = \"x\"\nwait = { until = { read_only = \"source\" }, every = 10 }\n"
        ),
        (
            "an unknown host",
            "[[step]]\nsay = \"x\"\nwait = { until = { read_only = \"sorce\" } }\n"
        ),
        (
            "an unknown role",
            "[[step]]\nsay = \"x\"\nrole = \"fense\"\nstart_replication = {}\n"
        ),
        (
            "an unknown origin of coordinates",
            "[[step]]\nsay = \"x\"\nread_coordinates = { from = \"gtid\", as = \"x\" }\n"
        ),
        ("no say", "[[step]]\nstart_replication = {}\n"),
        ("no until", "[[step]]\nsay = \"x\"\nwait = {}\n"),
        (
            "true for an empty table",
            "[[step]]\nsay = \"x\"\nstart_replication = true\n"
        ),
        (
            "a parameter too many",
            "[[step]]\nsay = \"x\"\nstart_replication = { now = true }\n"
        ),
        (
            "a duplicate key",
            "[[step]]\nsay = \"x\"\nsay = \"y\"\nstart_replication = {}\n"
        ),
        (
            "a syntax error",
            "[[step]]\nsay = \"x\"\nwait = { until = { read_only = \"source\" }\n\n[[step]]\n"
        ),
        ("a single bracket", "[step]\nsay = \"x\"\n"),
        ("an unknown key at the top", "[[stpe]]\nsay = \"x\"\n"),
    ]));
}

#[test]
fn what_no_run_could_do_is_refused() {
    insta::assert_snapshot!(runbooks(&[
        ("nothing to do", "[[step]]\nsay = \"x\"\n"),
        (
            "two operations",
            "[[step]]\nsay = \"x\"\nkill_connections = { on = \"source\" }\nrepoint = { to = \"target\" }\n"
        ),
        (
            "no condition",
            "[[step]]\nsay = \"x\"\nwait = { until = {} }\n"
        ),
        (
            "two conditions",
            "[[step]]\nsay = \"x\"\nwait = { until = { seconds_behind_source = 0, read_only = \"source\" } }\n"
        ),
        (
            "an empty say",
            "[[step]]\nsay = \"\"\nrepoint = { to = \"target\" }\n"
        ),
        (
            "no time",
            "[[step]]\nsay = \"x\"\ntimeout = \"0s\"\nrepoint = { to = \"target\" }\n"
        ),
        (
            "retention of 0",
            "[[step]]\nsay = \"x\"\nset_binlog_retention = { hours = 0 }\n"
        ),
        (
            "retention of a year",
            "[[step]]\nsay = \"x\"\nset_binlog_retention = { hours = 8760 }\n"
        ),
        (
            "an unknown snapshot",
            "[[step]]\nsay = \"x\"\nrestore_snapshot = { id = \"b\" }\n"
        ),
        (
            "a second target",
            "[[step]]\nsay = \"x\"\nrestore_snapshot = { id = \"a\" }\n"
        ),
        (
            "the same snapshot",
            "[[step]]\nsay = \"x\"\ncreate_snapshot = { id = \"a\" }\n"
        ),
        (
            "a bad identifier",
            "[[step]]\nsay = \"x\"\ncreate_snapshot = { id = \"1--a\" }\n"
        ),
        (
            "coordinates that nobody noted",
            "[[step]]\nsay = \"x\"\nset_external_source = { at = \"cut\" }\n"
        ),
        (
            "a GTID set as a position",
            "[[step]]\nsay = \"x\"\nread_coordinates = { from = \"source-gtid-executed\", as = \"g\" }\n[[step]]\nsay = \"y\"\nset_external_source = { at = \"g\" }\n"
        ),
        (
            "nowhere to start",
            "[[step]]\nsay = \"x\"\nset_external_source = {}\n"
        ),
        (
            "two places to start",
            "[[step]]\nsay = \"x\"\nset_external_source = { at = \"a\", auto_position = true }\n"
        ),
        (
            "no source",
            "[[step]]\nsay = \"x\"\nstart_replication = {}\n"
        ),
        (
            "replication that nobody started",
            "[[step]]\nsay = \"x\"\nwait = { until = { replication_running = {} } }\n"
        ),
        (
            "a gate on nothing",
            "[[step]]\nsay = \"x\"\nwait = { until = { applied = \"fence\" } }\n"
        ),
        (
            "a hectic wait",
            "[[step]]\nsay = \"x\"\nwait = { until = { read_only = \"source\" }, every = \"1us\" }\n"
        ),
        (
            "an endless wait",
            "[[step]]\nsay = \"x\"\ntimeout = \"300d\"\nwait = { until = { read_only = \"source\" }, every = \"1s\" }\n"
        ),
        (
            "no polls",
            "[[step]]\nsay = \"x\"\nwait = { until = { read_only = \"source\" }, polls = 0 }\n"
        ),
        (
            "no error to skip",
            "[[step]]\nsay = \"x\"\nwait = { until = { caught_up = 1 }, skip_errors = 0 }\n"
        ),
        (
            "errors of what does not replicate",
            "[[step]]\nsay = \"x\"\nwait = { until = { read_only = \"source\" }, skip_errors = 3 }\n"
        ),
        (
            "more errors than anybody skips",
            "[[step]]\nsay = \"x\"\nwait = { until = { caught_up = 1 }, skip_errors = 1001 }\n"
        ),
        (
            "errors of a read replica",
            "[[step]]\nsay = \"x\"\ncreate_read_replica = {}\n[[step]]\nsay = \"y\"\nwait = { until = { caught_up = 1 }, on = \"replica\", skip_errors = 3 }\n"
        ),
        (
            "errors before there is a source",
            "[[step]]\nsay = \"x\"\nwait = { until = { caught_up = 1 }, skip_errors = 3 }\n"
        ),
        (
            "two gates",
            "[[step]]\nsay = \"x\"\nrole = \"gate\"\nrepoint = { to = \"target\" }\n[[step]]\nsay = \"y\"\nrole = \"gate\"\nrepoint = { to = \"target\" }\n"
        ),
        (
            "a fence in an abort",
            "[[abort]]\nsay = \"x\"\nrole = \"fence\"\nset_read_only = { on = \"source\", value = false }\n"
        ),
        (
            "a gap of nothing",
            "[[step]]\nsay = \"x\"\nraise_auto_increment = { gap = 0 }\n"
        ),
        (
            "a question that is none",
            "[[step]]\nsay = \"x\"\nwait = { until = { row = { on = \"source\", sql = \"SELECT COUNT(*) FROM t\" } } }\n"
        ),
        (
            "clients of a read replica",
            "[[step]]\nsay = \"x\"\nadmit_clients = { on = \"replica\", value = false }\n"
        ),
        (
            "a collation that nobody has",
            "[[step]]\nsay = \"x\"\ncreate_schema = { collation = \"utf8mb4_klingon_ci\" }\n"
        ),
        (
            "a load that starts at a position",
            "[[step]]\nsay = \"x\"\nread_coordinates = { from = \"source-position\", as = \"p\" }\n[[step]]\nsay = \"y\"\ncreate_dms_task = { id = \"m\" }\n[[step]]\nsay = \"z\"\ndms_task = { id = \"m\", action = \"start\", at = \"p\" }\n"
        ),
        (
            "a task that was deleted",
            "[[step]]\nsay = \"x\"\ncreate_dms_task = { id = \"m\" }\n[[step]]\nsay = \"y\"\ndms_task = { id = \"m\", action = \"start\" }\n[[step]]\nsay = \"z\"\ndms_task = { id = \"m\", action = \"delete\" }\n[[step]]\nsay = \"z\"\ndms_task = { id = \"m\", action = \"resume\" }\n"
        ),
        (
            "columns of the shop in other places",
            "[[step]]\nsay = \"x\"\nrun_sql = { on = \"source\", sql = \"ALTER TABLE orders ADD note INT FIRST\" }\n"
        ),
        (
            "a table of the shop under another name",
            "[[step]]\nsay = \"x\"\nrun_sql = { on = \"source\", sql = \"RENAME TABLE customers TO clients\" }\n"
        ),
        (
            "a task at a position that is made anew with its load",
            "[[step]]\nsay = \"w\"\nread_coordinates = { from = \"source-position\", as = \"p\" }\n[[step]]\nsay = \"x\"\ncreate_dms_task = { id = \"m\", migrates = \"cdc\" }\n[[step]]\nsay = \"y\"\ndms_task = { id = \"m\", action = \"start\", at = \"p\" }\n[[step]]\nsay = \"z\"\ndms_task = { id = \"m\", action = \"delete\" }\n[[step]]\nsay = \"x\"\ncreate_dms_task = { id = \"m\" }\n[[step]]\nsay = \"y\"\ndms_task = { id = \"m\", action = \"start\", at = \"p\" }\n"
        ),
        (
            "a task that AWS has no name for",
            "[[step]]\nsay = \"x\"\ncreate_dms_task = { id = \" \" }\n"
        ),
        (
            "what another list has noted",
            "[[abort]]\nsay = \"x\"\nread_coordinates = { from = \"source-position\", as = \"p\" }\n[[stay]]\nsay = \"y\"\nset_external_source = { at = \"p\" }\n"
        ),
        (
            "a pause beyond its timeout",
            "[[step]]\nsay = \"x\"\ntimeout = \"1m\"\npause = { for = \"5m\" }\n"
        ),
    ]));
}

#[test]
fn a_target_is_used_only_after_its_restore() {
    let head = "schema = \"1.0\"\nname = \"r\"\nabout = \"a\"\n[[step]]\nsay = \"x\"\n";
    let ops = [
        "repoint = { to = \"target\" }",
        "set_external_source = { auto_position = true }",
        "read_coordinates = { from = \"recovery-event\", as = \"cut\" }",
        "wait = { until = { seconds_behind_source = 0 } }",
        "set_read_only = { on = \"target\", value = true }",
        "kill_connections = { on = \"target\" }",
    ];
    for op in ops {
        let error = parse_runbook("r", &format!("{head}{op}\n")).unwrap_err();
        assert_eq!(error.message(), "there is no target yet", "{op}");
        assert_eq!(error.line(), Some(6), "{op}");
    }
    let error = parse_runbook("r", "schema = \"1.0\"\nname = \"r\"\nabout = \"a\"\n").unwrap_err();
    assert_eq!(error.message(), "the runbook has no step");
}

#[test]
fn an_abort_may_follow_any_step() {
    let text = format!(
        "{STEPS}[[step]]\nsay = \"x\"\nset_external_source = {{ auto_position = true }}\n\
         [[step]]\nsay = \"x\"\nreset_external_source = {{}}\n\
         [[abort]]\nsay = \"x\"\nstop_replication = {{}}\n[[abort]]\nsay = \"x\"\nreset_external_source = {{}}\n"
    );
    parse_runbook("r", &text).unwrap();
    let task =
        |action: &str| format!("say = \"x\"\ndms_task = {{ id = \"m\", action = \"{action}\" }}\n");
    let text = format!(
        "{STEPS}[[step]]\nsay = \"x\"\ncreate_dms_task = {{ id = \"m\" }}\n[[step]]\n{}[[step]]\n{}[[abort]]\n{}[[abort]]\n{}",
        task("start"),
        task("delete"),
        task("stop"),
        task("delete"),
    );
    parse_runbook("r", &text).unwrap();
}

#[test]
fn a_name_that_nobody_knows_gets_the_known_ones() {
    insta::assert_snapshot!(all([
        ("scenario", load_scenario("ordesr", &[]).map(drop)),
        ("strategy", load_runbook("snapshot").map(drop)),
        ("file", load_scenario("./no/such.toml", &[]).map(drop)),
        ("folder", load_scenario("./src", &[]).map(drop)),
    ]));
}

#[test]
fn what_is_wrong_with_a_plan_is_placed_in_the_plan() {
    let plan = load_scenario("orders", &[]).unwrap().plan(1, None);
    let text = cutover_scenarios::plan_to_toml(&plan).unwrap();
    let edited = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in the plan");
        parse_plan("plan.toml", &text.replacen(from, to, 1)).map(drop)
    };
    insta::assert_snapshot!(all([
        ("clients", edited("clients = 20", "clients = 0")),
        ("schema", edited("schema = \"1.1\"", "schema = \"9.0\"")),
        ("stream", edited("ties = \"", "ties = \"xyz")),
        ("step", edited("hours = 168", "hours = 500")),
        ("environment", edited("ttl = \"5s\"", "tll = \"5s\"")),
    ]));
}

#[test]
fn a_file_of_another_kind_is_told_apart() {
    let [scenario, ..] = catalogue::SCENARIOS else {
        panic!("no scenario")
    };
    let [runbook, ..] = catalogue::RUNBOOKS else {
        panic!("no runbook")
    };
    let plan = load_scenario("orders-small", &[]).unwrap().plan(1, None);
    let plan = toml::to_string(&plan).unwrap();
    insta::assert_snapshot!(all([
        (
            "a plan as a scenario",
            parse_scenario("p.toml", &plan, &[]).map(drop)
        ),
        (
            "a runbook as a scenario",
            parse_scenario("r.toml", runbook.text, &[]).map(drop)
        ),
        (
            "a scenario as a runbook",
            parse_runbook("s.toml", scenario.text).map(drop)
        ),
        (
            "a plan as a runbook",
            parse_runbook("p.toml", &plan).map(drop)
        ),
        (
            "a scenario as a plan",
            parse_plan("s.toml", scenario.text).map(drop)
        ),
        (
            "a runbook as a plan",
            parse_plan("r.toml", runbook.text).map(drop)
        ),
        (
            "a plan in JSON as a scenario",
            parse_scenario("p.json", "{\n  \"schema\": \"1.1\"\n}\n", &[]).map(drop)
        ),
        (
            "a key of another kind beside one of its own",
            parse_scenario("s.toml", &format!("{HEAD}[environment.source]\n"), &[]).map(drop)
        ),
    ]));
}

#[test]
fn what_is_wrong_with_a_fault_is_placed_in_that_fault() {
    let cases = [
        (
            "an unknown kind",
            "at = \"1m\"\npartitoin = { link = \"replication\" }\n",
        ),
        (
            "a kind that is near no other",
            "at = \"1m\"\nmeteorite = {}\n",
        ),
        ("no kind", "at = \"1m\"\n"),
        (
            "two kinds",
            "at = \"1m\"\nhalf_open = {}\nreset = { link = \"replication\" }\n",
        ),
        (
            "a time and an event",
            "at = \"1m\"\non = { event = \"fence-asked\" }\nhalf_open = {}\n",
        ),
        ("neither a time nor an event", "half_open = {}\n"),
        (
            "an unknown event",
            "on = { event = \"gate-poled\" }\nhalf_open = {}\n",
        ),
        (
            "an event without its name",
            "on = { nth = 2 }\nhalf_open = {}\n",
        ),
        (
            "the 0th time",
            "on = { event = \"fence-asked\", nth = 0 }\nhalf_open = {}\n",
        ),
        (
            "a misspelt part of an event",
            "on = { event = \"fence-asked\", nht = 2 }\nhalf_open = {}\n",
        ),
        ("no duration", "at = \"1m\"\nsource_crash = {}\n"),
        (
            "a duration of nothing",
            "at = \"1m\"\nlasts = \"0s\"\nsource_crash = {}\n",
        ),
        (
            "a duration of what is over at once",
            "at = \"1m\"\nlasts = \"5s\"\nhalf_open = {}\n",
        ),
        (
            "an unknown link",
            "at = \"1m\"\nlasts = \"5s\"\nstall = { link = \"replicaton\" }\n",
        ),
        (
            "an unknown parameter",
            "at = \"1m\"\nlasts = \"5s\"\nstall = { link = \"replication\", deep = true }\n",
        ),
        (
            "no parameter",
            "at = \"1m\"\nlasts = \"5s\"\nlatency = { link = \"replication\" }\n",
        ),
        ("a bad time", "at = 60\nhalf_open = {}\n"),
    ];
    // A sound fault before it: the place is the second one's.
    let sound = "[[fault]]\nat = \"30s\"\nhalf_open = {}\n\n[[fault]]\n";
    insta::assert_snapshot!(all(cases.iter().map(|(what, text)| {
        let text = format!("{HEAD}\n{sound}{text}");
        (*what, parse_scenario("my.toml", &text, &[]).map(drop))
    })));
    let plan = load_scenario("orders", &[]).unwrap().plan(1, None);
    let plan = cutover_scenarios::plan_to_toml(&plan).unwrap();
    for (what, text) in cases {
        let error = parse_plan("plan.toml", &format!("{plan}\n{sound}{text}")).map(drop);
        let error = error.expect_err(what);
        let first = plan.lines().count() + 6;
        assert!(
            error.line().is_some_and(|line| line >= first),
            "{what}: {error}"
        );
    }
}

#[test]
fn what_is_wrong_with_a_transaction_is_placed_in_it() {
    insta::assert_snapshot!(scenarios(&[
        (
            "an unknown kind",
            "[[workload.transaction]]\nat = \"5s\"\ndoes = \"plaec\"\n"
        ),
        ("no time", "[[workload.transaction]]\ndoes = \"place\"\n"),
        (
            "nobody",
            "[workload]\nclients = 2\n[[workload.transaction]]\nat = \"5s\"\nclient = 2\ndoes = \"place\"\n"
        ),
        (
            "beside a recording",
            "[workload]\nkind = \"binlog\"\npaths = [\"x\"]\n[[workload.transaction]]\nat = \"5s\"\ndoes = \"place\"\n"
        ),
    ]));
}

#[test]
fn no_nesting_and_no_length_makes_the_loader_panic_or_hang() {
    let deep = [
        format!("{HEAD}x = {}", "[".repeat(100_000)),
        format!("{HEAD}x = {}", "{a=".repeat(100_000)),
        format!("{HEAD}{}x = 1", "a.".repeat(100_000)),
        format!("{HEAD}[{}x]", "a.".repeat(100_000)),
        format!("{HEAD}{} = 1", "k".repeat(1 << 20)),
        format!("{HEAD}[workload]\nkind = \"{}\"", "k".repeat(1 << 20)),
        "\u{feff}".into(),
        "\0\0\0".into(),
        format!("{HEAD}[source]\ndata_size = \"{}\"", "9".repeat(1 << 20)),
        format!("{HEAD}[clock]\nlimit = \"{}\"", "1h".repeat(1 << 18)),
    ];
    for text in deep {
        let error = parse_scenario("deep", &text, &[]).unwrap_err();
        assert!(
            error.to_string().len() < 2_000,
            "{}",
            error.to_string().len()
        );
        assert!(error.line().is_some());
        let set = text.lines().last().unwrap_or_default().to_string();
        assert!(load_scenario("orders", &[set]).is_err());
    }
}
