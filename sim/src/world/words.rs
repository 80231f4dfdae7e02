//! Faults in the story's words.

use crate::{
    faults::{Added, BadPlace, Harm, Held, Way, Wire},
    units::Micros,
};

/// A fault in the story's words.
pub(crate) fn in_words(harm: &Harm, lasts: Micros) -> String {
    let link = |wire: Wire| match wire {
        Wire::ClientsSource => "the link between the application and the source",
        Wire::ClientsTarget => "the link between the application and the target",
        Wire::Replication => "the link between source and target",
        Wire::Operator => "the operator's link",
    };
    let way = |way: Way| match way {
        Way::Both => "",
        Way::Requests => " for what is asked",
        Way::Answers => " for what is answered",
    };
    match harm {
        Harm::Latency(f) => format!("{} is slower by {} for {lasts}", link(f.link), f.add),
        Harm::Jitter(f) => format!(
            "{} is slower by up to {} for {lasts}, each message by another time",
            link(f.link),
            f.add
        ),
        Harm::Bandwidth(f) => format!(
            "{} takes no more than {} a second for {lasts}",
            link(f.link),
            f.limit
        ),
        Harm::Stall(f) => format!("nothing gets through {} for {lasts}", link(f.link)),
        Harm::Reset(f) => format!("the connections over {} are reset", link(f.link)),
        Harm::Partition(f) => format!("{} is cut{} for {lasts}", link(f.link), way(f.way)),
        Harm::HalfOpen(_) => {
            "the source's end of the binlog stream is gone, and the receiver does not know".into()
        }
        Harm::SourceCrash(_) => {
            format!("mysqld on the source is killed, and is back in {lasts}")
        }
        Harm::SourceFailover(_) => format!(
            "the source's host is lost: the Multi-AZ standby takes over with the same storage, in {lasts}"
        ),
        Harm::AsyncFailover(f) => format!(
            "the source's standby stops following; in {} the source's host will be lost, and the standby takes over \
             as it is now, {lasts} later",
            f.behind
        ),
        Harm::DiskFull(_) => {
            format!("the source's storage is full: commits wait for space, for {lasts}")
        }
        Harm::PurgeBinlogs(f) => {
            format!(
                "somebody purges the source's binlog, but for the last {} files",
                f.keep
            )
        }
        Harm::RetentionLost(_) => "somebody sets binlog retention hours to NULL".into(),
        Harm::PasswordChanged(_) => "somebody changes the application's password".into(),
        Harm::RotationStorm(f) => {
            format!(
                "the source begins a new binlog file every {} for {lasts}",
                f.every
            )
        }
        Harm::CorruptEvent(f) => format!(
            "a byte of the next binlog events is changed {}",
            match f.place {
                BadPlace::Wire => "on the wire",
                BadPlace::RelayLog => "in the relay log",
            }
        ),
        Harm::ReceiverCrash(_) => format!("the receiver dies, and is started again in {lasts}"),
        Harm::ApplierCrash(_) => format!("the applier dies, and is started again in {lasts}"),
        Harm::TargetCrash(_) => {
            format!("the target's server is killed, and is back in {lasts}")
        }
        Harm::AuroraFailover(_) => format!(
            "the target's writer is lost: another instance of the cluster takes over in {lasts}"
        ),
        Harm::RelayLogLoss(_) => "what the target's relay log held unapplied is lost".into(),
        Harm::SlowApply(f) => {
            format!("applying takes {} times as long for {lasts}", f.times)
        }
        Harm::ColdPages(_) => "the target's pages are cold again".into(),
        Harm::SlowFsync(f) => format!(
            "the source's volume is slow: an fsync takes {} times as long for {lasts}",
            f.times
        ),
        Harm::ControlPlaneSlow(f) => {
            format!(
                "the control plane takes {} times as long for {lasts}",
                f.times
            )
        }
        Harm::ControlPlaneThrottles(_) => {
            format!("the control plane refuses every call for {lasts}: Rate exceeded")
        }
        Harm::ControlPlaneFails(_) => {
            format!("the control plane refuses for {lasts} what it is asked for")
        }
        Harm::AnswerLost(_) => "the answer to the operator's next call will be lost".into(),
        Harm::OperatorCrash(_) => {
            format!("the operator's machine is lost; somebody goes on in {lasts}, with the journal")
        }
        Harm::StepAgain(f) => format!("somebody goes about step {} a second time", f.step),
        Harm::ActsEarly(_) => "the operator has no patience left for the next wait".into(),
        Harm::StaleDns(f) => format!(
            "some of the zone's servers lag: {} % of the clients are told the old address for {lasts}",
            f.percent
        ),
        Harm::CachedForever(f) => format!(
            "{} % of the clients do not look the name up again for {lasts}",
            f.percent
        ),
        Harm::DmsTaskCrash(_) => {
            format!("a DMS task's process dies, and is started again in {lasts}")
        }
        Harm::DmsInstanceFailover(_) => {
            format!("the DMS replication instance is lost; its tasks are started again in {lasts}")
        }
        Harm::PinnedPool(f) => format!(
            "the pools of {} % of the clients hold on to their connections for {lasts}",
            f.percent
        ),
        Harm::BlindRetry(f) => format!(
            "{} % of the clients try again for {lasts} what they do not know the outcome of",
            f.percent
        ),
        Harm::Cron(f) => format!(
            "a job begins to write straight to the source, every {} for {lasts}",
            f.every
        ),
        Harm::PrivilegedWriter(f) => format!(
            "a tool with CONNECTION_ADMIN begins to write to the source, every {} for {lasts}",
            f.every
        ),
        Harm::StrayWriter(f) => format!(
            "somebody begins to write straight to the target, every {} for {lasts}",
            f.every
        ),
        Harm::ClockSkew(f) => format!(
            "the {}'s clock is {} ahead for {lasts}",
            super::side(f.host),
            f.ahead
        ),
        Harm::Burst(f) => format!("there is {} times the traffic for {lasts}", f.times),
        Harm::LongTransaction(f) => {
            let does = match f.writes {
                Held::Draft => "",
                Held::Place => ", places an order in it",
            };
            format!("a client begins a transaction{does} and will COMMIT it in {lasts}")
        }
        Harm::XaTransaction(_) => {
            format!("a client begins a transaction in two phases and will XA COMMIT it in {lasts}")
        }
        Harm::HugeTransaction(f) => format!("a client inserts {} rows in one transaction", f.rows),
        Harm::Ddl(f) => match f.add {
            Added::Column => "somebody adds a column to shop.orders on the source".into(),
            Added::Index => "somebody adds an index to shop.orders on the source".into(),
        },
    }
}
