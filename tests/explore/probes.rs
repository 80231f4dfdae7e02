//! A sweep says which rare paths it has not seen, and looks for them.

use crate::support::{out, output, scenario};
use cutover::{
    explore,
    sim::explore::{Bias, Choice, Swarm},
};

#[test]
fn a_reachable_probe_that_is_never_reached_fails_the_sweep_unless_it_is_exempt() {
    let few = &["--seeds", "2", "--faults", "source_crash"];
    let missed = output(few);
    assert_eq!(missed.status.code(), Some(1), "{}", out(&missed));
    assert!(
        out(&missed).contains("crash-in-restore"),
        "{}",
        out(&missed)
    );
    assert!(out(&missed).contains("NEVER REACHED"), "{}", out(&missed));
    let report = explore(&scenario())
        .seeds(0..2)
        .faults(Choice::These(vec!["source_crash".into()]))
        .run()
        .expect("the plans can be run");
    let exempt = report
        .missed
        .iter()
        .map(|probe| format!("{{ probe = \"{probe}\", because = \"two plans are too few\" }}"));
    let exempt = format!("explore.exempt=[{}]", exempt.collect::<Vec<_>>().join(", "));
    let mut args = few.to_vec();
    args.extend(["--set", &exempt]);
    let excused = output(&args);
    assert_eq!(excused.status.code(), Some(0), "{}", out(&excused));
    assert!(out(&excused).contains("is exempt: two plans are too few"));
}

#[test]
fn an_exemption_names_a_probe_and_a_reason() {
    for (exempt, said) in [
        (
            "{ probe = \"crash-in-restor\", because = \"x\" }",
            "did you mean `crash-in-restore`?",
        ),
        (
            "{ probe = \"stale-address\", because = \" \" }",
            "without a reason",
        ),
    ] {
        let refused = output(&["--set", &format!("explore.exempt=[{exempt}]")]);
        assert_eq!(refused.status.code(), Some(2));
        let text = crate::support::err(&refused);
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn what_cannot_be_reached_is_not_asked_for() {
    let report = explore(&scenario())
        .seeds(0..1)
        .run()
        .expect("the plans can be run");
    let is_reachable = |name: &str| {
        let probe = report.probes.iter().find(|p| p.probe == name);
        probe.unwrap_or_else(|| panic!("no probe {name}")).reachable
    };
    assert!(is_reachable("crash-in-restore"));
    assert!(
        !is_reachable("handshake-purged"),
        "retention is set, and nobody purges"
    );
    assert!(!is_reachable("handshake-past-end"), "it replicates by GTID");
}

#[test]
fn steering_reaches_what_is_rare_more_often() {
    let probe = cutover::sim::probes::Probe::CrashBetweenPublishAndCommit;
    let reached = |bias: &Bias| {
        let swarm = Swarm::new(&scenario().plan(0, None), &Choice::Contract, 4);
        let plans = (0..150).map(|seed| swarm.plan(seed, bias));
        let runs = plans.map(|plan| cutover::sim::run::run(&plan, None).expect("it can be run"));
        let saw = |run: &cutover::sim::run::Run| {
            run.outcome.probes.iter().any(|p| p.probe == probe.name())
        };
        runs.filter(saw).count()
    };
    let (without, with) = (
        reached(&Bias::none()),
        reached(&Bias::towards(&[(probe, 0)], 100)),
    );
    assert!(with > without + 5, "{without} of 150 without, {with} with");
}
