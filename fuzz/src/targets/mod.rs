//! One file per target.

mod apply;
mod binlog;
mod ddl;
mod event;
mod gtids;
mod plan;
mod recording;
mod rehearsal;
mod runbook;
mod scenario;
mod script;
mod set;
mod table;
mod units;
mod value;

use crate::{Format, Target};

/// All of them.
pub const TARGETS: &[Target] = &[
    target("binlog", Format::Binlog, binlog::run, binlog::seeds),
    target("apply", Format::Binlog, apply::run, binlog::seeds),
    target("recording", Format::Binlog, recording::run, binlog::seeds),
    target(
        "rehearsal",
        Format::Binlog,
        rehearsal::run,
        rehearsal::seeds,
    ),
    target("event", Format::Bytes, event::run, event::seeds),
    target("value", Format::Bytes, value::run, value::seeds),
    target("gtids", Format::Bytes, gtids::run, gtids::seeds),
    target("ddl", Format::Bytes, ddl::run, ddl::seeds),
    target("script", Format::Bytes, script::run, script::seeds),
    target("table", Format::Bytes, table::run, table::seeds),
    target("scenario", Format::Bytes, scenario::run, scenario::seeds),
    target("runbook", Format::Bytes, runbook::run, runbook::seeds),
    target("plan", Format::Bytes, plan::run, plan::seeds),
    target("units", Format::Bytes, units::run, units::seeds),
    target("set", Format::Bytes, set::run, set::seeds),
];

const fn target(
    name: &'static str,
    format: Format,
    run: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
) -> Target {
    Target {
        name,
        format,
        run,
        seeds,
    }
}

/// The input as text, where it is one.
fn text(input: &[u8]) -> Option<&str> {
    std::str::from_utf8(input).ok()
}

fn owned(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
