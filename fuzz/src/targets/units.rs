//! Durations, sizes, moments, versions and workloads as people write them: what is read is written and read again.

use super::{owned, text};
use cutover_model::ddl::{TimeZone, Version};
use cutover_scenarios::WorkloadArg;
use cutover_sim::units::{Bytes, Micros, Moment};
use std::{fmt::Display, str::FromStr};

pub(super) fn seeds() -> Vec<Vec<u8>> {
    owned(&[
        "250us",
        "1h30m",
        "2d",
        "1 day 3 hours",
        "-5s",
        "64KiB",
        "1.5 TiB",
        "10GB",
        "18446744073709551615",
        "2026-03-02T10:00:00Z",
        "2026-03-02T10:00:00.123456+05:30",
        "8.0.36",
        "+05:30",
        "binlog:a,b/c",
    ])
}

pub(super) fn run(input: &[u8]) {
    let Some(text) = text(input) else { return };
    survives::<Micros>(text);
    survives::<Bytes>(text);
    survives::<Moment>(text);
    let _ = text.parse::<WorkloadArg>();
    let _ = Version::from_text(text);
    let _ = TimeZone::from_text(text).offset_s();
}

fn survives<T: FromStr + Display + PartialEq + std::fmt::Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        assert_eq!(
            written.parse::<T>().ok().as_ref(),
            Some(&value),
            "{text:?} is written as {written:?}"
        );
    }
}
