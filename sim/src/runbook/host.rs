//! The hosts of a migration, and which of them an operation means that names none.

use serde::{Deserialize, Serialize};

/// A host of the migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Host {
    /// The RDS instance.
    Source,
    /// The Aurora cluster's writer.
    Target,
    /// An RDS read replica of the source.
    Replica,
}

impl Host {
    /// All hosts, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Source, Self::Target, Self::Replica];

    /// The host that this one replicates from, when it does.
    pub fn replicates_from(self) -> Self {
        match self {
            Self::Source => Self::Target,
            Self::Target | Self::Replica => Self::Source,
        }
    }

    /// As it is called in runbooks and stories.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
            Self::Replica => "replica",
        }
    }
}

/// The host that replicates: the target, unless something else is said.
pub(super) fn target() -> Host {
    Host::Target
}

pub(super) fn is_target(host: &Host) -> bool {
    *host == Host::Target
}

pub(super) fn source() -> Host {
    Host::Source
}

pub(super) fn is_source(host: &Host) -> bool {
    *host == Host::Source
}
