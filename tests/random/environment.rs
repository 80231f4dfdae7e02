//! Environments: each part is now and then the default, and mostly drawn.

use super::{log_uniform, times};
use cutover::sim::{
    environment::{
        Checksum, Clients, ControlPlane, Dms, Environment, Link, Names, Network, Resolver,
        Retention, Retry, RowImage, RowMetadata, Source, Target,
    },
    units::{Bytes, Micros},
};
use proptest::prelude::*;

pub(super) fn environments() -> BoxedStrategy<Environment> {
    (
        or_default(sources()),
        or_default(targets()),
        or_default(networks()),
        or_default(names()),
        or_default(clients()),
        control_planes(),
        or_default(replication_instances()),
    )
        .prop_map(
            |(source, target, network, names, clients, control_plane, dms)| Environment {
                source,
                target,
                network,
                names,
                clients,
                control_plane,
                dms,
            },
        )
        .boxed()
}

/// A DMS replication instance, from tiny to large.
fn replication_instances() -> impl Strategy<Value = Dms> {
    (1u64..=300, 50u64..=5_000, 5u64..=500, 1u64..=30, 5u64..=90).prop_map(
        |(mib_a_second, a_transaction, a_row, retry, start)| Dms {
            load_rate: Bytes(mib_a_second << 20),
            apply_transaction: Micros(a_transaction),
            apply_row: Micros(a_row),
            retry: Micros::secs(retry),
            start: Micros::secs(start),
            ..Dms::default()
        },
    )
}

fn or_default<T: Clone + Default + std::fmt::Debug + 'static>(
    drawn: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<T> {
    prop_oneof![1 => Just(T::default()), 4 => drawn].boxed()
}

/// What decides how the source's binlog looks.
fn binlog_settings() -> impl Strategy<Value = Source> {
    let images = [RowImage::Full, RowImage::Minimal, RowImage::Noblob];
    let metadata = [RowMetadata::Minimal, RowMetadata::Full];
    let checksums = [Checksum::Crc32, Checksum::None];
    let versions = ["8.0.36", "5.6.51", "5.7.44", "8.4.3", "9.1.0"];
    (
        prop::sample::select(versions.to_vec()),
        prop::bool::weighted(0.2).prop_map(|off| !off),
        prop::sample::select(images.to_vec()),
        prop::sample::select(metadata.to_vec()),
        prop::sample::select(checksums.to_vec()),
        log_uniform(4_096, 128 << 20),
        times(Micros::secs(1), Micros::mins(5)),
        prop_oneof![
            Just(Retention::None),
            (1u64..=168).prop_map(|hours| Retention::For(Micros::hours(hours))),
        ],
    )
        .prop_map(
            |(version, gtid_mode, image, metadata, checksum, size, upload, retention)| Source {
                engine_version: version.into(),
                gtid_mode,
                binlog_row_image: image,
                binlog_row_metadata: metadata,
                binlog_checksum: checksum,
                max_binlog_size: Bytes(size),
                binlog_upload_every: upload,
                binlog_retention: retention,
                ..Source::default()
            },
        )
}

fn sources() -> impl Strategy<Value = Source> {
    (
        binlog_settings(),
        any::<bool>(),
        log_uniform(1 << 20, 16 << 40),
        prop::sample::select([1u32, 0, 2, 100].to_vec()),
        prop::sample::select([1u8, 0, 2].to_vec()),
        (
            times(Micros(10), Micros::ms(5)),
            times(Micros(50), Micros::ms(20)),
            times(Micros(10), Micros::ms(2)),
        ),
        times(Micros::secs(1), Micros::secs(50)),
        times(Micros::ms(1), Micros::secs(30)),
    )
        .prop_map(
            |(binlog, multi_az, data_size, sync_binlog, flush_log, costs, lock_wait, delay)| {
                Source {
                    multi_az,
                    data_size: Bytes(data_size),
                    sync_binlog,
                    innodb_flush_log_at_trx_commit: flush_log,
                    flush: costs.0,
                    fsync: costs.1,
                    engine_commit: costs.2,
                    lock_wait_timeout: lock_wait,
                    parameter_delay: delay,
                    ..binlog
                }
            },
        )
}

