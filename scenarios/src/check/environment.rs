//! Bounds of the environment. Those of MySQL's variables are the server's own.

use super::{PER_EVENT, PER_EVENT_WHY, Problem, keys, within};
use cutover_sim::{
    environment::{Clients, Dms, Environment, Link, Names, Network, Retention, Source, Target},
    runbook::Dialect,
    units::{Bytes, Micros},
};

/// Checks an environment.
pub(crate) fn environment(environment: &Environment) -> Result<(), Problem> {
    source(&environment.source).map_err(|p| p.under("source"))?;
    target(&environment.target).map_err(|p| p.under("target"))?;
    network(&environment.network).map_err(|p| p.under("network"))?;
    names(&environment.names).map_err(|p| p.under("names"))?;
    clients(&environment.clients).map_err(|p| p.under("clients"))?;
    dms(&environment.dms).map_err(|p| p.under("dms"))
    // The control plane's times are bounded by their type.
}

fn dms(dms: &Dms) -> Result<(), Problem> {
    within(
        &["load_rate"],
        dms.load_rate,
        Bytes(1)..=Bytes(1 << 40),
        "without a rate no load ends",
    )?;
    within(
        &["validate_rate"],
        dms.validate_rate,
        1..=1_000_000_000,
        "rows a second; without any, validation ends never",
    )?;
    within(
        &["apply_transaction"],
        dms.apply_transaction,
        PER_EVENT,
        PER_EVENT_WHY,
    )?;
    within(&["apply_row"], dms.apply_row, PER_EVENT, PER_EVENT_WHY)?;
    within(
        &["metrics_every"],
        dms.metrics_every,
        Micros::secs(1)..=Micros::hours(1),
        "each sample is a step of the run",
    )
}

fn source(source: &Source) -> Result<(), Problem> {
    version(&source.engine_version)?;
    within(&["alter_row"], source.alter_row, PER_EVENT, PER_EVENT_WHY)?;
    within(
        &["data_size"],
        source.data_size,
        Bytes(0)..=Bytes(128 << 40),
        "an Aurora volume holds no more",
    )?;
    within(
        &["innodb_flush_log_at_trx_commit"],
        source.innodb_flush_log_at_trx_commit,
        0..=2,
        "MySQL has these three",
    )?;
    retention(source.binlog_retention, 168, "RDS takes 1 to 168 hours")?;
    within(
        &["backup_every"],
        source.backup_every,
        Micros::mins(1)..=Micros::hours(9_600),
        "RDS takes one a day",
    )?;
    within(
        &["last_backup"],
        source.last_backup,
        Micros::ZERO..=source.backup_every,
        "an older one would not be the last: see `backup_every`",
    )?;
    within(
        &["binlog_upload_every"],
        source.binlog_upload_every,
        Micros::secs(1)..=Micros::hours(24),
        "every upload rotates the binlog, so a run would drown in files",
    )?;
    within(
        &["max_binlog_size"],
        source.max_binlog_size,
        Bytes(4_096)..=Bytes(1 << 30),
        "MySQL's own bounds",
    )?;
    within(&["flush"], source.flush, PER_EVENT, PER_EVENT_WHY)?;
    within(&["fsync"], source.fsync, PER_EVENT, PER_EVENT_WHY)?;
    within(
        &["engine_commit"],
        source.engine_commit,
        PER_EVENT,
        PER_EVENT_WHY,
    )?;
    within(
        &["lock_wait_timeout"],
        source.lock_wait_timeout,
        Micros::secs(1)..=Micros::hours(400 * 24),
        "MySQL's least is a second",
    )
}

fn version(text: &str) -> Result<(), Problem> {
    let mut parts = text.split('.').map(str::parse::<u32>);
    let known = match (parts.next(), parts.next()) {
        (Some(Ok(5)), Some(Ok(minor))) => matches!(minor, 6 | 7),
        (Some(Ok(8)), Some(Ok(minor))) => minor <= 4,
        (Some(Ok(9)), Some(Ok(_))) => true,
        _ => false,
    };
    if known && parts.all(|part| part.is_ok()) {
        return Ok(());
    }
    Err(Problem::new(
        keys(&["engine_version"]),
        format!("`{text}` is not a version of MySQL that the model knows"),
        "write a version of 5.6, 5.7, 8.0 to 8.4 or 9.x, like \"8.0.36\"",
    ))
}

/// `binlog retention hours` of a server that takes so many at the most; `why` says so.
fn retention(retention: Retention, most: u64, why: &'static str) -> Result<(), Problem> {
    let Retention::For(time) = retention else {
        return Ok(());
    };
    let path = ["binlog_retention"];
    if time.0 % Micros::hours(1).0 != 0 {
        return Err(Problem::new(
            keys(&path),
            format!("`binlog_retention` is {time}, and RDS takes whole hours"),
            "write whole hours, like \"24h\"",
        ));
    }
    within(&path, time, Micros::hours(1)..=Micros::hours(most), why)
}

