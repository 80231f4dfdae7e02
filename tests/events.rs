//! The event scheduler: what runs where and when, what stops it, and what comes of a migration that forgets it.

use cutover::{
    scenarios::{load_runbook, load_scenario, parse_scenario},
    sim::{
        history::{SCHEDULER, Told},
        outcome::{Finding, Outcome, PropertyResult, Verdict},
        plan::Plan,
        preconditions::{Look, Status, check},
        run::run,
        runbook::{Host, OnFailure, Role, Step},
        units::Micros,
        world::World,
    },
};

const REMEDY: &str = "scenarios/hazards/event-on-both-sides.remedy.runbook.toml";

/// The small shop with an event that runs every two seconds, and what else is said of it.
fn plan(strategy: &str, of_event: &str, sets: &[&str]) -> Plan {
    let event = format!("workload.event=[{{ name = \"job\", every = \"2s\", {of_event} }}]");
    let sets: Vec<String> = sets
        .iter()
        .copied()
        .chain([event.as_str()])
        .map(str::to_string)
        .collect();
    let scenario = load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
    let runbook = load_runbook(strategy).unwrap_or_else(|error| panic!("{error}"));
    scenario.plan(1, Some(&runbook))
}

fn outcome(plan: &Plan) -> Outcome {
    run(plan, None).expect("a plan that can be run").outcome
}

fn violated(outcome: &Outcome) -> Vec<&str> {
    let violated = |p: &&PropertyResult| matches!(p.finding, Finding::Violated { .. });
    outcome
        .properties
        .iter()
        .filter(violated)
        .map(|p| p.id)
        .collect()
}

fn look(plan: &Plan) -> Option<Look> {
    let found = check(plan, None);
    let found = found.into_iter().find(|f| f.check.name == "events");
    found.map(|f| f.look)
}

fn tells(outcome: &Outcome, what: &str) -> bool {
    outcome.story.iter().any(|line| line.what.contains(what))
}

#[test]
fn an_event_that_is_in_the_snapshot_runs_on_both_sides_and_stops_replication() {
    for strategy in [
        "snapshot-binlog-gtid",
        "snapshot-binlog-position",
        "wizard-read-replica",
    ] {
        let plan = plan(strategy, "", &[]);
        let outcome = outcome(&plan);
        assert!(
            violated(&outcome).contains(&"P9"),
            "{strategy}: {:?}",
            violated(&outcome)
        );
        assert!(
            tells(&outcome, "runs the event shop.job for the first time"),
            "{strategy}"
        );
        assert!(tells(&outcome, "1062"), "{strategy}");
        let look = look(&plan).expect("it is asked");
        assert_eq!(look.status, Status::Fail);
        assert!(
            look.reason
                .contains("on the target runs the event shop.job"),
            "{}",
            look.reason
        );
    }
}

#[test]
fn who_hands_the_scheduler_over_is_safe_and_who_leaves_it_off_is_told() {
    let handed_over = plan(REMEDY, "", &[]);
    assert_eq!(outcome(&handed_over).verdict, Verdict::Safe);
    assert_eq!(look(&handed_over).map(|l| l.status), Some(Status::Pass));
    let left_off = plan(
        "snapshot-binlog-gtid",
        "",
        &["target.event_scheduler=false"],
    );
    let outcome = outcome(&left_off);
    assert_eq!(violated(&outcome), ["P12"]);
    let first = outcome.properties.iter().find(|p| p.id == "P12");
    let Some(Finding::Violated { first, .. }) = first.map(|p| &p.finding) else {
        panic!("P12 is violated");
    };
    assert!(
        first.ends_with("does not run on the target: event_scheduler is OFF"),
        "{first}"
    );
    let look = look(&left_off).expect("it is asked");
    assert_eq!(look.status, Status::Fail);
    assert!(
        look.reason
            .contains("the target does not run it: event_scheduler is OFF"),
        "{}",
        look.reason
    );
}