fn targets() -> impl Strategy<Value = Target> {
    (
        prop::sample::select([4u32, 0, 1, 2, 16].to_vec()),
        prop::bool::weighted(0.3).prop_map(|off| !off),
        any::<bool>(),
        times(Micros(50), Micros::ms(4)),
        times(Micros(5), Micros(500)),
        times(Micros(100), Micros::ms(15)),
        times(Micros::secs(1), Micros::secs(60)),
        times(Micros(500), Micros::ms(20)),
    )
        .prop_map(
            |(workers, in_order, binlog, transaction, row, touch, retry, commit)| Target {
                replica_parallel_workers: Some(workers),
                replica_preserve_commit_order: in_order,
                binlog,
                apply_transaction: transaction,
                apply_row: row,
                first_touch: touch,
                connect_retry: retry,
                commit,
                ..Target::default()
            },
        )
}

/// A link, steady for the most part; some stall, some are reset.
fn links(bandwidth: std::ops::RangeInclusive<u64>) -> impl Strategy<Value = Link> {
    let never = Just(Micros::ZERO);
    (
        times(Micros(20), Micros::ms(80)),
        times(Micros(1), Micros::ms(20)),
        log_uniform(*bandwidth.start(), *bandwidth.end()),
        prop_oneof![4 => never, 1 => times(Micros::secs(2), Micros::secs(120))],
        0u64..=50,
        prop_oneof![4 => never, 1 => times(Micros::secs(5), Micros::secs(300))],
    )
        .prop_map(
            |(latency, jitter, bandwidth, stall_every, percent, reset_every)| Link {
                latency,
                jitter,
                bandwidth: Bytes(bandwidth),
                stall_every,
                stall_for: Micros(stall_every.0 / 100 * percent),
                reset_every,
            },
        )
}

fn networks() -> impl Strategy<Value = Network> {
    (
        links(1 << 20..=1 << 30),
        links(1 << 20..=1 << 30),
        links(256 << 10..=128 << 20),
        times(Micros(100), Micros::ms(300)),
    )
        .prop_map(
            |(clients_source, clients_target, replication, operator_latency)| Network {
                clients_source,
                clients_target,
                replication,
                operator_latency,
            },
        )
}

fn names() -> impl Strategy<Value = Names> {
    (0u64..=60).prop_map(|ttl| Names {
        ttl: Micros::secs(ttl),
        ..Names::default()
    })
}

fn clients() -> impl Strategy<Value = Clients> {
    let resolvers = [Resolver::Ttl, Resolver::Forever];
    let retries = [Retry::None, Retry::Definite, Retry::Blind];
    (
        prop::sample::select(resolvers.to_vec()),
        times(Micros::secs(1), Micros::mins(30)),
        (any::<bool>(), any::<bool>()),
        prop::sample::select(retries.to_vec()),
        times(Micros::ms(1), Micros::secs(1)),
        prop_oneof![3 => Just(0u32), 1 => 1u32..=3],
        times(Micros::secs(1), Micros::secs(30)),
    )
        .prop_map(
            |(resolver, max_lifetime, (drops, autocommit), retry, backoff, privileged, restart)| {
                Clients {
                    resolver,
                    max_lifetime,
                    drop_on_read_only: drops,
                    retry,
                    autocommit,
                    backoff,
                    privileged,
                    rolling_restart: restart,
                    ..Clients::default()
                }
            },
        )
}

/// From seconds, as in a rehearsal in small, to hours.
fn control_planes() -> impl Strategy<Value = ControlPlane> {
    (
        times(Micros::ms(10), Micros::secs(3)),
        prop_oneof![1 => Just(Micros::ZERO), 2 => times(Micros::ms(1), Micros::secs(20))],
        times(Micros::ms(1), Micros::secs(10)),
        times(Micros::secs(1), Micros::mins(3)),
        prop_oneof![1 => Just(Micros::ZERO), 1 => times(Micros::secs(1), Micros::mins(2))],
        times(Micros::secs(5), Micros::mins(12)),
        prop_oneof![1 => Just(Micros::ZERO), 1 => times(Micros::secs(1), Micros::mins(10))],
        times(Micros::secs(1), Micros::mins(7)),
        times(Micros::ms(1), Micros::secs(20)),
        (
            times(Micros::secs(5), Micros::mins(4)),
            times(Micros::secs(2), Micros::mins(2)),
        ),
    )
        .prop_map(
            |(
                call,
                start,
                suspends,
                fixed,
                per_tib,
                restore,
                restore_per_tib,
                create,
                dns,
                (promote, reboot),
            )| {
                ControlPlane {
                    promote,
                    reboot,
                    api_call: call,
                    snapshot_start: start,
                    snapshot_suspends_io: suspends,
                    snapshot_fixed: fixed,
                    snapshot_per_tib: per_tib,
                    restore_fixed: restore,
                    restore_per_tib,
                    create_instance: create,
                    dns_change: dns,
                }
            },
        )
}
