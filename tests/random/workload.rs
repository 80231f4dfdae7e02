//! Traffic: the shop in all mixtures, and recordings of real servers.

use super::{log_uniform, times};
use cutover::sim::{
    units::Micros,
    workload_spec::{Kind, Mix, Workload},
};
use proptest::prelude::*;
use std::path::PathBuf;

/// A workload, and how many transactions it is to be asked for in all.
#[derive(Clone, Debug)]
pub(super) struct Draw {
    pub workload: Workload,
    pub transactions: u32,
}

pub(super) fn orders() -> BoxedStrategy<Draw> {
    (
        500u32..=3_000,
        times(Micros::secs(15), Micros::secs(60)),
        prop_oneof![1 => Just(100), 1 => Just(0), 2 => log_uniform(1, 10_000_000_000)],
        log_uniform(1, 64).prop_map(|clients| clients as u32),
        prop_oneof![
            3 => Just(None),
            1 => times(Micros::secs(1), Micros::secs(60)).prop_map(Some),
        ],
        prop_oneof![1 => Just(Mix::default()), 4 => mixes()],
    )
        .prop_map(
            |(transactions, after_cutover, existing_rows, clients, first_order_after, mix)| Draw {
                workload: Workload {
                    kind: Kind::Orders,
                    after_cutover,
                    existing_rows,
                    clients,
                    first_order_after,
                    mix,
                    ..Workload::default()
                },
                transactions,
            },
        )
        .boxed()
}

/// Every kind of transaction may be missing but transfers: some client has to write.
fn mixes() -> impl Strategy<Value = Mix> {
    (
        0u32..=40,
        0u32..=40,
        1u32..=40,
        0u32..=20,
        0u32..=20,
        0u32..=10,
        0u32..=10,
        0u32..=10,
    )
        .prop_map(
            |(place, pay, transfer, cancel, read, rollback, draft, amend)| Mix {
                place,
                pay,
                transfer,
                cancel,
                read,
                rollback,
                draft,
                amend,
            },
        )
}

/// Captures of real servers whose transactions can all be replayed; each has tables, types and keys of its own.
const RECORDINGS: [&str; 24] = [
    "cascade-mysql97",
    "anonymous-mysql56",
    "anonymous-mysql97",
    "cascade-mysql56",
    "compressed-mysql97",
    "ddl-mysql56",
    "ddl-mysql97",
    "ddl2anon-mysql56",
    "emptyimage-mysql56",
    "emptyimage-mysql97",
    "gtidswitch-mysql97",
    "midlife-metafull-mysql97",
    "minimal-metafull-mysql97",
    "minimal-metamin-mysql97",
    "minimal-mysql56",
    "misc-mysql97",
    "mixed-mysql56",
    "mixed-mysql97",
    "noblob-mysql56",
    "nochecksum-mysql56",
    "nochecksum-mysql97",
    "orders-mysql97",
    "tagged-mysql97",
    "types-mysql56",
];

pub(super) fn recordings() -> BoxedStrategy<Workload> {
    (
        prop::sample::select(&RECORDINGS[..]),
        0u32..=100,
        any::<bool>(),
        times(Micros::secs(15), Micros::secs(60)),
    )
        .prop_map(|(name, percent, stretch, after_cutover)| Workload {
            kind: Kind::Binlog,
            // As a person at the top of the checkout would name it.
            paths: vec![PathBuf::from("tests/captures").join(name)],
            start_after: f64::from(percent) / 100.0,
            stretch,
            after_cutover,
            ..Workload::default()
        })
        .boxed()
}