#[test]
fn a_scheduler_that_is_off_runs_nothing_and_nothing_is_asked() {
    let off = [
        "source.event_scheduler=false",
        "target.event_scheduler=false",
    ];
    let plan = plan("snapshot-binlog-gtid", "", &off);
    assert_eq!(outcome(&plan).verdict, Verdict::Safe);
    assert_eq!(look(&plan), None);
    // The default of the version: OFF before 8.0.
    let five = [
        "source.engine_version=\"5.7.44\"",
        "target.engine_version=\"5.7.mysql_aurora.2.11.4\"",
    ];
    let five = self::plan("snapshot-binlog-gtid", "", &five);
    assert_eq!(outcome(&five).verdict, Verdict::Safe);
}

#[test]
fn read_only_refuses_an_event_unless_its_definer_is_privileged() {
    let ordinary = plan(
        "snapshot-binlog-gtid",
        "",
        &["target.event_scheduler=false"],
    );
    assert!(tells(
        &outcome(&ordinary),
        "the event shop.job failed: error 1290"
    ));
    let privileged = plan(
        "snapshot-binlog-gtid",
        "privileged = true",
        &["target.event_scheduler=false"],
    );
    let outcome = outcome(&privileged);
    assert!(
        violated(&outcome).contains(&"P8"),
        "{:?}",
        violated(&outcome)
    );
    assert!(
        violated(&outcome).contains(&"P1"),
        "{:?}",
        violated(&outcome)
    );
    let look = look(&privileged).expect("it is asked");
    assert_eq!(look.status, Status::Fail);
    assert!(
        look.reason
            .contains("the source still runs the event shop.job"),
        "{}",
        look.reason
    );
    let handed_over = plan(REMEDY, "privileged = true", &[]);
    assert_eq!(self::outcome(&handed_over).verdict, Verdict::Safe);
    assert_eq!(
        self::look(&handed_over).map(|l| l.status),
        Some(Status::Pass)
    );
}

#[test]
fn an_event_runs_at_its_moments_and_what_falls_into_an_outage_is_not_made_up_for() {
    let event =
        "workload.event=[{ name = \"job\", every = \"20s\", starts = \"2026-03-02T09:58:01Z\" }]";
    let crash = "fault=[{ at = \"15s\", lasts = \"40s\", source_crash = {} }]";
    let runs = |sets: &[&str]| {
        let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
        let scenario =
            load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
        let mut world = World::new(&scenario.plan(1, None), None).expect("a world");
        world.advance_to(119_000_000);
        let operations = world.history.operations.iter();
        let of_event = operations.filter(|o| o.client == SCHEDULER && o.told == Told::Ok);
        of_event.map(|o| o.invoked / 1_000_000).collect::<Vec<_>>()
    };
    assert_eq!(runs(&[event]), [1, 21, 41, 61, 81, 101]);
    assert_eq!(runs(&[event, crash]), [1, 61, 81, 101]);
    // From the middle of its times on.
    let earlier = event.replace("2026-03-02T09:58:01Z", "2026-03-01T00:00:15Z");
    assert_eq!(runs(&[&earlier]), [15, 35, 55, 75, 95, 115]);
}

#[test]
fn what_is_wrong_with_an_event_is_said_with_its_place() {
    for (event, wants) in [
        ("name = \"Job\"", "small letters"),
        ("name = \"job\", every = \"500ms\"", "every"),
        ("name = \"job\", every = \"1500ms\"", "whole seconds"),
        (
            "name = \"job\", every = \"1s\", sql = \"TRUNCATE t\"",
            "INSERT, UPDATE or DELETE",
        ),
        (
            "name = \"job\", every = \"1s\", sql = \"DELETE FROM orders WHERE id = 1\"",
            "job_runs",
        ),
        (
            "name = \"job\", every = \"1s\", sql = \"DELETE FROM nothing WHERE id = 1\"",
            "job_runs",
        ),
        (
            "name = \"job\", every = \"1s\", sql = \"CALL p()\"",
            "INSERT, UPDATE or DELETE",
        ),
    ] {
        let every = if event.contains("every") {
            ""
        } else {
            ", every = \"1s\""
        };
        let text = format!(
            "schema = \"1.0\"\nname = \"x\"\nabout = \"x\"\nstrategy = \"snapshot-binlog-gtid\"\n\
             [workload]\nevent = [{{ {event}{every} }}]\n"
        );
        let error = parse_scenario("x.toml", &text, &[])
            .expect_err(event)
            .to_string();
        assert!(error.contains(wants), "{event}: {error}");
    }
}

