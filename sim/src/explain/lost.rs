//! The walk along the pipeline for a lost write.

use super::{commit_of, explained, span};
use crate::{
    evidence::{Evidence, SnapshotFacts},
    history::Commit,
    outcome::{Explanation, Stage},
    runbook::Host,
    world::Skipped,
};
use cutover_model::replica::refusal::is_fatal;

/// Why an acknowledged write (an operation, by its number) is not on the database that serves.
pub fn lost_write(e: &Evidence<'_>, number: u32) -> Explanation {
    let operation = e.history.operations.get(number as usize);
    let commit = operation.and_then(|o| Some((o, commit_of(e, &o)?)));
    let (stage, because) = match commit {
        None => (Stage::Visible, "No commit of it is known.".into()),
        Some((o, _)) if e.is_incomplete(&o) => (Stage::Applied, without_rows(e, o.commit)),
        Some((o, commit)) if o.host == Host::Target && !e.is_visible(&o) => {
            left_on_target(e, commit)
        }
        Some((o, _)) if e.is_visible(&o) => (Stage::Visible, written_over(e, o.commit, o.host)),
        Some((o, _)) if o.host == Host::Source && e.erased(o.commit).is_some() => {
            (Stage::Source, lost_by_the_source(e, o.commit))
        }
        Some((o, commit)) => Walk {
            e,
            number: o.commit,
            commit,
        }
        .cause(),
    };
    explained(e, number, stage, because)
}

/// The target confirmed it, and the application's name points at the source again.
fn left_on_target(e: &Evidence<'_>, commit: Commit) -> (Stage, String) {
    let lead = match e.marks.returned {
        Some(_) => {
            "The target had confirmed it, and then the application was pointed back at the source"
        }
        None => "The target had confirmed it, and the application's name stayed with the source",
    };
    let (back, end) = (&e.marks.replication_back, commit.end);
    if let Some(skipped) = back.skipped.iter().find(|s| s.has(end)) {
        let (stage, because) = left_out(e, skipped);
        return (stage, format!("{lead}. {because}"));
    }
    let Some(from) = back.from else {
        return match back.configured {
            None => (
                Stage::Visible,
                format!("{lead}: nothing carries writes in that direction."),
            ),
            Some(_) => (
                Stage::Sent,
                format!("{lead}; the replication back never came to read the target's binlog."),
            ),
        };
    };
    if end <= from {
        let text = format!(
            "{lead}. The replication back had been told to start behind this write: its coordinates were read after the \
             target had taken writes."
        );
        return (Stage::Binlog, text);
    }
    let reached = match (back.sent_to, back.received_to) {
        (sent, _) if sent.is_none_or(|to| end > to) => (Stage::Sent, "was not sent to the source"),
        (_, received) if received.is_none_or(|to| end > to) => {
            (Stage::RelayLog, "was not received by the source")
        }
        _ => (Stage::Applied, "was not applied on the source"),
    };
    let stopped = match (back.failed.as_ref(), back.stopped) {
        (Some((at, error)), _) => format!("had stopped at {}: {}", e.clock(*at), error.text),
        (None, Some(at)) => format!("was stopped at {}", e.clock(at)),
        (None, None) => "was left behind".to_string(),
    };
    (
        reached.0,
        format!(
            "{lead}. It {} when the replication back {stopped}.",
            reached.1
        ),
    )
}

/// The operator has left it out when replication had stopped with an error.
fn left_out(e: &Evidence<'_>, skipped: &Skipped) -> (Stage, String) {
    let (at, error) = (e.clock(skipped.at), skipped.error.errno);
    let text = skipped.error.text.trim_end_matches('.');
    match skipped.is_rest_of_file() {
        true => (
            Stage::Sent,
            format!(
                "The receiver had stopped with error {error}: {text}. At {at} the operator had it go on with the next \
                 file, and everything from {} on that was not applied was left out.",
                e.position(skipped.from)
            ),
        ),
        false if skipped.stopped_there => (
            Stage::Applied,
            format!(
                "It was in the relay log, and never applied: the applier had stopped at it with error {error}: {text}. \
                 At {at} the operator skipped it, and replication went on without it."
            ),
        ),
        false => (
            Stage::Applied,
            format!(
                "It was in the relay log, and not yet applied when the applier had stopped elsewhere with error {error}: \
                 {text}. At {at} the operator skipped what came next, which it was."
            ),
        ),
    }
}

fn lost_by_the_source(e: &Evidence<'_>, commit: u32) -> String {
    let at = e.erased(commit).unwrap_or(e.end_us);
    format!(
        "The source had confirmed it, and lost it at {} when its server or its host was lost: what the server started \
         from again did not have it yet.",
        e.clock(at)
    )
}

