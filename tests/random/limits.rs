//! What the generator leaves out, and why: the limits of sound strategies.
//!
//! Outside of one of these a strategy that does everything right is rightly found to break what it promises, or
//! cannot come to an end. Each names its source, and a plan in `tests/plans/` that lies outside of it shows what
//! happens there. These are the limits of all strategies; those of a few are with their tests.

use cutover::sim::{
    environment::{Clients, Environment, Network, Resolver, Retry, Target},
    runbook::{Migrates, Step},
    units::Micros,
    workload_spec::{Kind, Workload},
};

/// Moves an environment and its traffic to within every limit.
pub(super) fn keep_within(environment: &mut Environment, workload: &mut Workload) {
    let Environment {
        target,
        network,
        clients,
        ..
    } = environment;
    nobody_writes_through_the_fence(clients);
    unknown_outcomes_are_not_repeated(clients, network);
    the_application_arrives(clients);
    the_receiver_gets_through(target, network);
    the_applier_keeps_up(target, network, workload);
}

/// `read_only` does not stop a session with CONNECTION_ADMIN (MySQL manual, `read_only`): the fence is none for
/// it. `limit-privileged-writer.toml`.
fn nobody_writes_through_the_fence(clients: &mut Clients) {
    clients.privileged = 0;
}

/// Repeating a transaction whose outcome is unknown does it twice when it had been committed; no strategy of
/// migration can know. Connections that are reset have unknown outcomes. `limit-blind-retry.toml`.
fn unknown_outcomes_are_not_repeated(clients: &mut Clients, network: &Network) {
    let resets = network.clients_source.reset_every.0 + network.clients_target.reset_every.0;
    if clients.retry == Retry::Blind && resets > 0 {
        clients.retry = Retry::Definite;
    }
}

/// An application that caches the address for ever, or keeps connections that say "read-only" for longer than the
/// downtime that is promised (5 minutes), does not come to the target by itself. `limit-resolver-for-ever.toml`,
/// `limit-kept-connections.toml`.
fn the_application_arrives(clients: &mut Clients) {
    clients.resolver = Resolver::Ttl;
    if !clients.drop_on_read_only {
        clients.max_lifetime = clients.max_lifetime.min(Micros::secs(60));
    }
}

/// A receiver that waits longer to connect again than a connection lasts receives next to nothing.
/// `limit-receiver-never-through.toml`.
fn the_receiver_gets_through(target: &mut Target, network: &Network) {
    let lasts = network.replication.reset_every;
    if lasts.0 > 0 {
        target.connect_retry = target.connect_retry.min(Micros(lasts.0 / 4));
    }
}

/// Traffic that is more than one applier can take never lets the target catch up. A transaction writes six rows on
/// average or fewer, each of which may be on a page of its own; half of the applier is left free, and twice that
/// where the link stalls for half of the time. `limit-slow-applier.toml`.
fn the_applier_keeps_up(target: &Target, network: &Network, workload: &mut Workload) {
    let us = target.apply_transaction.0 + 6 * (target.apply_row.0 + target.first_touch.0);
    let free = if network.replication.stall_every.0 > 0 {
        4.0
    } else {
        2.0
    };
    if workload.kind == Kind::Orders {
        workload.rate_per_s = workload.rate_per_s.min(1e6 / (us as f64 * free));
    }
}

/// With `replica_preserve_commit_order = OFF` workers commit in another order than the source (MySQL manual,
/// "Replication and Transaction Inconsistencies"): until the gate, the target may have gaps. Whoever promises a
/// prefix breaks it: `limit-commit-order-off.toml`.
pub fn in_commit_order(target: &Target) -> bool {
    target.replica_preserve_commit_order || target.replica_parallel_workers.is_some_and(|n| n <= 1)
}

/// Whether a step makes a DMS task that captures: it demands `binlog_row_image = FULL` of its source (AWS DMS user guide,
/// "Using a MySQL-compatible database as a source"). `tests/dms_row_image.rs`.
pub(super) fn captures(step: &Step) -> bool {
    let task = step.create_dms_task.as_ref();
    task.is_some_and(|task| task.migrates != Migrates::FullLoad)
}
