//! The order of binlog files, and whether they belong together.

use super::{NamedFile, RecordingError};
use cutover_model::{
    binlog::{
        decode::{FormatDescription, Rotate, previous_gtids},
        event::EventType,
        frame::{ErrorKind, Frames},
    },
    gtid::GtidSet,
    server::Version,
};

/// Files in order.
#[derive(Debug)]
pub(super) struct Sorted {
    pub(super) files: Vec<NamedFile>,
    pub(super) version: Version,
    pub(super) notes: Vec<String>,
}

/// What the head and the tail of a file say.
struct Head {
    file: NamedFile,
    created_s: u32,
    server_version: String,
    server_id: u32,
    previous: GtidSet,
    number: u64,
    /// The file that ROTATE names.
    next: Option<String>,
}

/// Sorts files by what they say of themselves.
pub(super) fn sort(files: Vec<NamedFile>) -> Result<Sorted, RecordingError> {
    let mut heads = files.into_iter().map(head).collect::<Result<Vec<_>, _>>()?;
    heads.sort_by(|a, b| {
        (a.previous.count(), a.number, a.created_s, &a.file.name).cmp(&(
            b.previous.count(),
            b.number,
            b.created_s,
            &b.file.name,
        ))
    });
    let mut notes = Vec::new();
    for pair in heads.windows(2) {
        check_pair(&pair[0], &pair[1], &mut notes)?;
    }
    let version = match heads.first() {
        Some(head) => Version::from_text(&head.server_version).unwrap_or(Version::V8_0),
        None => {
            return Err(RecordingError::Order(
                "no binlog files: name files, or a folder that holds them".into(),
            ));
        }
    };
    Ok(Sorted {
        files: heads.into_iter().map(|h| h.file).collect(),
        version,
        notes,
    })
}

fn check_pair(a: &Head, b: &Head, notes: &mut Vec<String>) -> Result<(), RecordingError> {
    let names = format!("{} and {}", a.file.name, b.file.name);
    if a.server_version != b.server_version || a.server_id != b.server_id {
        return Err(RecordingError::Order(format!(
            "{names} are of different servers ({} with server_id {}, {} with server_id {}): give the files of one server",
            a.server_version, a.server_id, b.server_version, b.server_id
        )));
    }
    if !a.previous.is_subset_of(&b.previous) {
        return Err(RecordingError::Order(format!(
            "{names} do not follow each other: their GTIDs are of different histories; give the files of one server"
        )));
    }
    let base = |name: &str| name.rsplit('/').next().unwrap_or(name).to_string();
    match &a.next {
        Some(next) if *next != base(&b.file.name) && a.number + 1 != b.number => {
            Err(RecordingError::Order(format!(
                "after {} comes {next}, and that file is not given: add it",
                a.file.name
            )))
        }
        None if !base(&a.file.name).is_empty() => {
            notes.push(format!(
                "{} ends without naming the file that follows (a crash or a copy of a live file)",
                a.file.name
            ));
            Ok(())
        }
        _ => Ok(()),
    }
}

fn head(file: NamedFile) -> Result<Head, RecordingError> {
    let damaged = |error| RecordingError::Damaged {
        file: file.name.clone(),
        error,
        kept: String::new(),
    };
    let mut head = Head {
        created_s: 0,
        server_version: String::new(),
        server_id: 0,
        previous: GtidSet::default(),
        number: file
            .name
            .rsplit('.')
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0),
        next: None,
        file: NamedFile {
            name: String::new(),
            bytes: Vec::new(),
        },
    };
    for frame in Frames::of_file(&file.bytes).map_err(damaged)? {
        // Damage further on is told when the file is followed, with what came before it.
        let Ok(frame) = frame else { break };
        let at = |kind: ErrorKind| {
            damaged(cutover_model::binlog::frame::BinlogError {
                pos: frame.pos,
                kind,
            })
        };
        match frame.header.event_type {
            EventType::FORMAT_DESCRIPTION => {
                let description =
                    FormatDescription::decode(frame.body).map_err(|e| at(e.into()))?;
                head.server_version = description.server_version.to_string();
                head.server_id = frame.header.server_id;
                head.created_s = frame.header.timestamp_s;
            }
            EventType::PREVIOUS_GTIDS => head.previous = previous_gtids(frame.body).map_err(at)?,
            EventType::ROTATE => {
                let rotate = Rotate::decode(frame.body).map_err(|e| at(e.into()))?;
                head.next = Some(String::from_utf8_lossy(rotate.file).into_owned());
            }
            _ => {}
        }
    }
    head.file = file;
    Ok(head)
}