fn written_over(e: &Evidence<'_>, commit: u32, host: Host) -> String {
    let applied = e.applied.iter().find(|a| a.commit == commit);
    let arrived = match applied.filter(|_| host == Host::Source && e.serving == Host::Target) {
        Some(applied) => format!("It was applied on the target at {}", e.clock(applied.at)),
        None => "It was there".into(),
    };
    format!(
        "{arrived}, and its row is gone although nobody cancelled it: something that came later wrote over it."
    )
}

/// The target's filters have left something of it out.
fn without_rows(e: &Evidence<'_>, commit: u32) -> String {
    let mut left_out = e.marks.left_out.iter();
    let (since, tables) = match left_out.find(|left| left.commit == commit) {
        Some(left) => (e.clock(left.at), left.what.tables.join(", ")),
        None => Default::default(),
    };
    format!(
        "It counts as applied on the target since {since}, and its rows in {tables} are not there: the target's \
         replication filters (`target.replicate`) leave them out, and no position, GTID set or lag shows it."
    )
}

/// A commit of the source that the target does not have.
struct Walk<'e, 'w> {
    e: &'e Evidence<'w>,
    number: u32,
    commit: Commit,
}

impl Walk<'_, '_> {
    /// The first stage that does not have it, and why.
    fn cause(&self) -> (Stage, String) {
        if let Some(fed) = &self.e.fed
            && let Some(row) = fed.missing.get(&self.number)
        {
            return super::fed::cause(self.e, self.number, &self.commit, row);
        }
        let r = &self.e.marks.replication;
        if let Some(s) = self.e.snapshot.filter(|s| self.is_older_than(s))
            && !s.of_replica
        {
            return (Stage::Snapshot, self.not_durable(s));
        }
        let end = self.commit.end;
        if r.configured.is_none() {
            let because = format!(
                "{}, and nothing carried later writes to the target: no replication was ever configured.",
                self.cut()
            );
            return (Stage::Snapshot, because);
        }
        if r.started.is_none() {
            return (
                Stage::Sent,
                format!(
                    "{}, and the replication that was to carry it over was never started.",
                    self.cut()
                ),
            );
        }
        if let Some(skipped) = r.skipped.iter().find(|s| s.has(end)) {
            return left_out(self.e, skipped);
        }
        let Some(from) = r.from else {
            return self.never_connected();
        };
        if end <= from {
            return (Stage::Sent, self.before_the_start());
        }
        if self
            .e
            .marks
            .replication
            .sent_to
            .is_none_or(|sent| end > sent)
        {
            return (Stage::Sent, self.unsent());
        }
        if r.received_to.is_none_or(|received| end > received) {
            let because = format!(
                "It was on the wire {}, and the connection was closed.{}",
                self.when_stopped(),
                self.gate()
            );
            return (Stage::RelayLog, because);
        }
        (Stage::Applied, self.unapplied())
    }

    fn is_older_than(&self, snapshot: &SnapshotFacts) -> bool {
        self.commit.at <= snapshot.at
    }

    /// `The snapshot had been cut at 10:00:00.310, 60.1 s earlier`.
    fn cut(&self) -> String {
        match self.e.snapshot {
            Some(s) if s.of_replica && self.is_older_than(&s) => format!(
                "The snapshot of the read replica, cut at {}, does not have it: the replica had not applied it yet",
                self.e.clock(s.at)
            ),
            Some(s) if s.at == 0 => "The snapshot is from before the beginning of the run".into(),
            Some(s) => format!(
                "The snapshot had been cut at {}, {} earlier",
                self.e.clock(s.at),
                span(self.commit.at.saturating_sub(s.at))
            ),
            None => "There was no snapshot that could have had it".into(),
        }
    }

    /// Committed before the cut, and not in the snapshot.
    fn not_durable(&self, snapshot: SnapshotFacts) -> String {
        let later = match self.e.marks.replication.configured {
            Some(_) => {
                "By its coordinates the snapshot has it all the same, so the target did not take it from the binlog"
            }
            None => "Nothing carried it over later: no replication was ever configured",
        };
        format!(
            "The snapshot, cut at {}, {} after it, does not have it: it was not yet durable on the source's storage, \
             because innodb_flush_log_at_trx_commit or sync_binlog is not 1. {later}.",
            self.e.clock(snapshot.at),
            span(snapshot.at - self.commit.at)
        )
    }

