//! Probes: rare paths with names. A sweep says which of them its runs went along, and fails when one that the
//! strategy can reach was never reached: a check of what was not exercised says nothing.

use crate::{
    environment::{Checksum, Environment, Link, Retention, Retry},
    faults::{Kind, Occasion},
    plan::Plan,
    runbook::{Host, Op, Role, SetExternalSource},
    workload_spec::Kind as Workload,
};

macro_rules! probes {
    ($($variant:ident, $name:literal, $about:literal;)*) => {
        /// A rare path.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Probe {
            $(#[doc = $about] $variant,)*
        }

        /// All probes with their names and what they are.
        pub const CATALOGUE: &[(Probe, &str, &str)] = &[$((Probe::$variant, $name, $about),)*];
    };
}

probes! {
    CrashBetweenPublishAndCommit, "crash-between-publish-and-commit", "The source crashed with a transaction in its binlog that its engine had not committed.";
    CrashInRestore, "crash-in-restore", "The source crashed or failed over while the snapshot was being restored.";
    CommitOutcomeUnknown, "commit-outcome-unknown", "A client lost its connection after it had sent COMMIT.";
    UnknownHadSucceeded, "unknown-had-succeeded", "A transaction whose client never heard of its COMMIT was committed all the same.";
    RetryAfterSuccess, "retry-after-success", "A client tried a transaction again whose COMMIT had succeeded, unheard.";
    HandshakePurged, "handshake-purged", "The source refused the receiver because it had purged what the receiver needs.";
    HandshakeTooNew, "handshake-too-new", "The source refused the receiver because the receiver has more than the source.";
    HandshakePastEnd, "handshake-past-end", "The source refused the receiver because its binlog does not reach that far: a tail is lost.";
    HandshakeRefused, "handshake-refused", "The source refused the receiver for another reason.";
    ZeroLagUnreceived, "zero-lag-unreceived", "Seconds_Behind_Source read 0 while the source had events that the target had not received.";
    ReceiverReconnected, "receiver-reconnected", "The receiver lost its connection and got another.";
    ReplicationResumed, "replication-resumed", "The target's server came back from a crash and went on replicating by itself.";
    ApplierDiedAtWork, "applier-died-at-work", "The applier's threads died while they were applying.";
    RelayLogLostUnapplied, "relay-log-lost-unapplied", "The relay log was lost with transactions in it that were not applied.";
    CorruptEventRefused, "corrupt-event-refused", "The receiver refused binlog events whose checksum was wrong.";
    WriteRefusedByFence, "write-refused-by-fence", "A client's write was refused because the source was read-only.";
    CommitRefusedByFence, "commit-refused-by-fence", "A transaction that was open when the source became read-only was refused at COMMIT.";
    StaleAddress, "stale-address", "A client that connected anew went to the source after the name had been pointed at the target.";
    AnswerLost, "answer-lost", "A call to the control plane took effect, and the operator never got the answer.";
    FoundDone, "found-done", "The operator began a step again and found that it was done.";
    StepRepeated, "step-repeated", "Somebody did a step again that had been done, and was not refused.";
    OperatorBackBeforeGate, "operator-back-before-gate", "The operator was lost, and came back with the fence up and the gate still to pass.";
    OpenAtFence, "open-at-fence", "A transaction was open when the source became read-only.";
    TwoPhasesBehindFence, "two-phases-behind-fence", "An XA transaction that had been begun before was committed on a server that was read-only.";
    LoadCutShort, "load-cut-short", "A DMS task took the end of the source's connection for the end of a table's rows.";
    DmsTaskFailed, "dms-task-failed", "A DMS task stopped at an error.";
    DmsCrashedAtWork, "dms-crashed-at-work", "A DMS task lost its memory with changes in it that were not applied.";
    StatementWaitedForDdl, "statement-waited-for-ddl", "A client's statement waited for an ALTER TABLE, or the ALTER TABLE for a client's transaction.";
    FenceWaitedForStatement, "fence-waited-for-statement", "SET GLOBAL read_only waited for statements that waited for a lock, and writers hung behind it.";
    AccessDenied, "access-denied", "A server refused the application's password, or had no such account.";
}

impl Probe {
    /// Its name.
    pub fn name(self) -> &'static str {
        CATALOGUE[self as usize].1
    }

    /// The probe of a name; none for a name that is not known.
    pub fn of_name(name: &str) -> Option<Self> {
        let found = CATALOGUE.iter().find(|(_, known, _)| *known == name);
        found.map(|(probe, ..)| *probe)
    }

    /// What it is.
    pub fn about(self) -> &'static str {
        CATALOGUE[self as usize].2
    }
}

