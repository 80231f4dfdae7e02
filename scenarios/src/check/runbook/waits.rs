//! Waits: how often they poll, and whether their condition can hold after the steps before.

use super::{Before, Problem, keys, several};
use cutover_sim::{
    runbook::{DmsCondition, DmsUntil, Host, Until, Wait},
    units::Micros,
    world::unreadable_query,
};

/// When a wait names no pause between two polls.
const DEFAULT_EVERY: Micros = Micros::secs(1);
/// Each is a step of the run, and a line of its trace.
const MOST_POLLS: u64 = 10_000_000;

impl Before<'_> {
    pub(super) fn wait(&self, wait: &Wait, timeout: Micros) -> Result<(), Problem> {
        let every = wait.every.unwrap_or(DEFAULT_EVERY);
        if every < Micros::ms(10) {
            return Err(Problem::new(
                keys(&["wait", "every"]),
                format!("`every` is {every}: no person or script polls more often than every 10ms"),
                "write a duration of 10ms or more",
            ));
        }
        if timeout.0 / every.0 > MOST_POLLS {
            return Err(Problem::new(
                keys(&["wait", "every"]),
                format!(
                    "a poll every {every} until the timeout of {timeout}: more than {MOST_POLLS} polls"
                ),
                "poll less often, or give the step a shorter `timeout`",
            ));
        }
        if !matches!(wait.polls, None | Some(1..=1_000)) {
            return Err(Problem::new(
                keys(&["wait", "polls"]),
                "`polls` must be between 1 and 1000",
                "write how many polls in a row must agree, like 3",
            ));
        }
        let until = wait.until.kind();
        let until = until.map_err(|error| several(error, &["wait", "until"]))?;
        if let Some(errors) = wait.skip_errors {
            self.skip_errors(errors, until, wait.on)?;
        }
        match until {
            Until::ReplicationRunning => {
                if self.started.contains(&wait.on) {
                    return Ok(());
                }
                Err(Problem::new(
                    keys(&["wait", "until", "replication_running"]),
                    "no earlier step starts replication",
                    "add a step with `start_replication = {}` before this one",
                ))
            }
            Until::SecondsBehindSource(seconds) => {
                self.lag(wait.on, "seconds_behind_source", seconds)
            }
            Until::CaughtUp(seconds) => self.lag(wait.on, "caught_up", seconds),
            Until::Applied(name) => {
                self.needs_host(wait.on, "wait")?;
                self.noted(name, &["wait", "until", "applied"]).map(|_| ())
            }
            Until::ReadOnly(host)
            | Until::Writable(host)
            | Until::EventScheduler(host, _)
            | Until::NoOpenTransactions(host) => self.needs_host(host, "wait"),
            Until::SnapshotAvailable(id) => {
                self.known_snapshot(id, &["wait", "until", "snapshot_available"])
            }
            Until::Row(o) => {
                self.needs_host(o.on, "wait")?;
                match unreadable_query(&o.sql) {
                    None => Ok(()),
                    Some(why) => Err(Problem::new(
                        keys(&["wait", "until", "row", "sql"]),
                        format!("no modelled server answers this question: {why}"),
                        "write SELECT 1 FROM … WHERE with `column = value` conditions joined by AND",
                    )),
                }
            }
            Until::Dms(o) => self.dms(o),
            Until::SourceUnchangedSince(name) => {
                self.noted_on_source(name, "source_unchanged_since")
            }
            Until::NoWritesSince(name) => self.noted_on_source(name, "no_writes_since"),
        }
    }

    fn skip_errors(&self, errors: u32, until: Until<'_>, on: Host) -> Result<(), Problem> {
        let path = || keys(&["wait", "skip_errors"]);
        if !(1..=1_000).contains(&errors) {
            return Err(Problem::new(
                path(),
                format!("`skip_errors` is {errors}, and must be between 1 and 1000"),
                "write how many errors are skipped before the step fails, or leave it out: none is",
            ));
        }
        if !until.is_of_replication() {
            return Err(Problem::new(
                path(),
                "this condition does not look at replication, whose errors would be skipped",
                "write it beside `replication_running`, `caught_up`, `seconds_behind_source` or `applied`",
            ));
        }
        if on == Host::Replica {
            return Err(Problem::new(
                keys(&["wait", "on"]),
                "what is skipped on a read replica would be missing in its snapshots, which is not modelled",
                "leave `skip_errors` out: an error of the read replica calls the migration off",
            ));
        }
        self.needs_source(on, "wait")
    }

    fn lag(&self, on: Host, key: &'static str, seconds: u64) -> Result<(), Problem> {
        self.needs_host(on, "wait")?;
        is_a_lag(seconds, &["wait", "until", key])
    }

    fn dms(&self, o: &DmsCondition) -> Result<(), Problem> {
        let path = ["wait", "until", "dms"];
        let until = o.kind().map_err(|error| several(error, &path))?;
        self.task(&o.task, &["wait", "until", "dms", "task"])?;
        let within = |key| ["wait", "until", "dms", key];
        match until {
            DmsUntil::Checkpoint(name) => {
                let path = within("checkpoint");
                self.position(name, &path, "a checkpoint is", "`source-position`")
            }
            DmsUntil::Latency(seconds) => is_a_lag(seconds, &within("latency")),
            DmsUntil::CaughtUp(seconds) => is_a_lag(seconds, &within("caught_up")),
            DmsUntil::Loaded
            | DmsUntil::Stopped
            | DmsUntil::Validated
            | DmsUntil::NothingMismatched => Ok(()),
        }
    }
}

/// `path` ends in the key whose value the lag is.
fn is_a_lag(seconds: u64, path: &[&'static str]) -> Result<(), Problem> {
    if seconds <= 34_560_000 {
        return Ok(());
    }
    let key = path.last().copied().unwrap_or_default();
    Err(Problem::new(
        keys(path),
        format!("`{key}` is {seconds}: more than 400 days"),
        "write a number of seconds, like 1",
    ))
}