    fn never_connected(&self) -> (Stage, String) {
        let e = self.e;
        // One that stopped by itself had asked for no file.
        let refused = e.marks.replication.refused.as_ref();
        let by_itself = refused.is_some_and(|(_, error)| !is_fatal(error.errno));
        let purged = e.marks.purged_unread.first().filter(|_| !by_itself);
        let stage = if purged.is_some() {
            Stage::Binlog
        } else {
            Stage::Sent
        };
        let mut text = format!("{}. ", self.cut());
        if let Some(file) = purged {
            text.push_str(&format!(
                "RDS deleted {file} before the target had read it. "
            ));
        }
        match refused {
            Some((at, error)) => text.push_str(&format!(
                "At {} {}: {} ({}).",
                e.clock(*at),
                match by_itself {
                    true => "the receiver stopped",
                    false => "the source refused the receiver",
                },
                error.text.trim_end_matches('.'),
                error.errno
            )),
            None => text.push_str("The receiver never got a connection to the source."),
        }
        if e.gate_on_lag && e.marks.gate.is_some() {
            text.push_str(
                " Seconds_Behind_Source was 0 all the same, because everything that had been received was applied: nothing.",
            );
        }
        (stage, text)
    }

    fn before_the_start(&self) -> String {
        let (e, r) = (self.e, &self.e.marks.replication);
        let from = r.from.unwrap_or_default();
        let snapshot = match e.snapshot {
            Some(s) => format!(
                "The snapshot, cut at {}, ends at {}",
                e.clock(s.at),
                e.position(s.end)
            ),
            None => "There was no snapshot that could have had it".into(),
        };
        format!(
            "{snapshot}, and replication was told to start at {}, behind this write. What was committed between the two \
             positions is in neither: nobody ever asked the source for it.",
            e.position(from)
        )
    }

    fn unsent(&self) -> String {
        let (e, r) = (self.e, &self.e.marks.replication);
        if let Some(stopped) = r.stopped.filter(|s| *s <= self.commit.at) {
            let later = span(self.commit.at - stopped);
            return format!(
                "Replication had been stopped at {}, {later} before it was committed{}.{}",
                e.clock(stopped),
                self.fence(),
                self.gate()
            );
        }
        if let Some((at, error)) = &r.refused {
            let text = error.text.trim_end_matches('.');
            return format!(
                "The source had not sent it when the stream ended at {}: {text} ({}).{}",
                e.clock(*at),
                error.errno,
                self.gate()
            );
        }
        let far = match e.marks.replication.sent_to {
            Some(sent) => format!(": the stream had come to {}", e.position(sent)),
            None => ": the stream had not begun".into(),
        };
        format!(
            "It was still unsent {}{far}.{}",
            self.when_stopped(),
            self.gate()
        )
    }

    fn unapplied(&self) -> String {
        let (e, r) = (self.e, &self.e.marks.replication);
        if let Some((at, error)) = &r.failed {
            let text = error.text.trim_end_matches('.');
            return format!(
                "It was in the relay log, and never applied: the applier had stopped at {} with error {}: {text}.{}",
                e.clock(*at),
                error.errno,
                self.gate()
            );
        }
        let reset = match e.marks.reset {
            Some(at) => format!(
                ", and at {} replication was reset, which discards the relay log",
                e.clock(at)
            ),
            None => String::new(),
        };
        format!(
            "It was in the relay log, unapplied, {}{reset}.{}",
            self.when_stopped(),
            self.gate()
        )
    }

    fn when_stopped(&self) -> String {
        match self.e.marks.replication.stopped {
            Some(at) => format!("when replication was stopped at {}", self.e.clock(at)),
            None => "at the end of the run".into(),
        }
    }

    /// Why clients could still write.
    fn fence(&self) -> String {
        let (e, at) = (self.e, self.commit.at);
        let Some(fence) = e.marks.fence else {
            return ", and no fence kept clients from writing to the source".into();
        };
        let taken = match fence < at {
            true => format!("the fence, taken for effective at {}, ", e.clock(fence)),
            false => "the fence ".into(),
        };
        match e.marks.source_read_only {
            Some(closed) if closed >= at => format!(
                ", and {taken}reached the server only at {}, {} after it",
                e.clock(closed),
                span(closed - at)
            ),
            Some(_) if e.marks.fence_lifted.is_none() => format!(
                ", and {taken}did not hold it back: read_only does not stop a client with CONNECTION_ADMIN"
            ),
            Some(_) => format!(", and {taken}did not hold it back"),
            None => format!(", and {taken}never made the source read-only"),
        }
    }

    /// What the gate saw when it let through, if it did.
    fn gate(&self) -> String {
        let e = self.e;
        let Some(gate) = e.marks.gate else {
            return String::new();
        };
        let at = e.clock(gate);
        if gate < self.commit.at {
            return format!(
                " The gate had let through at {at}, {} before it was committed.",
                span(self.commit.at - gate)
            );
        }
        let lag = match e.gate_on_lag {
            true => {
                ": Seconds_Behind_Source was 0, which says that everything received was applied, not that everything was received"
            }
            false => "",
        };
        format!(" The gate let through without it at {at}{lag}.")
    }
}
