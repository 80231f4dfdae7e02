//! The folder: which files there are, what they hold, and who wrote them.
//!
//! The names are the index: `base.000142`. What a file holds is read once, and again from where it ended
//! when it has grown.

use super::{
    ServeError,
    events::{Description, Events, Next, invalid},
};
use cutover_model::{
    binlog::{
        Checksum, EventType, Groups, Header,
        decode::previous_gtids,
        event::{HEADER_LENGTH, MAGIC},
    },
    ddl::Version,
    gtid::{GtidSet, Uuid},
    replica::refusal::{GtidMode, Source},
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// Binlog files of one server.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    base: String,
}

impl Folder {
    /// Looks for binlog files: those of `base`, where there are several servers' (a server's relay logs are
    /// binlog files too).
    ///
    /// # Errors
    /// The folder cannot be read, has none, or those of several bases.
    pub fn open(path: &Path, base: Option<&str>) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Folder {
            path: path.to_path_buf(),
            source,
        };
        let mut bases: Vec<String> = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let Some((found, _)) = name.to_str().and_then(split) else {
                continue;
            };
            if !bases.iter().any(|b| b == found) && is_binlog(&entry.path()).map_err(failed)? {
                bases.push(found.to_string());
            }
        }
        bases.sort();
        let base = match (base, &bases[..]) {
            (Some(base), _) if bases.iter().any(|b| b == base) => base.to_string(),
            (None, [only]) => only.clone(),
            (_, []) => return Err(ServeError::Empty(path.to_path_buf())),
            _ => {
                return Err(ServeError::Bases {
                    path: path.to_path_buf(),
                    bases: bases.join(", "),
                });
            }
        };
        Ok(Self {
            path: path.to_path_buf(),
            base,
        })
    }

    /// The name of a file.
    pub fn name(&self, number: u64) -> String {
        format!("{}.{number:06}", self.base)
    }

    /// The path of a file.
    pub fn path(&self, number: u64) -> PathBuf {
        self.path.join(self.name(number))
    }

    /// Whether a file is there and begun.
    ///
    /// # Errors
    /// The system's.
    pub fn has(&self, number: u64) -> io::Result<bool> {
        is_binlog(&self.path(number))
    }

    /// The numbers of the files, ascending.
    ///
    /// # Errors
    /// The system's.
    pub fn numbers(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let number = name
                .to_str()
                .and_then(split)
                .filter(|(base, _)| *base == self.base)
                .map(|(_, number)| number);
            if let Some(number) = number
                && is_binlog(&entry.path())?
            {
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// `binlog.000142` as (`binlog`, 142).
fn split(name: &str) -> Option<(&str, u64)> {
    let (base, digits) = name.rsplit_once('.')?;
    let is_number = digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number).map(|n| (base, n))
}

/// Whether a file is there and begins as a binlog does. One that is being created does not yet.
fn is_binlog(path: &Path) -> io::Result<bool> {
    let mut magic = [0; MAGIC.len()];
    let read = match File::open(path) {
        Ok(mut file) if file.metadata()?.is_file() => file.read_exact(&mut magic),
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match read {
        Ok(()) => Ok(magic == MAGIC),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// What a file holds, as far as it was read.
#[derive(Clone, Debug)]
struct Held {
    about: Description,
    /// GTIDs of earlier files.
    previous: GtidSet,
    gtids: GtidSet,
    /// Behind the last whole group.
    good: u64,
    /// Whether the last group is anonymous; `None` without one.
    anonymous: Option<bool>,
    /// Whose GTID the last transaction has that this server was the first to commit.
    own: Option<Uuid>,
}

impl Held {
    fn begin(path: &Path) -> io::Result<Self> {
        let mut event = Vec::new();
        let mut events = Events::open(path, &mut event)?;
        let mut held = Self {
            about: events.about().clone(),
            previous: GtidSet::new(),
            gtids: GtidSet::new(),
            good: events.pos(),
            anonymous: None,
            own: None,
        };
        if let Next::Event(header) = events.next(true, &mut event)?
            && header.event_type == EventType::PREVIOUS_GTIDS
        {
            let body = HEADER_LENGTH..event.len() - held.about.checksum.length();
            held.previous = previous_gtids(event.get(body).unwrap_or_default())
                .map_err(|e| invalid(e.to_string()))?;
            held.good = events.pos();
        }
        Ok(held)
    }

    /// Reads what has come since.
    fn go_on(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        if file.metadata()?.len() < self.good {
            return Err(invalid("it is shorter than it was".into()));
        }
        file.seek(SeekFrom::Start(self.good))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let from = self.good;
        let mut groups = Groups::new(&bytes, from, self.about.checksum);
        // What cannot be read further is met by the dump, which says so to the replica.
        while let Some(Ok(group)) = groups.hop() {
            self.anonymous = Some(group.gtid.is_none());
            let Some(gtid) = group.gtid else { continue };
            self.gtids.add(gtid);
            let at = usize::try_from(group.start - from).unwrap_or(usize::MAX);
            let header = bytes.get(at..).and_then(Header::decode);
            if header.is_some_and(|h| h.server_id == self.about.server_id) {
                self.own = Some(gtid.uuid);
            }
        }
        self.good = groups.good_until().max(from);
        Ok(())
    }
}

/// What a server's files hold, remembered from look to look.
#[derive(Debug, Default)]
pub struct Contents {
    files: BTreeMap<u64, Held>,
}

/// The folder as a source that is asked now.
#[derive(Clone, Debug)]
pub struct View {
    folder: Folder,
    /// Number, length, GTIDs of earlier files.
    files: Vec<(u64, u64, GtidSet)>,
    executed: GtidSet,
    gtid_mode: GtidMode,
    uuid: Uuid,
    version: Version,
    checksum: Checksum,
}

/// Who wrote the files.
#[derive(Clone, Debug)]
pub struct Identity {
    /// `server_uuid`.
    pub uuid: Uuid,
    /// `server_id`.
    pub server_id: u32,
    /// `version()`.
    pub version_text: String,
    /// The same as a number.
    pub version: Version,
}

impl Contents {
    /// Looks at the folder.
    fn look(&mut self, folder: &Folder) -> Result<(), ServeError> {
        let failed = |path: PathBuf| move |source| ServeError::File { path, source };
        let numbers = folder.numbers().map_err(failed(folder.path.clone()))?;
        self.files.retain(|number, _| numbers.contains(number));
        for number in &numbers {
            let path = folder.path(*number);
            if !self.files.contains_key(number) {
                let held = Held::begin(&path).map_err(failed(path.clone()))?;
                self.files.insert(*number, held);
            }
        }
        for (number, held) in self.files.iter_mut().rev() {
            let path = folder.path(*number);
            held.go_on(&path).map_err(failed(path))?;
            // Older files are of interest only for what this one does not tell: its PREVIOUS_GTIDS has theirs.
            if held.anonymous.is_some() && held.own.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Who wrote the files.
    ///
    /// # Errors
    /// A file that cannot be read or is no binlog file.
    pub fn identity(&mut self, folder: &Folder) -> Result<Identity, ServeError> {
        self.look(folder)?;
        let newest = self.files.values().next_back();
        let newest = newest.ok_or_else(|| ServeError::Empty(folder.path.clone()))?;
        let own = self.files.values().rev().find_map(|held| held.own);
        Ok(Identity {
            uuid: own.unwrap_or_else(|| of_server_id(newest.about.server_id)),
            server_id: newest.about.server_id,
            version_text: newest.about.server_version.clone(),
            version: version(&newest.about.server_version),
        })
    }

    /// The folder now, as a server with `gtid_mode`, or with the one that the files tell of.
    ///
    /// # Errors
    /// As [`Contents::identity`].
    pub fn view(
        &mut self,
        folder: &Folder,
        identity: &Identity,
        gtid_mode: Option<GtidMode>,
    ) -> Result<View, ServeError> {
        self.look(folder)?;
        let mut files = Vec::new();
        for (number, held) in &self.files {
            let path = folder.path(*number);
            let length = fs::metadata(&path)
                .map_err(|source| ServeError::File { path, source })?
                .len();
            files.push((*number, length, held.previous.clone()));
        }
        let last = self.files.values().next_back();
        let executed = last.map_or_else(GtidSet::new, |h| h.previous.union(&h.gtids));
        let anonymous = self.files.values().rev().find_map(|h| h.anonymous);
        let told = match anonymous {
            Some(true) => GtidMode::Off,
            Some(false) | None => GtidMode::On,
        };
        Ok(View {
            folder: folder.clone(),
            files,
            executed,
            gtid_mode: gtid_mode.unwrap_or(told),
            uuid: identity.uuid,
            version: identity.version,
            checksum: last.map_or(Checksum::None, |held| held.about.checksum),
        })
    }
}

/// Stands for the UUID of a server whose files have no GTIDs of its own.
fn of_server_id(server_id: u32) -> Uuid {
    let mut bytes = *b"cutover\x40\x80\0\0\0\0\0\0\0";
    bytes[12..].copy_from_slice(&server_id.to_be_bytes());
    Uuid(bytes)
}

/// `9.7.4-2` as 90704.
fn version(text: &str) -> Version {
    let mut numbers = text
        .split(['.', '-'])
        .map(|n| n.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0).min(99);
    Version(next() * 10_000 + next() * 100 + next())
}

impl View {
    /// Names and lengths of the files.
    pub fn files(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        self.files
            .iter()
            .map(|(number, length, _)| (self.folder.name(*number), *length))
    }

    /// `binlog_checksum`.
    pub fn checksum(&self) -> Checksum {
        self.checksum
    }
}

impl Source for View {
    fn version(&self) -> Version {
        self.version
    }

    fn gtid_mode(&self) -> GtidMode {
        self.gtid_mode
    }

    fn uuid(&self) -> Uuid {
        self.uuid
    }

    fn executed(&self) -> &GtidSet {
        &self.executed
    }

    fn purged(&self) -> &GtidSet {
        static NONE: GtidSet = GtidSet::new();
        self.files
            .first()
            .map_or(&NONE, |(_, _, previous)| previous)
    }

    fn find_file_for(&self, known: &GtidSet) -> Option<u64> {
        let newest_first = self.files.iter().rev();
        newest_first
            .filter(|(_, _, previous)| previous.is_subset_of(known))
            .map(|(number, _, _)| *number)
            .next()
    }

    fn find_file(&self, name: &str) -> Option<(u64, u64)> {
        let found = if name.is_empty() {
            self.files.first()
        } else {
            let is_named = |f: &&(u64, u64, GtidSet)| self.folder.name(f.0) == name;
            self.files.iter().find(is_named)
        };
        found.map(|(number, length, _)| (*number, *length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_off_its_text() {
        for (text, number) in [
            ("9.7.4-2", 90_704),
            ("5.6.24-log", 50_624),
            ("8.0.36", 80_036),
        ] {
            assert_eq!(version(text), Version(number), "{text}");
        }
        assert_eq!(version("nonsense"), Version(0));
    }

    #[test]
    fn a_name_without_a_number_of_six_digits_is_no_binlog_file() {
        assert_eq!(
            split("mysql-bin.changelog.000214"),
            Some(("mysql-bin.changelog", 214))
        );
        assert_eq!(split("binlog.1000000"), Some(("binlog", 1_000_000)));
        for name in ["binlog.index", "binlog.0001", "000001", "binlog.00000x"] {
            assert_eq!(split(name), None, "{name}");
        }
    }
}
