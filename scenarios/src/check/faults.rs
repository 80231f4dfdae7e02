//! What a schedule of faults must obey.

use super::{Problem, keys, within};
use crate::document::Part;
use cutover_sim::{
    faults::{Fault, Harm, Lasting, Wire},
    runbook::StepError,
    units::Micros,
};

/// Each may fire once; the trace numbers them with 16 bits.
const MOST_FAULTS: usize = 1_000;

/// Checks a schedule, `[[fault]]` by `[[fault]]`.
pub(crate) fn faults(faults: &[Fault]) -> Result<(), Problem> {
    if faults.len() > MOST_FAULTS {
        return Err(Problem::new(
            keys(&["fault"]),
            format!("{} faults; at most {MOST_FAULTS} are allowed", faults.len()),
            "a run in which everything goes wrong all the time shows nothing: leave some out",
        ));
    }
    for (index, fault) in faults.iter().enumerate() {
        check(fault).map_err(|mut problem| {
            problem
                .path
                .splice(0..0, [Part::Key("fault"), Part::Index(index)]);
            problem
        })?;
    }
    Ok(())
}

fn check(fault: &Fault) -> Result<(), Problem> {
    let harm = fault.harm().map_err(|error| match error {
        StepError::Nothing { .. } => Problem::new(
            Vec::new(),
            "the fault says not what goes wrong",
            "add a kind with its parameters, like `source_crash = {}`; `cutover list faults` has them all",
        ),
        StepError::Several { first, second } => Problem::new(
            keys(&[second]),
            format!("`{first}` and `{second}` in one fault"),
            "write a `[[fault]]` for each",
        ),
    })?;
    reaches(&harm)?;
    match (&fault.at, &fault.on) {
        (None, None) => {
            return Err(Problem::new(
                Vec::new(),
                "the fault says not when it fires",
                "add a time of the run, like `at = \"14m\"`, or an event, like `on = { event = \"lag-reads-zero\" }`",
            ));
        }
        (Some(_), Some(_)) => {
            return Err(Problem::new(
                keys(&["on"]),
                "`at` and `on` in one fault: it fires at a time or at an event",
                "leave one of them out; `after` in `on` is the time from the event on",
            ));
        }
        _ => {}
    }
    if fault.on.is_some_and(|on| on.nth == 0) {
        return Err(Problem::new(
            keys(&["on", "nth"]),
            "`nth` is 0; the first occurrence is 1",
            "write 1 or more, or leave it out",
        ));
    }
    parameters(&harm)?;
    let facts = harm.kind().facts();
    match (facts.lasting, fault.lasts) {
        (Lasting::Lasts, None) => Err(Problem::new(
            keys(&[facts.key]),
            format!(
                "`{}` goes on until it heals, and the fault does not say when",
                facts.key
            ),
            "add a duration, like `lasts = \"90s\"`",
        )),
        (Lasting::Lasts, Some(time)) if time.0 == 0 => Err(Problem::new(
            keys(&["lasts"]),
            "a fault that lasts no time at all does nothing",
            "write a duration, like `lasts = \"90s\"`",
        )),
        (Lasting::Momentary, Some(_)) => Err(Problem::new(
            keys(&["lasts"]),
            format!("`{}` is over at once: it does not last", facts.key),
            "leave `lasts` out",
        )),
        _ => Ok(()),
    }
}

