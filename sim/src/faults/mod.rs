//! Faults: what goes wrong in a run, as data.
//!
//! A plan has a schedule of them. A fault fires at a time of the run or on the n-th occurrence of an
//! [`Occasion`], does one thing ([`Fault::harm`]), and heals after `lasts`. As a step of a runbook it names what
//! it does by a key (`partition = {…}`), exactly one a fault, so that an error in a file keeps its line and column.
//!
//! Each kind is a *contract* fault, which a sound strategy survives, or a *hazard*, which breaks an assumption that
//! it rests on ([`class`]): a hazard must be caught, and is named as the assumption that broke.

mod class;
mod kinds;
mod occasion;

pub use class::{Class, class};
pub use kinds::*;
pub use occasion::{Occasion, On};

use crate::{runbook::StepError, units::Micros};
use serde::{Deserialize, Serialize};

/// Whether a fault is over at once or goes on for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// Over at once: `lasts` has no meaning.
    Momentary,
    /// Heals after `lasts`, which must be there.
    Lasts,
}

/// What is known of a kind of fault.
#[derive(Clone, Copy, Debug)]
pub struct KindFacts {
    /// The kind.
    pub kind: Kind,
    /// Its key in a plan.
    pub key: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// Whether it has a duration.
    pub lasting: Lasting,
    /// The assumption that it breaks; none for a contract fault.
    pub breaks: Option<&'static str>,
}

macro_rules! catalogue {
    ($($key:ident: $variant:ident, $lasting:ident, $breaks:expr, $about:literal;)*) => {
        /// A fault of a plan's schedule. Exactly one of `at` and `on` is set, and exactly one kind
        /// ([`Fault::harm`]).
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Fault {
            /// Fires at this time of the run.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub at: Option<Micros>,
            /// Fires when something happens.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub on: Option<On>,
            /// Heals after this long.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub lasts: Option<Micros>,
            $(
                #[doc = $about]
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $key: Option<$variant>,
            )*
        }

        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(#[doc = $about] $variant,)*
        }

        /// What a fault does, with its parameters.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Harm {
            $(#[doc = $about] $variant($variant),)*
        }

        /// All kinds, in the order in which they are listed.
        pub const CATALOGUE: &[KindFacts] = &[
            $(KindFacts {
                kind: Kind::$variant,
                key: stringify!($key),
                about: $about,
                lasting: Lasting::$lasting,
                breaks: $breaks,
            },)*
        ];

        impl Fault {
            /// The one thing that the fault does.
            ///
            /// # Errors
            /// [`StepError`] when it names nothing, or more than one.
            pub fn harm(&self) -> Result<Harm, StepError> {
                crate::runbook::exactly_one(
                    [$(self.$key.map(|p| (stringify!($key), Harm::$variant(p))),)*],
                    concat!($(stringify!($key), ", ",)* "see `cutover list faults`"),
                )
            }
        }

        impl Harm {
            /// Its kind.
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$variant(_) => Kind::$variant,)*
                }
            }

            /// A fault that does this; when and for how long are still to be said.
            pub fn into_fault(self) -> Fault {
                let mut fault = Fault::default();
                match self {
                    $(Self::$variant(p) => fault.$key = Some(p),)*
                }
                fault
            }
        }
    };
}

