//! What fails is found, grouped, attributed and replayable; what is sound stays clean.

use crate::support::{command, out, output, scenario, strategy, sweep};
use cutover::{
    scenarios::{load_plan, parse_plan},
    sim::{
        explore::{Bias, Choice, ROUND, Report, Swarm},
        failure::Failure,
        faults::CATALOGUE,
        outcome::{StoryLine, Verdict},
        run::run,
        runbook::Step,
    },
};
use std::panic;

fn report(name: &str, seeds: std::ops::Range<u64>) -> Report {
    let report = sweep(name).seeds(seeds).run();
    report.expect("the plans can be run")
}

#[test]
fn sound_strategies_stay_clean_under_the_faults_that_they_promise_to_survive() {
    for name in ["snapshot-binlog-gtid", "snapshot-binlog-position"] {
        let report = report(name, 0..400);
        assert!(report.findings.is_empty(), "{name}: {:#?}", report.findings);
        assert!(report.tried > 300, "{name}: {:?}", report.verdicts);
        let kinds = report.faults.iter();
        let never: Vec<_> = kinds.filter(|k| k.plans == 0).map(|k| k.kind).collect();
        assert!(never.is_empty(), "{name}: never fired: {never:?}");
    }
}

#[test]
fn migrations_that_were_called_off_are_told_by_the_step_that_failed() {
    let report = report("snapshot-binlog-gtid", 0..400);
    let aborted = report.verdicts[&Verdict::Aborted];
    let told: u64 = report.called_off.iter().map(|off| off.plans).sum();
    assert_eq!(told, aborted, "each at some step");
    assert!(report.called_off.len() > 2, "{:#?}", report.called_off);
    let runbook = strategy("snapshot-binlog-gtid");
    for off in &report.called_off {
        let step = &runbook.steps[off.at.step as usize - 1];
        assert_eq!(off.at.during, step.say);
        assert_eq!(off.name, format!("called-off-{}", off.at.step));
        assert!(!off.at.because.is_empty());
    }
    let swarm = Swarm::new(&scenario().plan(0, Some(&runbook)), &Choice::Contract, 4);
    // Nothing leads the first round.
    let mut offs = report.called_off.iter();
    let off = offs.find(|off| off.cheapest.seed < ROUND).expect("some");
    let plan = swarm.plan(off.cheapest.seed, &Bias::none());
    let outcome = run(&plan, None).expect("it can be run").outcome;
    assert_eq!(outcome.verdict, Verdict::Aborted);
    assert_eq!(outcome.fingerprint, off.cheapest.fingerprint);
    let said = |line: &StoryLine| line.what == format!("cannot go on: {}", off.at.because);
    assert!(outcome.story.iter().any(said), "{:#?}", off.at);
}

/// A first step that nothing can carry out.
#[test]
fn a_sweep_in_which_everything_is_called_off_is_not_safe() {
    let mut runbook = strategy("snapshot-binlog-gtid");
    let say = "Restore what was never taken".to_string();
    let restore = runbook.steps.remove(2);
    runbook.steps.insert(0, Step { say, ..restore });
    let sweep = sweep("snapshot-binlog-gtid")
        .strategy(&runbook)
        .seeds(0..20);
    let report = sweep.run().expect("the plans can be run");
    assert_eq!(report.verdicts.get(&Verdict::Aborted), Some(&20));
    assert!(!report.is_carried_out());
    let panicked = panic::catch_unwind(|| sweep.assert_safe()).expect_err("nothing was tried");
    let said = panicked.downcast_ref::<String>().expect("a message");
    for part in [
        "none is safe",
        "20 called off at step 1",
        "Restore what was never taken",
    ] {
        assert!(said.contains(part), "{part}:\n{said}");
    }
}

#[test]
fn naive_strategies_are_caught_and_each_cause_is_one_finding() {
    for (name, property) in [
        ("naive-no-fence", "P1"),
        ("naive-lag-gate", "P1"),
        ("snapshot-only", "P1"),
    ] {
        let report = report(name, 0..200);
        let ids: Vec<_> = report
            .findings
            .iter()
            .filter_map(|f| f.property.clone())
            .collect();
        assert!(
            ids.iter().any(|id| id.starts_with(&format!("{property} "))),
            "{name} is caught by {ids:?}"
        );
        let failed: u64 = report.findings.iter().map(|f| f.plans).sum();
        assert!(
            (report.findings.len() as u64) < failed,
            "{name}: {failed} failures are no {} findings",
            report.findings.len()
        );
        let names: std::collections::BTreeSet<_> =
            report.findings.iter().map(|f| &f.name).collect();
        assert_eq!(names.len(), report.findings.len(), "{name}: one file each");
    }
}

