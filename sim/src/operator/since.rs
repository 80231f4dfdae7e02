//! What the source's binlog has behind noted coordinates: what `mysqlbinlog --to-last-log` shows who reads on from there.

use super::Noted;
use cutover_model::{
    binlog::{
        event::FIRST_POSITION,
        group::{Group, GroupKind},
        log::{Binlog, LogPos},
    },
    server::Server,
};

/// The first transaction behind noted coordinates that is not RDS's own, by its GTID or position; none where there is
/// none.
///
/// # Errors
/// The binlog does not tell: the file is purged, or the source has lost what was noted.
pub(super) fn write_since(source: &Server, noted: &Noted) -> Result<Option<String>, String> {
    let Some(binlog) = &source.binlog else {
        return Err("the source has no binlog".into());
    };
    let from = first_to_read(source, binlog, noted)?;
    let is_known = |group: &Group<'_>| match (noted, group.gtid.as_ref().and_then(|g| g.gtid)) {
        (Noted::Gtids(set), Some(gtid)) => set.contains(&gtid),
        _ => false,
    };
    let published = binlog.published();
    for number in from.file..=published.file {
        let first = if number == from.file {
            from.pos
        } else {
            FIRST_POSITION
        };
        let end = if number == published.file {
            published.pos
        } else {
            u64::MAX
        };
        for group in binlog.groups(number, first, end) {
            let group = group.map_err(|error| format!("{}: {error}", binlog.name(number)))?;
            let is_nobodys = matches!(group.kind, GroupKind::Internal | GroupKind::Empty);
            if !is_nobodys && !is_known(&group) {
                let gtid = group.gtid.as_ref().and_then(|g| g.gtid.as_ref());
                let place = || format!("{}:{}", binlog.name(number), group.end);
                return Ok(Some(gtid.map_or_else(place, ToString::to_string)));
            }
        }
    }
    Ok(None)
}

/// Where who looks for writes behind noted coordinates begins to read.
fn first_to_read(source: &Server, binlog: &Binlog, noted: &Noted) -> Result<LogPos, String> {
    let text = noted.text();
    let lost = || {
        format!(
            "the source does not have all of {text} any more: it has lost what was committed last, and goes on otherwise"
        )
    };
    let purged = || {
        format!(
            "the binlog file that has what was committed behind {text} is purged: whether anything was, nobody can tell"
        )
    };
    match noted {
        // Nothing has one, and an empty set says nothing.
        Noted::Gtids(_) if !source.config.gtid_mode => Err(
            "the source has no GTIDs, gtid_mode is OFF: what was noted says nothing, note a position".into(),
        ),
        Noted::Position { file, pos } => {
            let number = binlog.number(file).ok_or_else(purged)?;
            if number > binlog.end().file {
                return Err(lost());
            }
            let file = binlog.file(number).ok_or_else(purged)?;
            let at = LogPos {
                file: number,
                pos: *pos,
            };
            match *pos <= file.length() && binlog.is_between_events(at) {
                true => Ok(at),
                false => Err(lost()),
            }
        }
        Noted::Gtids(set)
            if !set
                .of_server(source.config.uuid)
                .is_subset_of(&source.gtid_executed) =>
        {
            Err(lost())
        }
        Noted::Gtids(set) => {
            let file = binlog.find_file_for(set).ok_or_else(purged)?;
            Ok(LogPos {
                file,
                pos: FIRST_POSITION,
            })
        }
    }
}
