//! The way back: a stream, a fence and a gate of its own.

use crate::changes::*;
use cutover::{
    scenarios::load_runbook,
    sim::{
        preconditions::Status,
        runbook::{Condition, CoordinatesFrom, Host, ReadCoordinates, SetBinlogRetention, Step},
    },
};

#[test]
fn the_way_back_needs_what_the_way_over_needs() {
    let sound = load_runbook(BACK).unwrap();
    for name in [
        "replicated-back",
        "retention-back",
        "fenced-back",
        "gated-back",
    ] {
        says(&sound, &[], name, Status::Pass, "");
    }
    let without = |is: &dyn Fn(&Step) -> bool| changed(BACK, |steps| steps.retain(|s| !is(s)));
    let no_binlog = without(&|step| step.enable_binlog.is_some());
    surely_fails(&no_binlog, &[], "replicated-back", "enable_binlog");
    let circle = without(&|step| {
        step.stop_replication.is_some_and(|o| o.on == Host::Target)
            || step
                .reset_external_source
                .is_some_and(|o| o.on == Host::Target)
    });
    fails(&circle, "replicated-back", "a circle");
    let late = changed(BACK, |steps| {
        let repoint = steps.remove(place(steps, repoints(Host::Target)));
        let at = place(steps, |step| {
            step.set_external_source
                .as_ref()
                .is_some_and(|o| o.on == Host::Source)
        });
        steps.insert(at, repoint);
    });
    says(
        &late,
        &[],
        "replicated-back",
        Status::Warn,
        "after that is opened",
    );
    let open = without(&|step| {
        sets_read_only(Host::Target, true)(step) || waits_read_only(Host::Target)(step)
    });
    fails(&open, "fenced-back", "no fence of the target");
    assert!(violated(&outcome(&plan(&open, 1, &[]))).contains(&"P1"));
    let not_awaited = without(&waits_read_only(Host::Target));
    fails(&not_awaited, "fenced-back", "reaches the target later");
    fails(&not_awaited, "gated-back", "before the target surely");
    let not_drained = without(&waits_drained(Host::Target));
    says(
        &not_drained,
        &[],
        "fenced-back",
        Status::Warn,
        "prepared (XA)",
    );
    let not_lasting = changed(BACK, |steps| {
        let at = place(steps, sets_read_only(Host::Target, true));
        steps[at].set_read_only.as_mut().expect("it").lasting = false;
    });
    says(&not_lasting, &[], "fenced-back", Status::Warn, "restart");
}

#[test]
fn the_targets_binlog_is_kept_until_the_source_asks_for_it() {
    const PURGED: &str = "scenarios/hazards/way-back-purged.runbook.toml";
    let hours = |kept: u32, works_for: u64| {
        changed(PURGED, |steps| {
            let at = place(steps, repoints(Host::Target));
            let keep = Step {
                set_binlog_retention: Some(SetBinlogRetention {
                    hours: kept,
                    on: Host::Target,
                }),
                ..step("Keep its files")
            };
            let repoint = steps[at].clone();
            steps.splice(at..=at, [keep, repoint, pauses(works_for)]);
        })
    };
    let name = "retention-back";
    let too_late = changed(PURGED, |steps| {
        let at = place(steps, repoints(Host::Target));
        let keep = Step {
            set_binlog_retention: Some(SetBinlogRetention {
                hours: 168,
                on: Host::Target,
            }),
            ..step("Keep its files from now on")
        };
        let repoint = steps[at].clone();
        steps.splice(at..=at, [repoint, pauses(70), keep]);
    });
    says(&too_late, &[], name, Status::Warn, "is NULL");
    fails(&hours(1, 70), name, "purged binlogs, error 1236");
    says(&hours(1, 20), &[], name, Status::Warn, "an outage");
    passes(&hours(24, 70), name, "after that is opened");
    let never = load_runbook(PURGED).unwrap();
    says(&never, &[], name, Status::Warn, "is NULL");
}

#[test]
fn the_way_back_has_a_gate_of_its_own() {
    let applied = |step: &Step| until(step).is_some_and(|u| u.applied.as_deref() == Some("back"));
    let none = changed(BACK, |steps| steps.retain(|step| !applied(step)));
    fails(&none, "gated-back", "no step waits");
    let lag = changed(BACK, |steps| {
        let at = place(steps, applied);
        steps[at].wait.as_mut().expect("a wait").until = Condition {
            caught_up: Some(0),
            ..Condition::default()
        };
    });
    fails(&lag, "gated-back", "no step waits");
    let early = changed(BACK, |steps| {
        let note = steps.remove(place(steps, notes("back")));
        let at = place(steps, sets_read_only(Host::Target, true));
        steps.insert(at, note);
    });
    fails(&early, "gated-back", "before the target surely");
    let foreign = changed(BACK, |steps| {
        let at = place(steps, notes("back"));
        steps[at].read_coordinates = Some(ReadCoordinates {
            from: CoordinatesFrom::SourceGtidExecuted,
            name: "back".into(),
        });
    });
    fails(&foreign, "gated-back", "none of the target's");
    let opened = changed(BACK, |steps| {
        let opens = steps.remove(place(steps, sets_read_only(Host::Source, false)));
        let at = place(steps, applied);
        steps.insert(at, opens);
    });
    fails(&opened, "gated-back", "comes before");
    let name_first = changed(BACK, |steps| {
        let back = steps.remove(place(steps, repoints(Host::Source)));
        let at = place(steps, sets_read_only(Host::Target, true));
        steps.insert(at, back);
    });
    fails(&name_first, "fenced-back", "no fence of the target");
}