#[test]
fn findings_do_not_depend_on_the_number_of_jobs() {
    let sweep = sweep("naive-lag-gate").seeds(0..600);
    let one = sweep.clone().jobs(1).run().expect("the plans can be run");
    assert!(!one.findings.is_empty());
    for jobs in [2, 3] {
        let other = sweep
            .clone()
            .jobs(jobs)
            .run()
            .expect("the plans can be run");
        assert_eq!(one, other, "{jobs} jobs");
    }
}

#[test]
fn a_hazard_that_does_harm_is_named_as_the_assumption_that_broke() {
    let sweep = sweep("snapshot-binlog-gtid").seeds(0..600);
    let report = sweep
        .faults(Choice::Hazards)
        .run()
        .expect("the plans can be run");
    let broke: Vec<_> = report.findings.iter().map(|f| &f.broke).collect();
    assert!(
        broke.iter().any(|b| b.contains_key("async_failover")),
        "{broke:#?}"
    );
    assert!(
        broke.iter().all(|b| b.len() == 1),
        "no failure without a broken assumption, and none with two: {broke:#?}"
    );
}

#[test]
fn only_what_there_is_can_be_struck() {
    let kinds = |name: &str| {
        let base = scenario().plan(0, Some(&strategy(name)));
        let kinds = Swarm::new(&base, &Choice::Hazards, 3).kinds();
        let keys = kinds.iter().map(|kind| kind.facts().key);
        keys.filter(|key| key.starts_with("dms_"))
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds("snapshot-binlog-gtid"), [""; 0]);
    assert_eq!(
        kinds("dms-full-load-cdc"),
        ["dms_task_crash", "dms_instance_failover"]
    );
}

/// Plans that a hazard gets to do harm in: a blind retry needs its connection cut while a COMMIT is under way.
const HAZARD_PLANS: u64 = 2_000;

#[test]
fn every_kind_of_hazard_has_a_plan_in_which_it_is_caught_and_named() {
    let base = scenario().plan(0, Some(&strategy("snapshot-binlog-gtid")));
    let hazards = CATALOGUE.iter().filter(|facts| facts.breaks.is_some());
    let mut harmless = Vec::new();
    for facts in hazards {
        // Beside it connections are reset, which a blind retry needs to do harm and nothing minds by itself.
        let kinds = [facts.key, "reset"].map(String::from).to_vec();
        let swarm = Swarm::new(&base, &Choice::These(kinds), 3);
        let caught = (0..HAZARD_PLANS).any(|seed| {
            let plan = swarm.plan(seed, &Bias::none());
            let outcome = run(&plan, None).expect("it can be run").outcome;
            let called_off = outcome.verdict == Verdict::Aborted;
            let caught = called_off || Failure::of(&outcome).is_some();
            if caught {
                let mut named: Vec<_> = outcome.faults.iter().filter_map(|f| f.breaks).collect();
                named.dedup();
                assert_eq!(named, facts.breaks.as_slice(), "{}, seed {seed}", facts.key);
            }
            caught
        });
        if !caught {
            harmless.push(facts.key);
        }
    }
    assert_eq!(
        harmless, [""; 0],
        "never caught in {HAZARD_PLANS} plans each"
    );
}

#[test]
fn what_the_scenario_expects_is_no_failure_of_a_sweep() {
    let expects = |expect: &[&str], strategy: &str| {
        let mut args = vec!["--strategy", strategy, "--seeds", "8", "--faults", "burst"];
        // Eight calm plans need not see it.
        let exempt = "explore.exempt=[{ probe = \"stale-address\", because = \"few plans\" }]";
        for set in expect.iter().chain([&exempt]) {
            args.extend(["--set", set]);
        }
        let output = output(&args);
        (output.status.code(), out(&output))
    };
    let (status, text) = expects(&["expect.violates=[\"P1\"]"], "snapshot-only");
    assert_eq!(status, Some(0), "{text}");
    let (status, text) = expects(&["expect.violates=[\"P8\"]"], "snapshot-only");
    assert_eq!(status, Some(1), "another property: {text}");
    let (status, text) = expects(&["expect.violates=[\"P1\"]"], "snapshot-binlog-gtid");
    assert_eq!(status, Some(1), "nothing fails: {text}");
    let (status, text) = expects(&["expect.verdict=safe"], "snapshot-only");
    assert_eq!(status, Some(1), "{text}");
}

