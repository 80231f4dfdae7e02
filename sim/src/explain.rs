//! Why a write was lost, came again, or should not be there.
//!
//! The pipeline is walked from the source on: committed (GTID, file and position), in the snapshot or not, still in the
//! binlog, sent, in the relay log, applied, visible. The first stage that does not have the write is the
//! cause. Every word comes from what happened in the run, none from the runbook's name.

mod fed;
mod lost;

pub use lost::lost_write;

use crate::{
    evidence::Evidence,
    history::{Commit, Kind, Operation, SCHEDULER, Told},
    outcome::{Explanation, Stage},
    properties::{Phantom, Repeated, lost, phantoms, repeated},
    runbook::Host,
    workload::orders::makes_order,
};
use cutover_model::binlog::log::LogPos;
use serde::Serialize;
use std::collections::BTreeMap;

/// So many of each sort are explained.
const EXPLAINED: usize = 5;

/// The first lost, phantom and repeated writes, explained.
pub fn explanations(e: &Evidence<'_>) -> Vec<Explanation> {
    let lost = chosen(e).into_iter().map(|o| lost_write(e, o));
    let phantoms = phantoms(e).iter().take(EXPLAINED).map(|p| phantom(e, *p));
    let again = repeated(e)
        .iter()
        .take(EXPLAINED)
        .map(|r| repeated_write(e, *r));
    lost.chain(phantoms).chain(again).collect()
}

/// What a run came to, and why, without its numbers: what two runs of a runbook should agree on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Causes {
    /// The stages that lost writes did not reach, and how many writes got lost at each.
    pub lost_at: BTreeMap<Stage, u64>,
    /// The thread of replication that stopped with an error.
    pub stopped: Option<Thread>,
}

/// A thread of replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Thread {
    /// Gets the binlog.
    Receiver,
    /// Applies it.
    Applier,
}

/// Why a run came to what it did.
pub fn causes(e: &Evidence<'_>) -> Causes {
    let mut causes = Causes::default();
    for number in lost(e) {
        let stage = lost_write(e, *number).stage;
        *causes.lost_at.entry(stage).or_default() += 1;
    }
    let replication = &e.marks.replication;
    causes.stopped = match (&replication.failed, &replication.refused) {
        (Some(_), _) => Some(Thread::Applier),
        (None, Some(_)) => Some(Thread::Receiver),
        (None, None) => None,
    };
    causes
}

/// The first lost writes; among them the first new order, which people can look for.
fn chosen(e: &Evidence<'_>) -> Vec<u32> {
    let mut lost = lost(e).to_vec();
    let operations = &e.history.operations;
    let kind = |o: &u32| operations.get(*o as usize).map(|o| o.kind);
    let is_order = |o: &u32| kind(o).is_some_and(makes_order);
    let order = lost.iter().copied().find(is_order);
    lost.truncate(EXPLAINED);
    if let (Some(last), Some(order)) = (lost.last_mut(), order) {
        *last = order.max(*last);
    }
    lost
}

/// An explanation as a person reads it: `Order 1000001, placed by client 7 and confirmed at 10:01:00.412
/// (GTID …:1000345, mysql-bin-changelog.000215:4711). The snapshot had been cut …`
pub fn sentence(explanation: &Explanation) -> String {
    let mut text = capital(&explanation.what);
    let place = [
        explanation.gtid.as_ref().map(|g| format!("GTID {g}")),
        explanation.position.clone(),
    ];
    let place: Vec<String> = place.into_iter().flatten().collect();
    if !place.is_empty() {
        text.push_str(&format!(" ({})", place.join(", ")));
    }
    text.push_str(". ");
    text.push_str(&explanation.because);
    text
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// What an operation did, in the application's words: `order 1000001, placed by client 7`.
pub fn operation(e: &Evidence<'_>, number: u32) -> String {
    let Some(o) = e.history.operations.get(number as usize) else {
        return "a transaction of the server itself".into();
    };
    let (subject, client) = (o.subject, o.client);
    match o.kind {
        kind if makes_order(kind) && o.commit == crate::history::NO_COMMIT => {
            format!("an order of client {client}")
        }
        Kind::Place => format!("order {subject}, placed by client {client}"),
        Kind::Pay => format!("the payment of order {subject} by client {client}"),
        Kind::Transfer => format!("a transfer from customer {subject} by client {client}"),
        Kind::Cancel => format!("the cancellation of order {subject} by client {client}"),
        Kind::Read => format!("a read of order {subject} by client {client}"),
        Kind::Rollback => format!("an order of client {client} that was rolled back"),
        Kind::Draft => format!("order {subject}, drafted by client {client}"),
        Kind::Amend => format!("the new total of order {subject} by client {client}"),
        Kind::Statement if client == SCHEDULER => {
            let (event, host) = (e.history.event_name(subject), o.host.name());
            format!("a run of the event {event} on the {host}")
        }
        Kind::Statement => "a statement of the operator's".to_string(),
        Kind::Recorded => recorded(e, subject),
    }
}

fn recorded(e: &Evidence<'_>, index: u64) -> String {
    let place = e.names.recording.as_ref().and_then(|r| {
        let entry = r.entries().get(usize::try_from(index).ok()?)?;
        Some(format!(" ({})", r.place(entry)))
    });
    format!(
        "recorded transaction {}{}",
        index + 1,
        place.unwrap_or_default()
    )
}

/// A commit of the source in a few words, with its GTID or position.
pub fn commit(e: &Evidence<'_>, number: u32) -> String {
    let Some(commit) = e.history.source.get(number as usize) else {
        return "a transaction that the source does not have".into();
    };
    let name = e.gtid(&commit).unwrap_or_else(|| e.position(commit.end));
    let what = match e.history.is_of_rds(number) {
        true => "RDS's own heartbeat".into(),
        false => operation(e, commit.operation),
    };
    format!("{what} (committed at {}, {name})", e.clock(commit.at))
}

/// A length of time as people say it: `212 ms`, `60.1 s`, `12 min 3 s`, `3 h 12 min`.
pub(crate) fn span(us: u64) -> String {
    let (ms, s) = (us / 1_000, us / 1_000_000);
    match s {
        0 if ms == 0 => "less than 1 ms".into(),
        0 => format!("{ms} ms"),
        1..120 => format!("{s}.{} s", ms / 100 % 10),
        120..7_200 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3_600, s / 60 % 60),
    }
}

