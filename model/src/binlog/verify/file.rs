//! One file by itself.

use super::{Ending, FileReport, Input, Problem, ProblemKind};
use crate::binlog::decode::{FormatDescription, Rotate, previous_gtids};
use crate::binlog::event::{EventType, flag};
use crate::binlog::frame::{BinlogError, ErrorKind, Frame, Frames};
use crate::binlog::group::{GroupKind, Groups};
use crate::gtid::{Gtid, GtidSet};

/// What is in a file, and what is wrong with it.
pub(super) fn look(input: &Input<'_>, last: bool) -> (FileReport, Vec<Problem>) {
    let mut file = FileReport {
        name: input.name.to_owned(),
        ..FileReport::default()
    };
    let mut problems = Vec::new();
    let end = frames(input, &mut file, &mut problems);
    let error = groups(
        input,
        end.as_ref().map_or(input.bytes.len() as u64, |e| e.pos),
        &mut file,
        &mut problems,
    );
    if let Some(error) = error.or(end) {
        // A cut at the end of the last file is how a crash, or a copy of a file in use, leaves it.
        let torn = matches!(
            error.kind,
            ErrorKind::Truncated { .. } | ErrorKind::UnfinishedGroup
        );
        let kind = if torn && last {
            ProblemKind::Torn(error.kind)
        } else {
            ProblemKind::Broken(error.kind)
        };
        problems.push(Problem::at(input.name, error.pos, kind));
    }
    if file.in_use && !last {
        problems.push(Problem::at(input.name, file.good_until, ProblemKind::InUse));
    }
    problems.sort_by_key(|problem| problem.pos);
    (file, problems)
}

/// Bounds, checksums, positions, and the events outside of groups.
fn frames(
    input: &Input<'_>,
    file: &mut FileReport,
    problems: &mut Vec<Problem>,
) -> Option<BinlogError> {
    let frames = match Frames::of_file(input.bytes) {
        Ok(frames) => frames,
        Err(error) => return Some(error),
    };
    let mut relay_log = false;
    let mut reported = false;
    for frame in frames {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Some(error),
        };
        file.events += 1;
        relay_log |= frame.header.flags & flag::RELAY_LOG != 0;
        let (found, expected) = (frame.header.end_log_pos, frame.end() as u32);
        let artificial = frame.header.flags & flag::ARTIFICIAL != 0 || found == 0;
        // Relay logs keep the source's positions.
        if found != expected && !artificial && !relay_log && !reported {
            reported = true;
            let kind = ProblemKind::EndPosition { found, expected };
            problems.push(Problem::at(input.name, frame.pos, kind));
        }
        if let Err(kind) = outside(&frame, file) {
            return Some(BinlogError {
                pos: frame.pos,
                kind,
            });
        }
    }
    None
}

fn outside(frame: &Frame<'_>, file: &mut FileReport) -> Result<(), ErrorKind> {
    match frame.header.event_type {
        EventType::FORMAT_DESCRIPTION => {
            let format = FormatDescription::decode(frame.body)?;
            file.server_version = format.server_version.to_owned();
            file.server_id = frame.header.server_id;
            file.in_use = frame.header.flags & flag::IN_USE != 0;
            file.started_s = Some(frame.header.timestamp_s);
        }
        EventType::PREVIOUS_GTIDS => file.previous = Some(previous_gtids(frame.body)?),
        EventType::ROTATE => {
            let next = Rotate::decode(frame.body)?.file;
            file.ending = Ending::Rotate(String::from_utf8_lossy(next).into_owned());
            file.ended_s = Some(frame.header.timestamp_s);
        }
        EventType::STOP => file.ending = Ending::Stop,
        _ => {}
    }
    Ok(())
}

/// The transactions before `end`, where frames stop being usable.
fn groups(
    input: &Input<'_>,
    end: u64,
    file: &mut FileReport,
    problems: &mut Vec<Problem>,
) -> Option<BinlogError> {
    let usable = usize::try_from(end)
        .ok()
        .and_then(|end| input.bytes.get(..end))
        .unwrap_or(input.bytes);
    let mut groups = Groups::of_trusted_file(usable).ok()?;
    let mut seen = file.previous.clone().unwrap_or_default();
    let mut error = None;
    for group in &mut groups {
        let group = match group {
            Ok(group) => group,
            Err(found) => {
                error = Some(found);
                break;
            }
        };
        file.transactions += 1;
        file.internal += u64::from(group.kind == GroupKind::Internal);
        file.first_time_s.get_or_insert(group.timestamp_s);
        file.last_time_s = Some(group.timestamp_s);
        let Some(gtid) = group.gtid.and_then(|event| event.gtid) else {
            continue;
        };
        if let Some(kind) = place(gtid, &mut seen, &file.gtids) {
            problems.push(Problem::at(input.name, group.start, kind));
        }
        file.first_gtid.get_or_insert(gtid);
        file.last_gtid = Some(gtid);
        file.gtids.add(gtid);
    }
    file.good_until = groups.good_until();
    if file.previous.is_none() && file.transactions > 0 {
        problems.push(Problem::at(input.name, 0, ProblemKind::NoPreviousGtids));
    }
    error
}

/// What is odd about a GTID, given what was there before it.
fn place(gtid: Gtid, seen: &mut GtidSet, own: &GtidSet) -> Option<ProblemKind> {
    if !seen.add(gtid) {
        return Some(ProblemKind::RepeatedGtid { gtid });
    }
    let late = own
        .last(gtid.uuid, gtid.tag)
        .is_some_and(|last| gtid.gno < last);
    late.then_some(ProblemKind::GtidOrder { gtid })
}