fn target(target: &Target) -> Result<(), Problem> {
    if Dialect::of_aurora(&target.engine_version).is_none() {
        let text = &target.engine_version;
        return Err(Problem::new(
            keys(&["engine_version"]),
            format!("`{text}` is not a version of Aurora MySQL"),
            "write it as `aws rds describe-db-clusters` does, like \"8.0.mysql_aurora.3.08.0\"",
        ));
    }
    retention(
        target.binlog_retention,
        2_160,
        "Aurora MySQL takes 1 to 2160 hours",
    )?;
    within(
        &["replica_parallel_workers"],
        target.replica_parallel_workers.unwrap_or_default(),
        0..=1_024,
        "MySQL's own bounds",
    )?;
    within(
        &["replica_net_timeout"],
        target.replica_net_timeout,
        Micros::secs(1)..=Micros::hours(400 * 24),
        "MySQL's least is a second",
    )?;
    within(
        &["apply_transaction"],
        target.apply_transaction,
        PER_EVENT,
        PER_EVENT_WHY,
    )?;
    within(&["apply_row"], target.apply_row, PER_EVENT, PER_EVENT_WHY)?;
    within(&["scan_row"], target.scan_row, PER_EVENT, PER_EVENT_WHY)?;
    within(&["alter_row"], target.alter_row, PER_EVENT, PER_EVENT_WHY)?;
    within(
        &["first_touch"],
        target.first_touch,
        PER_EVENT,
        PER_EVENT_WHY,
    )?;
    within(
        &["connect_retry"],
        target.connect_retry,
        Micros::ms(1)..=Micros::hours(24),
        "a receiver tries again after this long",
    )?;
    within(&["commit"], target.commit, PER_EVENT, PER_EVENT_WHY)?;
    super::replicate::replicate(target)
}

fn network(network: &Network) -> Result<(), Problem> {
    within(
        &["operator_latency"],
        network.operator_latency,
        PER_EVENT,
        PER_EVENT_WHY,
    )?;
    let links: [(&'static str, &Link); 3] = [
        ("clients_source", &network.clients_source),
        ("clients_target", &network.clients_target),
        ("replication", &network.replication),
    ];
    for (name, link) in links {
        within(&[name, "latency"], link.latency, PER_EVENT, PER_EVENT_WHY)?;
        within(&[name, "jitter"], link.jitter, PER_EVENT, PER_EVENT_WHY)?;
        within(
            &[name, "bandwidth"],
            link.bandwidth,
            Bytes(1_024)..=Bytes(1 << 40),
            "bytes per second; through less, nothing ever arrives",
        )?;
        often_enough(name, "stall_every", link.stall_every)?;
        often_enough(name, "reset_every", link.reset_every)?;
        if link.stall_every.0 > 0 && link.stall_for >= link.stall_every {
            return Err(Problem::new(
                keys(&[name, "stall_for"]),
                format!(
                    "a stall of {} every {} leaves no time to send",
                    link.stall_for, link.stall_every
                ),
                "write less than `stall_every`",
            ));
        }
    }
    Ok(())
}

/// Never, or not so often that nothing else happens.
fn often_enough(link: &'static str, key: &'static str, every: Micros) -> Result<(), Problem> {
    if every.0 == 0 {
        return Ok(());
    }
    within(
        &[link, key],
        every,
        Micros::ms(100)..=Micros::hours(9_600),
        "more often than every 100 ms leaves no time for anything else; \"0s\" is never",
    )
}

fn names(names: &Names) -> Result<(), Problem> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if names.record.len() <= 253 && names.record.split('.').all(label) {
        return Ok(());
    }
    Err(Problem::new(
        keys(&["record"]),
        "this is not a host name",
        "write a name like \"db.shop.internal\"",
    ))
}

fn clients(clients: &Clients) -> Result<(), Problem> {
    within(
        &["max_lifetime"],
        clients.max_lifetime,
        Micros::secs(1)..=Micros::hours(400 * 24),
        "a pool that replaces connections all the time does nothing else",
    )?;
    within(
        &["backoff"],
        clients.backoff,
        Micros::ms(1)..=Micros::hours(1),
        "without a pause, a client that is refused tries for ever in the same instant",
    )?;
    within(
        &["connect_timeout"],
        clients.connect_timeout,
        Micros::ms(1)..=Micros::hours(1),
        "no pool gives up at once, and none waits for longer",
    )?;
    within(
        &["tcp_timeout"],
        clients.tcp_timeout,
        Micros::ms(1)..=Micros::hours(24),
        "no TCP gives up at once, and none tries for longer",
    )
}