/// A step, as a runbook file has it.
fn step(text: &str) -> Step {
    toml::from_str(&format!("say = \"x\"\n{text}"))
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Puts steps in front of the first one that is such.
fn before(plan: &mut Plan, is: impl Fn(&Step) -> bool, texts: &[&str]) {
    let steps = &mut plan.runbook.steps;
    let at = steps.iter().position(is).expect("such a step");
    steps.splice(at..at, texts.iter().map(|text| step(text)));
}

fn starts(step: &Step) -> bool {
    step.set_external_source.is_some()
}

fn moves(step: &Step) -> bool {
    step.repoint.is_some()
}

const OFF_THERE: &str = "set_event_scheduler = { on = \"target\", value = false }";
const ON_THERE: &str = "set_event_scheduler = { on = \"target\", value = true }";
const OFF_HERE: &str = "set_event_scheduler = { on = \"source\", value = false }";
const ON_HERE: &str = "set_event_scheduler = { on = \"source\", value = true }";
const IS_OFF_HERE: &str = "wait = { until = { event_scheduler_off = \"source\" } }";
const IS_OFF_THERE: &str = "wait = { until = { event_scheduler_off = \"target\" } }";
const IS_ON_THERE: &str = "wait = { until = { event_scheduler_on = \"target\" } }";

/// What `check` says, and what comes of the run: its verdict, or the first property that is violated.
fn bears_out(plan: &Plan, status: Status, says: &str, comes_to: &str) {
    let look = look(plan).expect("it is asked");
    assert_eq!(look.status, status, "{look:?}");
    assert!(look.reason.contains(says), "{says}: {look:?}");
    let outcome = outcome(plan);
    match comes_to {
        "safe" => assert_eq!(outcome.verdict, Verdict::Safe, "{:?}", violated(&outcome)),
        property => assert!(
            violated(&outcome).contains(&property),
            "{:?}",
            violated(&outcome)
        ),
    }
}

#[test]
fn an_event_that_is_altered_behind_the_snapshot_is_disabled_when_replication_begins() {
    let mut plan = plan(REMEDY, "", &[]);
    before(
        &mut plan,
        starts,
        &["run_sql = { on = \"source\", sql = \"ALTER EVENT JOB COMMENT 'x'\" }"],
    );
    bears_out(&plan, Status::Fail, "REPLICA_SIDE_DISABLED", "P12");
}

#[test]
fn a_target_whose_default_is_another_runs_what_the_source_never_did() {
    let five = ["source.engine_version=\"5.7.44\""];
    let plan = plan("snapshot-binlog-gtid", "", &five);
    bears_out(&plan, Status::Fail, "while the source is written to", "P9");
}

#[test]
fn a_target_that_still_follows_runs_nothing() {
    let mut plan = plan("snapshot-binlog-gtid", "", &[]);
    let cuts = |step: &Step| step.create_snapshot.is_some();
    before(&mut plan, cuts, &[OFF_HERE, IS_OFF_HERE]);
    bears_out(&plan, Status::Fail, "while the source is written to", "P9");
}

#[test]
fn what_came_by_replication_may_be_enabled_behind_the_gate() {
    let mut plan = plan(REMEDY, "", &[]);
    let made = "run_sql = { on = \"source\", sql = \"ALTER EVENT job ENABLE\" }";
    before(&mut plan, starts, &[made]);
    before(
        &mut plan,
        moves,
        &["run_sql = { on = \"target\", sql = \"ALTER EVENT job ENABLE\" }"],
    );
    bears_out(&plan, Status::Pass, "", "safe");
    let mut misspelt = plan.clone();
    before(
        &mut misspelt,
        moves,
        &["run_sql = { on = \"target\", sql = \"ALTER EVENT jop ENABLE\" }"],
    );
    let look = look(&misspelt).expect("it is asked");
    assert!(look.reason.contains("1539"), "{look:?}");
    assert!(tells(
        &outcome(&misspelt),
        "error 1539: unknown event `jop`"
    ));
}

#[test]
fn a_migration_that_is_called_off_gives_the_events_back() {
    let mut plan = plan(REMEDY, "", &["target.apply_transaction=45ms"]);
    // A gate that gives up at once.
    for step in &mut plan.runbook.steps {
        let gate = step.role == Some(Role::Gate);
        step.timeout = step
            .timeout
            .filter(|_| !gate)
            .or(gate.then_some(Micros::ms(1)));
    }
    let called_off = outcome(&plan);
    assert_eq!(
        called_off.verdict,
        Verdict::Aborted,
        "{:?}",
        violated(&called_off)
    );
    plan.runbook
        .abort
        .retain(|step| step.set_event_scheduler.is_none());
    bears_out(&plan, Status::Fail, "no abort step", "P18");
}

#[test]
fn on_the_way_back_they_are_handed_over_again() {
    let mut plan = plan("snapshot-binlog-gtid-rollback", "", &[]);
    let fences = |on| move |step: &Step| step.set_read_only.is_some_and(|o| o.on == on && o.value);
    plan.runbook.steps.insert(0, step(OFF_THERE));
    before(&mut plan, fences(Host::Source), &[OFF_HERE, IS_OFF_HERE]);
    let moved = plan.runbook.steps.iter().position(moves).expect("it moves");
    let handed_over = [ON_THERE, IS_ON_THERE].map(|text| Step {
        on_failure: OnFailure::Insist,
        ..step(text)
    });
    plan.runbook.steps.splice(moved + 1..moved + 1, handed_over);
    let last = Step {
        on_failure: OnFailure::Insist,
        ..step(ON_HERE)
    };
    plan.runbook.steps.push(last);
    plan.runbook.abort.push(step(ON_HERE));
    plan.runbook.stay.push(step(ON_THERE));
    let back =
        |step: &Step| fences(Host::Target)(step) && step.set_read_only.is_some_and(|o| o.lasting);
    let mut handed_back = plan.clone();
    before(&mut handed_back, back, &[OFF_THERE, IS_OFF_THERE]);
    bears_out(&handed_back, Status::Pass, "", "safe");
    // Whoever alters an event on Aurora has CONNECTION_ADMIN, and read_only does not stop it any more.
    let mut altered = plan.clone();
    let alters = "run_sql = { on = \"target\", sql = \"ALTER EVENT job COMMENT 'x'\" }";
    before(&mut altered, back, &[alters]);
    let look = look(&altered).expect("it is asked");
    assert_eq!(look.status, Status::Fail);
    assert!(look.reason.contains("the target still runs"), "{look:?}");
    assert!(!violated(&outcome(&altered)).is_empty());
    // It is replicated back, and disabled there.
    let mut both = altered.clone();
    before(&mut both, back, &[OFF_THERE, IS_OFF_THERE]);
    bears_out(&both, Status::Fail, "REPLICA_SIDE_DISABLED", "P12");
}

#[test]
fn what_is_created_on_a_target_that_the_source_follows_stops_the_way_back() {
    let strategy = "dms-full-load-cdc-rollback";
    let mut plan = plan(strategy, "", &[]);
    let steps = &mut plan.runbook.steps;
    let moved = steps.iter().position(moves).expect("it moves");
    let create = "run_sql = { on = \"target\", sql = \"CREATE EVENT job ON SCHEDULE EVERY 2 SECOND DO DELETE FROM job_runs \
                  WHERE id = 1\" }";
    steps.insert(moved + 1, step(create));
    let fences = |step: &Step| {
        step.set_read_only
            .is_some_and(|o| o.on == Host::Source && o.value)
    };
    before(&mut plan, fences, &[OFF_HERE, IS_OFF_HERE]);
    let look = look(&plan).expect("it is asked");
    assert_eq!(look.status, Status::Fail);
    assert!(look.reason.contains("1537"), "{look:?}");
    assert!(tells(&outcome(&plan), "1537"));
}

#[test]
fn the_name_of_an_event_may_be_written_in_other_letters() {
    let mut plan = plan("dms-full-load-cdc", "", &[]);
    let create = "run_sql = { on = \"target\", sql = \"CREATE EVENT Job ON SCHEDULE EVERY 2 SECOND DO DELETE FROM job_runs \
                  WHERE id = 1\" }";
    before(&mut plan, moves, &[create]);
    plan.runbook.abort.push(step(ON_HERE));
    let fences = |step: &Step| {
        step.set_read_only
            .is_some_and(|o| o.on == Host::Source && o.value)
    };
    before(&mut plan, fences, &[OFF_HERE, IS_OFF_HERE]);
    bears_out(&plan, Status::Pass, "", "safe");
}

#[test]
fn the_source_runs_nothing_from_the_note_on() {
    let mut plan = plan(
        "scenarios/hazards/event-behind-a-closed-door.remedy.runbook.toml",
        "",
        &[],
    );
    before(&mut plan, moves, &[ON_HERE, "pause = { for = \"10s\" }"]);
    bears_out(&plan, Status::Fail, "the source still runs", "P8");
}

#[test]
fn what_an_abort_step_types_on_a_fenced_source_is_refused() {
    let mut plan = plan(REMEDY, "", &[]);
    let disables = "run_sql = { on = \"source\", sql = \"ALTER EVENT job DISABLE\" }";
    let enables = "run_sql = { on = \"source\", sql = \"ALTER EVENT job ENABLE\" }";
    let fences = |step: &Step| {
        step.set_read_only
            .is_some_and(|o| o.on == Host::Source && o.value)
    };
    before(&mut plan, fences, &[disables]);
    let moved = plan.runbook.steps.iter().position(moves).expect("it moves");
    let there = Step {
        on_failure: OnFailure::Insist,
        ..step("run_sql = { on = \"target\", sql = \"ALTER EVENT job ENABLE\" }")
    };
    plan.runbook.steps.insert(moved + 1, there);
    let mut behind = plan.clone();
    behind.runbook.abort.push(step(enables));
    bears_out(&behind, Status::Pass, "", "safe");
    plan.runbook.abort.insert(0, step(enables));
    let look = look(&plan).expect("it is asked");
    assert!(look.reason.contains("no abort step"), "{look:?}");
}

#[test]
fn a_new_event_runs_at_once_and_leaves_the_others_their_times() {
    let event =
        "workload.event=[{ name = \"job\", every = \"20s\", starts = \"2026-03-02T09:58:01Z\" }]";
    let sets = [event.to_string(), "source.parameter_delay=5s".to_string()];
    let scenario = load_scenario("orders-small", &sets).unwrap_or_else(|error| panic!("{error}"));
    let mut world = World::new(&scenario.plan(1, None), None).expect("a world");
    world.advance_to(30_400_000);
    let create = "CREATE EVENT other ON SCHEDULE EVERY 30 SECOND DO INSERT INTO job_runs (job, ran_at) VALUES ('other', NOW())";
    world.type_sql(Host::Source, create).expect("it is typed");
    // Off, and on again before that has arrived: nothing changes.
    world.deliver_event_scheduler(Host::Source, false);
    world.advance_to(31_000_000);
    world.deliver_event_scheduler(Host::Source, true);
    world.advance_to(70_000_000);
    world.deliver_event_scheduler(Host::Source, false);
    world.advance_to(119_000_000);
    let history = &world.history;
    let runs = |name: &str| {
        let place = history.events.iter().position(|known| known == name);
        let of_event = history.operations.iter();
        let of_event =
            of_event.filter(|o| o.client == SCHEDULER && Some(o.subject as usize) == place);
        of_event.map(|o| o.invoked / 1_000_000).collect::<Vec<_>>()
    };
    assert_eq!(runs("shop.job"), [1, 21, 41, 61]);
    assert_eq!(runs("shop.other"), [30, 60]);
}
