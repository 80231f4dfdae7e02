//! Contract or hazard: what a fault is for a strategy in an environment.

use super::{Fault, Kind};
use crate::{environment::Source, plan::Plan};

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
        _ => Class::Contract,
    }
}

/// Whether an acknowledged commit of the source survives everything.
fn is_durable(source: &Source) -> bool {
    source.sync_binlog == 1 && source.innodb_flush_log_at_trx_commit == 1
}