#[test]
fn findings_of_one_cause_stand_together() {
    let sweep = sweep("snapshot-binlog-gtid").seeds(0..600);
    let report = sweep
        .faults(Choice::These(
            ["async_failover", "privileged_writer", "stray_writer"]
                .map(String::from)
                .to_vec(),
        ))
        .run()
        .expect("the plans can be run");
    let mut causes: Vec<_> = report.findings.iter().map(|f| &f.broke).collect();
    assert!(causes.len() > 3, "{:#?}", report.findings);
    causes.dedup();
    let mut distinct = causes.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(causes.len(), distinct.len(), "{causes:#?}");
    for assumption in &report.assumptions {
        let of_it = report
            .findings
            .iter()
            .filter(|f| f.broke.contains_key(&assumption.kind));
        let failed: u64 = of_it.map(|f| f.plans).sum();
        assert_eq!(failed, assumption.failed, "{assumption:?}");
    }
}

#[test]
fn a_finding_is_kept_as_a_plan_that_replays_to_its_fingerprint() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("sweep").display().to_string();
    let sweep = output(&[
        "--strategy",
        "naive-no-fence",
        "--seeds",
        "0..100",
        "--out",
        &path,
    ]);
    assert_eq!(sweep.status.code(), Some(1), "{}", out(&sweep));
    let mut plans = 0;
    for entry in std::fs::read_dir(&path).expect("the folder is there") {
        let file = entry.expect("an entry").path();
        if file.extension().is_some_and(|e| e == "toml") {
            let text = file.display().to_string();
            assert!(out(&sweep).contains(&text), "{text} is named");
            let plan = load_plan(&text).unwrap_or_else(|error| panic!("{error}"));
            let recorded = plan.recorded.clone().expect("it says what its run came to");
            let outcome = run(&plan, None).expect("it can be run").outcome;
            assert_eq!(outcome.fingerprint, recorded.fingerprint, "{text}");
            plans += 1;
        }
    }
    assert!(plans > 0);
}

#[test]
fn assert_safe_passes_what_is_sound_and_panics_with_the_plan_of_what_is_not() {
    sweep("snapshot-binlog-gtid").seeds(0..20).assert_safe();
    let naive = sweep("snapshot-only").seeds(0..20);
    let panicked = panic::catch_unwind(|| naive.assert_safe()).expect_err("it loses writes");
    let said = panicked.downcast_ref::<String>().expect("a message");
    assert!(said.contains("P1 No lost write"), "{said}");
    let (_, text) = said.split_once("FILE`:\n\n").expect("the plan follows");
    let plan = parse_plan("message", text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(plan.runbook.name, strategy("snapshot-only").name);
    let recorded = plan.recorded.clone().expect("with its fingerprint");
    let outcome = run(&plan, None).expect("it can be run").outcome;
    assert_eq!(outcome.fingerprint, recorded.fingerprint);
}

#[test]
fn json_has_the_findings_and_text_what_a_clean_sweep_means() {
    let json = output(&[
        "--strategy",
        "snapshot-only",
        "--seeds",
        "20",
        "--format",
        "json",
    ]);
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).expect("one object");
    assert_eq!(value["findings"][0]["property"], "P1 No lost write");
    assert_eq!(value["at_most_percent"], serde_json::Value::Null);
    let clean = command(&["--seeds", "20", "--most-faults", "0"])
        .output()
        .expect("it runs");
    let text = out(&clean);
    assert!(
        text.contains("0 of 20 plans failed; at most 14 % fail"),
        "{text}"
    );
    assert!(text.contains("It says nothing about:"), "{text}");
    assert!(
        text.contains("kinds of faults that were not drawn"),
        "{text}"
    );
}