catalogue! {
    latency: Latency, Lasts, None, "A link gets slower: so much is added to its latency.";
    jitter: Jitter, Lasts, None, "A link gets uneven: up to so much is added to the latency of each message.";
    bandwidth: Bandwidth, Lasts, None, "A link gets narrow.";
    stall: Stall, Lasts, None, "Nothing gets through a link, and nothing is lost.";
    reset: Reset, Momentary, None, "A link's connections are reset; what was on the wire is lost.";
    partition: Partition, Lasts, None, "Two hosts do not reach each other, or one does not reach the other; connections that wait for too long break.";
    half_open: HalfOpen, Momentary, None, "The source's end of the binlog stream is gone, and the receiver does not know: it looks connected until replica_net_timeout is over.";
    source_crash: SourceCrash, Lasts, None, "mysqld on the source is killed and started again: what was written to files is there.";
    source_failover: SourceFailover, Lasts, None, "The source's host is lost, and the Multi-AZ standby takes over with the same storage, behind the same name.";
    async_failover: AsyncFailover, Lasts, Some("the source's standby has every acknowledged commit"), "The source's host is lost, and a standby takes over whose storage lags: the last commits are gone.";
    slow_fsync: SlowFsync, Lasts, None, "The source's volume is slow: an fsync takes so many times as long.";
    control_plane_slow: ControlPlaneSlow, Lasts, None, "The control plane is slow: calls, snapshots and restores that begin meanwhile take so many times as long.";
    control_plane_throttles: ControlPlaneThrottles, Lasts, None, "The control plane gets too many calls: each is refused, and the AWS CLI tries it again with a back-off.";
    control_plane_fails: ControlPlaneFails, Lasts, None, "The control plane refuses what the operator asks for; the step has failed.";
    answer_lost: AnswerLost, Momentary, None, "The next call to the control plane takes effect, and its answer is lost.";
    operator_crash: OperatorCrash, Lasts, None, "The operator's machine is lost; whoever goes on has the journal alone.";
    step_again: StepAgain, Momentary, None, "A step that was done is done again, by a second operator or an automation.";
    acts_early: ActsEarly, Momentary, Some("the operator waits until what a step waits for holds"), "The operator's wait under way, or the next one, is left before its condition holds.";
    stale_dns: StaleDns, Lasts, None, "Some of the zone's servers go on answering what they answered when it began, to part of the clients.";
    cached_forever: CachedForever, Lasts, None, "Part of the clients cache the name for ever.";
    pinned_pool: PinnedPool, Lasts, None, "The pools of part of the clients keep connections whatever their age, and those that answer read-only too.";
    blind_retry: BlindRetry, Lasts, Some("no client tries a transaction again whose outcome it does not know"), "Part of the clients try a transaction again when its COMMIT was not answered.";
    cron: Cron, Lasts, None, "A job writes straight to the source, whatever the application's name says.";
    privileged_writer: PrivilegedWriter, Lasts, Some("no writer has CONNECTION_ADMIN, which read_only does not stop"), "A tool with CONNECTION_ADMIN writes straight to the source.";
    stray_writer: StrayWriter, Lasts, Some("nobody writes to the target before the application is pointed at it"), "Somebody writes to the target, whether or not it is opened.";
    clock_skew: ClockSkew, Lasts, None, "A host's clock is ahead, which Seconds_Behind_Source and the timestamps of events tell of.";
    burst: Burst, Lasts, None, "A burst of load: clients pause for so many times less.";
    long_transaction: LongTransaction, Lasts, None, "A client begins a transaction on the database that serves, holds it open, and commits it at the end.";
    xa_transaction: XaTransaction, Lasts, None, "A client prepares a transaction (XA) on the database that serves, and its manager commits it at the end, whatever came between.";
    huge_transaction: HugeTransaction, Momentary, None, "A client inserts many rows in one transaction.";
    ddl: Ddl, Momentary, None, "ALTER TABLE on the source's shop.orders while the traffic flows.";
    disk_full: DiskFull, Lasts, None, "The source's storage is full, of binlog files that are kept for the target: commits wait for space.";
    purge_binlogs: PurgeBinlogs, Momentary, Some("the source keeps its binlog files until the target has read them"), "Somebody purges the source's binlog files, but for the last ones.";
    retention_lost: RetentionLost, Momentary, Some("the source keeps its binlog files until the target has read them"), "Somebody sets binlog retention hours back to NULL: files go as soon as RDS has uploaded them.";
    password_changed: PasswordChanged, Momentary, Some("the target knows the application's password: nobody changes it between the copy of the accounts and the cutover"), "Somebody changes the application's password, on the server that it is pointed at: Aurora MySQL 3 does not replicate that.";
    rotation_storm: RotationStorm, Lasts, None, "The source begins a new binlog file every so often.";
    corrupt_event: CorruptEvent, Momentary, None, "A byte of the next binlog events is changed on their way to the applier.";
    receiver_crash: ReceiverCrash, Lasts, None, "The receiver's thread dies, and is started again.";
    applier_crash: ApplierCrash, Lasts, None, "The applier's threads die in what they are doing, and are started again.";
    target_crash: TargetCrash, Lasts, None, "The target's server is killed and started again; replication goes on by itself.";
    aurora_failover: AuroraFailover, Lasts, None, "The target's writer is lost, and another instance of the cluster takes over with the same volume.";
    relay_log_loss: RelayLogLoss, Momentary, None, "What the target's relay log holds and was not applied is lost.";
    slow_apply: SlowApply, Lasts, None, "Applying takes so many times as long.";
    dms_task_crash: DmsTaskCrash, Lasts, None, "The process of the first DMS task dies, and is started again from what it had saved.";
    dms_instance_failover: DmsInstanceFailover, Lasts, None, "The DMS replication instance is lost, and another takes over: its tasks are started again from what they had saved.";
    cold_pages: ColdPages, Momentary, None, "The target's pages are cold again: each one's next touch comes from storage.";
}

impl Fault {
    /// What it does, in the story's words; none when it names nothing, or several things.
    pub fn in_words(&self) -> Option<String> {
        let harm = self.harm().ok()?;
        Some(crate::world::words::in_words(
            &harm,
            self.lasts.unwrap_or_default(),
        ))
    }
}

impl Kind {
    /// What is known of it.
    pub fn facts(self) -> &'static KindFacts {
        &CATALOGUE[self as usize]
    }

    /// The kind of a key; none for a key that is not known.
    pub fn of_key(key: &str) -> Option<Self> {
        CATALOGUE.iter().find(|f| f.key == key).map(|f| f.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_in_the_order_of_the_kinds() {
        for (i, facts) in CATALOGUE.iter().enumerate() {
            assert_eq!(facts.kind as usize, i, "{}", facts.key);
            assert_eq!(Kind::of_key(facts.key), Some(facts.kind));
        }
    }

    #[test]
    fn a_fault_names_exactly_one_kind() {
        assert!(matches!(
            Fault::default().harm(),
            Err(StepError::Nothing { .. })
        ));
        let mut fault = Harm::SourceCrash(SourceCrash {}).into_fault();
        assert_eq!(fault.harm(), Ok(Harm::SourceCrash(SourceCrash {})));
        fault.slow_fsync = Some(SlowFsync { times: 3 });
        assert!(matches!(fault.harm(), Err(StepError::Several { .. })));
    }
}