/// The bounds of a kind's parameters.
fn parameters(harm: &Harm) -> Result<(), Problem> {
    let key = harm.kind().facts().key;
    let percent = |percent| {
        within(
            &[key, "percent"],
            percent,
            1..=100,
            "it is a part of the clients",
        )
    };
    match harm {
        Harm::ControlPlaneSlow(f) => within(
            &[key, "times"],
            f.times,
            2..=10_000,
            "a restore takes hours to begin with",
        ),
        Harm::Burst(f) => within(
            &[key, "times"],
            f.times,
            2..=1_000,
            "every transaction of it costs memory and time",
        ),
        Harm::StepAgain(f) => within(
            &[key, "step"],
            f.step,
            1..=1_000,
            "steps are counted from 1",
        ),
        Harm::StaleDns(f) => percent(f.percent),
        Harm::CachedForever(f) => percent(f.percent),
        Harm::PinnedPool(f) => percent(f.percent),
        Harm::BlindRetry(f) => percent(f.percent),
        Harm::Cron(f) => pause(key, f.every),
        Harm::PrivilegedWriter(f) => pause(key, f.every),
        Harm::StrayWriter(f) => pause(key, f.every),
        Harm::ClockSkew(f) => within(
            &[key, "ahead"],
            f.ahead,
            Micros::secs(1)..=Micros::hours(24),
            "Seconds_Behind_Source counts in seconds, and who is a day off is noticed",
        ),
        Harm::HugeTransaction(f) => within(
            &[key, "rows"],
            f.rows,
            3..=1_000_000,
            "a run keeps every row in memory",
        ),
        _ => Ok(()),
    }
}

/// The pause between two writes of a writer.
fn pause(key: &'static str, every: Micros) -> Result<(), Problem> {
    within(
        &[key, "every"],
        every,
        Micros::ms(1)..=Micros::hours(24),
        "every write of it costs memory and time",
    )
}

/// The operator's commands have a latency alone: there is no connection to reset, and nothing to fill a wire with.
fn reaches(harm: &Harm) -> Result<(), Problem> {
    let link = match harm {
        Harm::Jitter(f) => f.link,
        Harm::Bandwidth(f) => f.link,
        Harm::Reset(f) => f.link,
        _ => return Ok(()),
    };
    let key = harm.kind().facts().key;
    if link != Wire::Operator {
        return Ok(());
    }
    Err(Problem::new(
        keys(&[key, "link"]),
        format!("`{key}` has no effect on the operator's link: its commands are few and small"),
        "write `latency`, `stall` or `partition`, or name another link",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_sim::{faults::*, runbook::Host};

    /// What is wrong with a fault that fires at once and lasts a minute where that has a meaning.
    fn refused(harm: Harm) -> Option<String> {
        let lasts = harm.kind().facts().lasting == Lasting::Lasts;
        let fault = Fault {
            at: Some(Micros::secs(1)),
            lasts: lasts.then_some(Micros::mins(1)),
            ..harm.into_fault()
        };
        faults(&[fault]).err().map(|problem| problem.message)
    }

    #[test]
    fn a_parameter_beyond_its_bounds_is_refused_and_one_within_them_is_not() {
        let second = Micros::secs(1);
        let pairs = [
            (
                Harm::StaleDns(StaleDns { percent: 100 }),
                Harm::StaleDns(StaleDns { percent: 101 }),
            ),
            (
                Harm::PinnedPool(PinnedPool { percent: 1 }),
                Harm::PinnedPool(PinnedPool { percent: 0 }),
            ),
            (
                Harm::Cron(Cron { every: second }),
                Harm::Cron(Cron { every: Micros(0) }),
            ),
            (
                Harm::Burst(Burst { times: 2 }),
                Harm::Burst(Burst { times: 1_001 }),
            ),
            (
                Harm::StepAgain(StepAgain { step: 1 }),
                Harm::StepAgain(StepAgain { step: 0 }),
            ),
            (
                Harm::HugeTransaction(HugeTransaction { rows: 3 }),
                Harm::HugeTransaction(HugeTransaction { rows: 2_000_000 }),
            ),
            (
                Harm::ClockSkew(ClockSkew {
                    host: Host::Target,
                    ahead: second,
                }),
                Harm::ClockSkew(ClockSkew {
                    host: Host::Target,
                    ahead: Micros(1),
                }),
            ),
        ];
        for (good, bad) in pairs {
            assert_eq!(refused(good), None);
            let why = refused(bad.clone());
            assert!(
                why.is_some_and(|w| w.contains("must be between")),
                "{bad:?}"
            );
        }
    }
}
