//! The parameters of each kind of fault.

use crate::{
    runbook::Host,
    units::{Bytes, Micros},
};
use serde::{Deserialize, Serialize};

/// A link that a fault is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wire {
    /// Between the application and the source.
    ClientsSource,
    /// Between the application and the target.
    ClientsTarget,
    /// Between source and target: the binlog stream.
    Replication,
    /// Between the operator and the servers.
    Operator,
}

/// Which way does not get through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Neither.
    #[default]
    Both,
    /// From who asks to who answers: statements, the receiver's acknowledgements.
    Requests,
    /// From who answers to who asked: answers, binlog events.
    Answers,
}

/// What a statement in mid-flight adds to `shop.orders`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Added {
    /// A column that may be NULL.
    Column,
    /// An index.
    Index,
}

/// What a transaction that is held open has written, and keeps locked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// An order of its own, which nobody else wants.
    #[default]
    Draft,
    /// An order with a line, and its customer's counter: who wants that customer waits for it.
    Place,
}

impl Held {
    fn is_draft(&self) -> bool {
        *self == Self::Draft
    }
}

/// Where a byte is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadPlace {
    /// On the wire: the receiver verifies checksums before it writes to the relay log.
    Wire,
    /// In the relay log: the applier's coordinator verifies them.
    RelayLog,
}

macro_rules! parameters {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }
        )*
    };
}

parameters! {
    /// A link gets slower.
    Latency {
        /// Where.
        link: Wire,
        /// Added to the latency, one way.
        add: Micros,
    }
    /// A link gets uneven.
    Jitter {
        /// Where.
        link: Wire,
        /// Added at random to the latency of each message, evenly between 0 and this.
        add: Micros,
    }
    /// A link gets narrow.
    Bandwidth {
        /// Where.
        link: Wire,
        /// Bytes per second.
        limit: Bytes,
    }
    /// Nothing gets through for a while.
    Stall {
        /// Where.
        link: Wire,
    }
    /// Connections are reset.
    Reset {
        /// Where.
        link: Wire,
    }
    /// Hosts do not reach each other.
    Partition {
        /// Where.
        link: Wire,
        /// Which way; both when absent.
        #[serde(default)]
        way: Way,
    }
    /// The receiver's connection is dead and looks alive.
    HalfOpen {}
    /// `kill -9` of the source's mysqld; `lasts` is the time until it serves again.
    SourceCrash {}
    /// Multi-AZ failover; `lasts` is the time until it serves again: 60 to 120 s.
    SourceFailover {}
    /// Failover to a standby that lags; `lasts` is the time until it serves again.
    AsyncFailover {
        /// How far the standby's storage is behind when the host is lost: it stops following when the fault fires,
        /// and the host is lost this much later.
        behind: Micros,
    }
    /// Full storage; `lasts` is the time until somebody adds some.
    DiskFull {}
    /// `PURGE BINARY LOGS`.
    PurgeBinlogs {
        /// So many files stay, the one that is being written among them; at least 1.
        keep: u32,
    }
    /// `CALL mysql.rds_set_configuration('binlog retention hours', NULL)`.
    RetentionLost {}
    /// Another password for the application's account, and for the application.
    PasswordChanged {}
    /// `FLUSH BINARY LOGS`, again and again.
    RotationStorm {
        /// Pause between two.
        every: Micros,
    }
    /// A changed byte.
    CorruptEvent {
        /// Where.
        place: BadPlace,
        /// Which byte of what is sent at that moment, from 0; counted on from its beginning where that is shorter.
        byte: u32,
        /// The bits of it that are changed.
        flip: u8,
    }
    /// The receiver dies; `lasts` is the time until it is started again.
    ReceiverCrash {}
    /// The applier dies; `lasts` is the time until it is started again.
    ApplierCrash {}
    /// `kill -9` of the target's server; `lasts` is the time until it serves again.
    TargetCrash {}
    /// Failover of the Aurora cluster; `lasts` is the time until it serves again: about 30 s.
    AuroraFailover {}
    /// A DMS task's process dies; `lasts` is the time until it is started again.
    DmsTaskCrash {}
    /// The DMS replication instance is lost; `lasts` is the time until its tasks are started again.
    DmsInstanceFailover {}
    /// A lost relay log.
    RelayLogLoss {}
    /// A slow applier.
    SlowApply {
        /// A transaction takes so many times as long.
        times: u32,
    }
    /// Cold pages.
    ColdPages {}
    /// A slow volume.
    SlowFsync {
        /// An fsync takes so many times as long.
        times: u32,
    }
    /// The control plane is slow.
    ControlPlaneSlow {
        /// Calls, snapshots and restores that begin meanwhile take so many times as long.
        times: u32,
    }
    /// The control plane is throttled.
    ControlPlaneThrottles {}
    /// The control plane refuses what it is asked for.
    ControlPlaneFails {}
    /// A call takes effect, and its answer is lost.
    AnswerLost {}
    /// The operator's machine is lost; `lasts` is the time until somebody goes on.
    OperatorCrash {}
    /// A step is done twice.
    StepAgain {
        /// Which, counted from 1. Nothing happens unless it was done before.
        step: u32,
    }
    /// A wait is left before its condition holds.
    ActsEarly {}
    /// Servers of the name's zone lag.
    StaleDns {
        /// So many of a hundred clients ask one of them.
        percent: u32,
    }
    /// Names are cached for ever.
    CachedForever {
        /// By so many of a hundred clients.
        percent: u32,
    }
    /// Pools keep their connections, whatever their age and whatever they answer.
    PinnedPool {
        /// Those of so many of a hundred clients.
        percent: u32,
    }
    /// Transactions whose outcome is unknown are tried again.
    BlindRetry {
        /// By so many of a hundred clients.
        percent: u32,
    }
    /// A job that writes straight to the source.
    Cron {
        /// Pause between two of its writes.
        every: Micros,
    }
    /// A tool with CONNECTION_ADMIN that writes straight to the source.
    PrivilegedWriter {
        /// Pause between two of its writes.
        every: Micros,
    }
    /// A writer straight to the target.
    StrayWriter {
        /// Pause between two of its writes.
        every: Micros,
    }
    /// A clock that is wrong.
    ClockSkew {
        /// Whose.
        host: Host,
        /// By how much it is ahead.
        ahead: Micros,
    }
    /// More traffic.
    Burst {
        /// Clients pause for so many times less between two transactions.
        times: u32,
    }
    /// A transaction is begun and held open; `lasts` is the time until its COMMIT.
    LongTransaction {
        /// What it has written; a draft when absent.
        #[serde(default, skip_serializing_if = "Held::is_draft")]
        writes: Held,
    }
    /// A transaction in two phases; `lasts` is the time until its COMMIT.
    XaTransaction {}
    /// A transaction of many rows.
    HugeTransaction {
        /// Rows that it inserts.
        rows: u32,
    }
    /// `ALTER TABLE shop.orders`.
    Ddl {
        /// What it adds.
        add: Added,
    }
}