/// What leads to a rare path: a fault of one of these kinds, on one of these occasions. Empty: any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lead {
    /// Kinds of faults.
    pub kinds: &'static [Kind],
    /// Occasions.
    pub occasions: &'static [Occasion],
}

impl Lead {
    /// Nothing in particular.
    pub const ANYWHERE: Self = Self {
        kinds: &[],
        occasions: &[],
    };
}

/// The source loses its memory.
const CRASHES: &[Kind] = &[Kind::SourceCrash, Kind::SourceFailover, Kind::AsyncFailover];
/// Connections break, and somebody tries again.
const RETRIES: &[Kind] = &[
    Kind::BlindRetry,
    Kind::Reset,
    Kind::Partition,
    Kind::SourceCrash,
    Kind::SourceFailover,
];
/// Binlog files go.
const PURGES: &[Kind] = &[Kind::PurgeBinlogs, Kind::RetentionLost];
/// The target's server goes.
const TARGET_CRASHES: &[Kind] = &[Kind::TargetCrash, Kind::AuroraFailover];
/// What applies goes.
const APPLIER_CRASHES: &[Kind] = &[Kind::ApplierCrash, Kind::TargetCrash, Kind::AuroraFailover];
/// Steps are begun again.
const REDONE: &[Kind] = &[Kind::AnswerLost, Kind::OperatorCrash];
/// Connections break.
const BREAKS: &[Kind] = &[
    Kind::Reset,
    Kind::Partition,
    Kind::SourceCrash,
    Kind::SourceFailover,
    Kind::AsyncFailover,
];

impl Probe {
    /// Where a sweep looks that has not reached it: a hint, no condition.
    pub fn lead(self) -> Lead {
        let lead = |kinds, occasions| Lead { kinds, occasions };
        match self {
            Self::CrashBetweenPublishAndCommit => lead(CRASHES, &[Occasion::SourcePublishes]),
            Self::CrashInRestore => lead(CRASHES, &[Occasion::RestoreBegins]),
            Self::CommitOutcomeUnknown => lead(BREAKS, &[Occasion::CommitSent]),
            Self::UnknownHadSucceeded => lead(
                BREAKS,
                &[Occasion::SourcePublishes, Occasion::SourceCommits],
            ),
            Self::RetryAfterSuccess => lead(
                RETRIES,
                &[Occasion::SourcePublishes, Occasion::SourceCommits],
            ),
            Self::HandshakeTooNew | Self::HandshakePastEnd => lead(
                CRASHES,
                &[Occasion::BinlogReceived, Occasion::TargetApplies],
            ),
            Self::ZeroLagUnreceived => lead(
                &[Kind::Partition, Kind::Stall, Kind::HalfOpen],
                &[Occasion::ReceiverConnects, Occasion::LagReadsZero],
            ),
            Self::ReceiverReconnected => lead(
                &[Kind::Reset, Kind::Partition, Kind::HalfOpen],
                &[Occasion::ReceiverConnects],
            ),
            Self::HandshakePurged => lead(PURGES, &[Occasion::SnapshotCut, Occasion::Restored]),
            Self::ReplicationResumed => lead(TARGET_CRASHES, &[Occasion::TargetApplies]),
            Self::ApplierDiedAtWork => lead(APPLIER_CRASHES, &[Occasion::TargetApplies]),
            Self::RelayLogLostUnapplied => lead(&[Kind::RelayLogLoss], &[Occasion::BinlogReceived]),
            Self::CorruptEventRefused => lead(&[Kind::CorruptEvent], &[Occasion::ReceiverConnects]),
            Self::WriteRefusedByFence | Self::CommitRefusedByFence => {
                lead(&[Kind::Latency, Kind::Stall], &[Occasion::FenceAsked])
            }
            Self::AnswerLost => lead(&[Kind::AnswerLost], &[Occasion::StepBegins]),
            Self::FoundDone => lead(REDONE, &[Occasion::CallTakesEffect]),
            Self::StepRepeated => lead(&[Kind::StepAgain], &[Occasion::StepEnds]),
            Self::OperatorBackBeforeGate => lead(&[Kind::OperatorCrash], &[Occasion::FencePassed]),
            Self::OpenAtFence => lead(&[Kind::LongTransaction], &[Occasion::FenceAsked]),
            Self::TwoPhasesBehindFence => lead(&[Kind::XaTransaction], &[Occasion::FenceAsked]),
            Self::LoadCutShort => lead(CRASHES, &[Occasion::DmsLoadBegins]),
            Self::DmsCrashedAtWork => lead(
                &[Kind::DmsTaskCrash, Kind::DmsInstanceFailover],
                &[Occasion::BinlogReceived],
            ),
            Self::StatementWaitedForDdl => lead(&[Kind::Ddl], &[Occasion::CommitSent]),
            Self::FenceWaitedForStatement => {
                lead(&[Kind::LongTransaction, Kind::Ddl], &[Occasion::FenceAsked])
            }
            Self::AccessDenied => lead(&[Kind::PasswordChanged], &[Occasion::SnapshotCut]),
            _ => Lead::ANYWHERE,
        }
    }

