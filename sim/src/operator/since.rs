//! What the source's binlog has behind noted coordinates: what `mysqlbinlog --to-last-log` shows who reads on from there.

use super::Noted;
use cutover_model::binlog::{
    event::FIRST_POSITION,
    group::{Group, GroupKind},
    log::{Binlog, LogPos},
};

/// The first transaction behind noted coordinates that is not RDS's own, by its GTID or position; none where there is
/// none.
///
/// # Errors
/// The binlog does not tell: what is needed is in files that are purged, or no event begins there.
pub(super) fn write_since(binlog: &Binlog, noted: &Noted) -> Result<Option<String>, String> {
    let from = match noted {
        Noted::Position { file, pos } => binlog.number(file).map(|number| LogPos {
            file: number,
            pos: *pos,
        }),
        Noted::Gtids(set) => binlog.find_file_for(set).map(|number| LogPos {
            file: number,
            pos: FIRST_POSITION,
        }),
    };
    let Some(from) = from.filter(|at| binlog.file(at.file).is_some()) else {
        return Err(format!(
            "the binlog file that has what was committed behind {} is purged: whether anything was, nobody can tell",
            noted.text()
        ));
    };
    if !binlog.is_between_events(from) {
        return Err(format!("no event of the binlog begins at {}", noted.text()));
    }
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
