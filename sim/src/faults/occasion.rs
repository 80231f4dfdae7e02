//! Occasions: what a fault can be tied to, because a time that is drawn at random almost never meets the windows
//! that matter.

use crate::units::Micros;
use serde::{Deserialize, Serialize};

macro_rules! occasions {
    ($($variant:ident, $about:literal;)*) => {
        /// Something that happens in a run, perhaps more than once.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Occasion {
            $(#[doc = $about] $variant,)*
        }

        impl Occasion {
            /// All of them, and what they are.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$variant, $about),)*];
        }
    };
}

occasions! {
    StepBegins, "The operator begins a step; the first step of the runbook is the first occurrence.";
    StepEnds, "The operator has done a step.";
    SnapshotCut, "A snapshot is cut.";
    RestoreBegins, "The restore of the snapshot begins.";
    Restored, "The Aurora cluster is available.";
    ReplicationStarts, "The operator starts replication.";
    ReceiverConnects, "The source has accepted the receiver.";
    LagReadsZero, "A poll reads Seconds_Behind_Source: 0.";
    FenceAsked, "The operator asks for `read_only` on the source, or for its clients to be kept out.";
    FencePassed, "The step with the role of fence is done.";
    GatePolled, "The step with the role of gate looks.";
    GatePassed, "The step with the role of gate is done.";
    Repointed, "The application's name is pointed at the target.";
    CommitSent, "A client's COMMIT reaches the server.";
    SourcePublishes, "The source has written a commit group to the binlog: readers of it see it, the engine has not committed it.";
    SourceCommits, "The source's engine commits a transaction.";
    BinlogSent, "Binlog bytes leave the source.";
    BinlogReceived, "Binlog bytes are in the relay log.";
    TargetApplies, "The applier commits a transaction.";
    BinlogRotates, "The source begins a new binlog file.";
    FirstWriteOnTarget, "The first write on the target is acknowledged.";
    DmsLoadBegins, "A DMS task begins to load a table.";
    DmsTableLoaded, "A DMS task has loaded a table; its cached changes wait.";
    DmsFollows, "A DMS task has applied all cached changes to all tables, and goes on transaction by transaction.";
    CallTakesEffect, "A call to the control plane takes effect; the operator has no answer yet.";
}

impl Occasion {
    /// Its name in a plan.
    pub fn name(self) -> String {
        let text = toml::Value::try_from(self).ok();
        let text = text.as_ref().and_then(toml::Value::as_str);
        text.unwrap_or_default().to_string()
    }
}

/// Fires when an occasion occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct On {
    /// What must happen.
    pub event: Occasion,
    /// How many times; 1 when absent.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub nth: u32,
    /// So long after it.
    #[serde(default, skip_serializing_if = "is_none")]
    pub after: Micros,
}

fn once() -> u32 {
    1
}

fn is_once(nth: &u32) -> bool {
    *nth == 1
}

fn is_none(after: &Micros) -> bool {
    after.0 == 0
}