    /// Whether some run of the plan's runbook can reach it, in the plan's environment and with faults of these kinds
    /// beside the plan's own. True when nobody knows better: a sweep then asks for it.
    pub fn is_reachable(self, plan: &Plan, kinds: &[Kind]) -> bool {
        let environment = &plan.environment;
        let own = || {
            plan.faults
                .iter()
                .filter_map(|fault| Some(fault.harm().ok()?.kind()))
        };
        let one_of = |wanted: &[Kind]| {
            wanted.iter().any(|kind| kinds.contains(kind))
                || own().any(|kind| wanted.contains(&kind))
        };
        let does = |wanted: fn(&Op<'_>) -> bool| {
            let steps = plan.runbook.steps.iter();
            steps
                .filter_map(|step| step.op().ok())
                .any(|op| wanted(&op))
        };
        // Where one server has GTIDs and the other none no receiver comes as far as to ask for anything.
        let gtids = environment.source.gtid_mode;
        let asks = gtids == environment.target_has_gtids();
        let replicates =
            asks && does(|op| matches!(op, Op::StartReplication(_) | Op::CreateAuroraReplica));
        let by_gtid = asks
            && gtids
            && does(|op| {
                matches!(
                    op,
                    Op::SetExternalSource(SetExternalSource { at: None, .. })
                        | Op::CreateAuroraReplica
                )
            });
        let by_position = asks
            && does(|op| {
                matches!(
                    op,
                    Op::SetExternalSource(SetExternalSource { at: Some(_), .. })
                )
            });
        // Where clients are kept out first, read_only has nobody to refuse.
        let fences = does(|op| matches!(op, Op::SetReadOnly(o) if o.on == Host::Source && o.value))
            && !does(|op| matches!(op, Op::AdmitClients(o) if o.on == Host::Source && !o.value));
        // What commits by itself is not open between two statements, and has no COMMIT to be refused.
        let opens = !environment.clients.autocommit
            || plan.workload.opens_transactions()
            || one_of(&[Kind::Cron, Kind::LongTransaction, Kind::HugeTransaction]);
        match self {
            Self::CrashBetweenPublishAndCommit => one_of(CRASHES),
            Self::CrashInRestore => {
                one_of(CRASHES)
                    && does(|op| {
                        matches!(
                            op,
                            Op::RestoreSnapshot(_)
                                | Op::MigrateLatestSnapshot
                                | Op::CreateAuroraReplica
                        )
                    })
            }
            Self::CommitOutcomeUnknown | Self::UnknownHadSucceeded => {
                one_of(BREAKS)
                    || resets(&environment.network.clients_source)
                    || does(|op| matches!(op, Op::KillConnections(_)))
            }
            Self::RetryAfterSuccess => {
                let blind = environment.clients.retry == Retry::Blind;
                one_of(BREAKS) && (blind || one_of(&[Kind::BlindRetry]))
            }
            Self::HandshakePurged => {
                let keeps = does(|op| match op {
                    Op::SetBinlogRetention(o) => o.on == Host::Source,
                    op => *op == Op::CreateAuroraReplica,
                }) || environment.source.binlog_retention != Retention::None;
                replicates && (!keeps || one_of(PURGES))
            }
            Self::HandshakeTooNew => by_gtid && loses_a_tail(environment, &one_of),
            Self::HandshakePastEnd => by_position && loses_a_tail(environment, &one_of),
            // By a host that writes no binlog.
            Self::HandshakeRefused => {
                asks && does(|op| matches!(op, Op::StartReplication(Host::Source)))
                    && !environment.target.binlog
                    && !does(|op| matches!(op, Op::EnableBinlog))
            }
            Self::ZeroLagUnreceived => {
                replicates
                    && plan.runbook.steps.iter().any(|step| {
                        let wait = step.wait.as_ref();
                        wait.is_some_and(|w| w.until.seconds_behind_source.is_some())
                    })
            }
            Self::ReceiverReconnected => {
                let broken = one_of(BREAKS)
                    || one_of(&[Kind::HalfOpen])
                    || does(|op| matches!(op, Op::Wait(wait) if wait.skip_errors.is_some()));
                replicates && (broken || resets(&environment.network.replication))
            }
            Self::WriteRefusedByFence => fences,
            Self::CommitRefusedByFence => fences && opens,
            Self::ReplicationResumed => replicates && one_of(TARGET_CRASHES),
            // Without a backlog of its own, on the way back alone, an applier is at work for a thousandth of the time.
            Self::ApplierDiedAtWork => {
                let follows = does(|op| match op {
                    Op::StartReplication(on) => *on != Host::Source,
                    op => matches!(op, Op::CreateAuroraReplica),
                });
                follows && one_of(&[Kind::ApplierCrash])
            }
            Self::RelayLogLostUnapplied => replicates && one_of(&[Kind::RelayLogLoss]),
            Self::CorruptEventRefused => {
                replicates
                    && one_of(&[Kind::CorruptEvent])
                    && environment.source.binlog_checksum == Checksum::Crc32
            }
            Self::AnswerLost => one_of(&[Kind::AnswerLost]),
            Self::FoundDone => one_of(REDONE),
            Self::StepRepeated => one_of(&[Kind::StepAgain]),
            Self::OperatorBackBeforeGate => {
                let has = |role| plan.runbook.steps.iter().any(|s| s.role == Some(role));
                one_of(&[Kind::OperatorCrash]) && has(Role::Fence) && has(Role::Gate)
            }
            Self::OpenAtFence => fences && opens,
            Self::TwoPhasesBehindFence => {
                fences && one_of(&[Kind::XaTransaction]) && plan.workload.kind == Workload::Orders
            }
            Self::LoadCutShort => {
                one_of(CRASHES) && does(|op| matches!(op, Op::CreateDmsTask(o) if !o.captures()))
            }
            Self::AccessDenied => {
                does(|op| matches!(op, Op::Repoint(o) if o.to == Host::Target))
                    && one_of(&[Kind::PasswordChanged])
                    && !does(|op| matches!(op, Op::CopyUsers))
            }
            // Something that goes wrong on the target or with the binlog, which nobody knows beforehand.
            Self::DmsTaskFailed => false,
            // Two that want one row, or an ALTER TABLE that waits, at the moment of the fence: nobody knows that either.
            Self::FenceWaitedForStatement => false,
            Self::DmsCrashedAtWork => {
                does(|op| matches!(op, Op::CreateDmsTask(o) if o.captures()))
                    && one_of(&[Kind::DmsTaskCrash, Kind::DmsInstanceFailover])
            }
            Self::StatementWaitedForDdl => {
                one_of(&[Kind::Ddl]) && plan.workload.kind == Workload::Orders
            }
            Self::StaleAddress => does(|op| matches!(op, Op::Repoint(o) if o.to == Host::Target)),
        }
    }
}