fn commit_of(e: &Evidence<'_>, o: &Operation) -> Option<Commit> {
    e.history.commits(o.host).get(o.commit as usize)
}

/// An explanation of an operation; the position and the GTID are those of its commit on the source.
fn explained(e: &Evidence<'_>, number: u32, stage: Stage, because: String) -> Explanation {
    let o = e.history.operations.get(number as usize);
    let commit = o.and_then(|o| Some((o, commit_of(e, &o)?)));
    let at = match commit {
        Some((o, commit)) if o.told == Told::Ok => o.returned.min(e.end_us).max(commit.at),
        Some((_, commit)) => commit.at,
        None => o.map_or(0, |o| o.invoked),
    };
    let told = match o.map(|o| (o.told, o.kind)) {
        Some((Told::Ok, kind)) if makes_order(kind) => format!(" and confirmed at {}", e.clock(at)),
        Some((Told::Ok, _)) => format!(", confirmed at {}", e.clock(at)),
        _ => String::new(),
    };
    let on_source = commit
        .filter(|(o, _)| o.host == Host::Source)
        .map(|(_, c)| c);
    Explanation {
        what: operation(e, number) + &told,
        at: e.moment(at),
        gtid: on_source.and_then(|c| e.gtid(&c)),
        position: on_source.map(|c| e.position(c.end)),
        stage,
        because,
    }
}

/// Why something is there that should not be.
pub fn phantom(e: &Evidence<'_>, phantom: Phantom) -> Explanation {
    match phantom {
        Phantom::Failed(number) => {
            let because = "Its client was told that it had failed, and it is there all the same.";
            explained(e, number, Stage::Visible, because.into())
        }
        Phantom::Order(id) => {
            let mut placed = e
                .writes()
                .filter(|(_, o)| makes_order(o.kind) && o.subject == id);
            match placed.find(|(_, o)| commit_of(e, o).is_some()) {
                Some((number, _)) => {
                    let because =
                        "Its row is on the database that serves, which never got the transaction.";
                    explained(e, number, Stage::Visible, because.into())
                }
                None => Explanation {
                    what: format!("order {id}"),
                    at: e.moment(e.end_us),
                    gtid: None,
                    position: None,
                    stage: Stage::Visible,
                    because: "It is there, and no transaction that committed has placed it.".into(),
                },
            }
        }
        Phantom::Unknown(index) => {
            let at = e.applied.get(index).map_or(e.end_us, |a| a.at);
            Explanation {
                what: format!("a transaction that the target applied at {}", e.clock(at)),
                at: e.moment(at),
                gtid: None,
                position: None,
                stage: Stage::Applied,
                because: match e.applied.get(index).and_then(|a| e.erased(a.commit)) {
                    Some(lost) => format!(
                        "The source had sent it, and lost it itself at {}.",
                        e.clock(lost)
                    ),
                    None => "The source's history does not have it.".into(),
                },
            }
        }
    }
}

/// Why something took effect again.
pub fn repeated_write(e: &Evidence<'_>, repeated: Repeated) -> Explanation {
    match repeated {
        Repeated::Commit(number) => {
            let operation = e
                .history
                .source
                .get(number as usize)
                .map_or(u32::MAX, |c| c.operation);
            let mut times = e
                .applied
                .iter()
                .filter(|a| a.commit == number)
                .map(|a| e.clock(a.at));
            let first = times.next().unwrap_or_default();
            let because = match e.snapshot.filter(|s| number < s.commits) {
                Some(s) => format!(
                    "The snapshot, cut at {}, had it already, and the target applied it again at {first}{}.",
                    e.clock(s.at),
                    started_before(e, s.end)
                ),
                None => format!(
                    "The target applied it at {first}, and again at {}.",
                    times.next().unwrap_or_default()
                ),
            };
            explained(e, operation, Stage::Applied, because)
        }
        Repeated::Operation(number) => {
            let because = "It was committed more than once.";
            explained(e, number, Stage::Visible, because.into())
        }
        Repeated::Request { first, again } => {
            let placed = |id: u64| {
                let mut places = e
                    .writes()
                    .filter(|(_, o)| makes_order(o.kind) && o.subject == id);
                places.find(|(_, o)| e.is_visible(o))
            };
            let unknown = placed(first).is_some_and(|(_, o)| o.told == Told::Info);
            let because = match unknown {
                true => format!(
                    "The same request had placed order {first} before. The connection had broken with its COMMIT on the way, so \
                     the client did not know, and sent the request again."
                ),
                false => format!("The same request had placed order {first} before."),
            };
            let number = placed(again).map_or(u32::MAX, |(n, _)| n);
            explained(e, number, Stage::Visible, because)
        }
    }
}

/// Where replication began, when that was before the snapshot's end.
fn started_before(e: &Evidence<'_>, end: LogPos) -> String {
    match e.marks.replication.from.filter(|from| *from < end) {
        Some(from) => format!(
            ": replication had been started at {}, before the snapshot's end at {}",
            e.position(from),
            e.position(end)
        ),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
