//! Contract or hazard: what a fault is for a strategy in an environment.

use super::{Fault, Kind};
use crate::{
    environment::{Checksum, Source, Target},
    plan::Plan,
    runbook::Runbook,
};

/// What a fault is for a strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The strategy promises to survive it.
    Contract,
    /// It breaks an assumption of the strategy, this one.
    Hazard(&'static str),
}

/// What a fault is for a plan's strategy in its environment: what the kind is in general, unless the environment
/// or the runbook says otherwise. None for a fault that names no kind.
pub fn class(fault: &Fault, plan: &Plan) -> Option<Class> {
    let kind = fault.harm().ok()?.kind();
    Some(of_kind(kind, plan))
}

fn of_kind(kind: Kind, plan: &Plan) -> Class {
    if let Some(assumption) = kind.facts().breaks {
        return Class::Hazard(assumption);
    }
    let source = &plan.environment.source;
    match kind {
        Kind::SourceCrash | Kind::SourceFailover if !is_durable(source) => Class::Hazard(
            "the source is durable: sync_binlog = 1 and innodb_flush_log_at_trx_commit = 1",
        ),
        Kind::CorruptEvent if source.binlog_checksum == Checksum::None => {
            Class::Hazard("binlog events carry checksums: binlog_checksum = CRC32")
        }
        Kind::RelayLogLoss | Kind::TargetCrash | Kind::AuroraFailover
            if !plan.environment.target.relay_log_recovery && by_position(&plan.runbook) =>
        {
            Class::Hazard("the target recovers its relay log: relay_log_recovery = ON")
        }
        Kind::TargetCrash | Kind::AuroraFailover | Kind::ApplierCrash
            if has_gaps(&plan.environment.target) && by_position(&plan.runbook) =>
        {
            Class::Hazard(
                "the target applies in the order of commits: replica_preserve_commit_order = ON",
            )
        }
        _ => Class::Contract,
    }
}

/// Whether the runbook replicates by file and position.
fn by_position(runbook: &Runbook) -> bool {
    let mut sources = runbook
        .steps
        .iter()
        .filter_map(|s| s.set_external_source.as_ref());
    sources.any(|s| s.at.is_some())
}

/// Whether a crash of the applier can leave transactions applied behind some that are not.
fn has_gaps(target: &Target) -> bool {
    target.replica_parallel_workers > 1 && !target.replica_preserve_commit_order
}

/// Whether an acknowledged commit of the source survives everything.
fn is_durable(source: &Source) -> bool {
    source.sync_binlog == 1 && source.innodb_flush_log_at_trx_commit == 1
}