fn resets(link: &Link) -> bool {
    link.reset_every.0 > 0
}

/// Whether the source can have sent what it does not have afterwards.
fn loses_a_tail(environment: &Environment, one_of: &impl Fn(&[Kind]) -> bool) -> bool {
    let source = &environment.source;
    let durable = source.sync_binlog == 1 && source.innodb_flush_log_at_trx_commit == 1;
    one_of(&[Kind::AsyncFailover]) || (!durable && one_of(CRASHES))
}

/// How often each probe was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probes([u32; CATALOGUE.len()]);

impl Default for Probes {
    fn default() -> Self {
        Self([0; CATALOGUE.len()])
    }
}

impl Probes {
    /// One is reached.
    pub fn reach(&mut self, probe: Probe) {
        let count = &mut self.0[probe as usize];
        *count = count.saturating_add(1);
    }

    /// How often one was reached.
    pub fn count(&self, probe: Probe) -> u32 {
        self.0[probe as usize]
    }

    /// Those that were reached, and how often.
    pub fn reached(&self) -> impl Iterator<Item = (Probe, u32)> {
        let counts = CATALOGUE.iter().zip(self.0);
        counts
            .filter(|(_, n)| *n > 0)
            .map(|((probe, ..), n)| (*probe, n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_in_the_order_of_the_probes() {
        for (i, (probe, name, _)) in CATALOGUE.iter().enumerate() {
            assert_eq!((*probe as usize, probe.name()), (i, *name));
        }
    }
}
