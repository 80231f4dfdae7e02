//! The journal of a sweep: a file to which every seed that has ended is added as a line, so that a sweep that was
//! killed goes on where it was, with the same findings.
//!
//! The first line says what the sweep is; another sweep is refused. A line that was torn is dropped, and its seed runs
//! again. Beside the journal, a folder holds the plans that were found and, at the end, the report; all of these follow
//! from the journal, and are replaced as a whole.

use super::{Options, record::Record};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

/// The journal's name in its folder.
const NAME: &str = "journal.jsonl";
/// Where a file is written before it gets its name. There is one writer only: the journal is locked.
const WRITING: &str = ".writing";

/// The version of the journal's format.
const SCHEMA: &str = "1.0";

/// What a sweep is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    journal: String,
    /// What it was asked for.
    pub options: Options,
    /// The fingerprint of the base plan's run: another build may come to another one.
    pub fingerprint: String,
    /// The base plan, as TOML.
    pub plan: String,
}

impl Header {
    pub fn new(options: &Options, fingerprint: String, plan: String) -> Self {
        Self {
            journal: SCHEMA.into(),
            options: options.clone(),
            fingerprint,
            plan,
        }
    }

    /// In what another one differs.
    fn differs(&self, other: &Self) -> &'static str {
        let (ours, theirs) = (&self.options, &other.options);
        if self.journal != other.journal || ours.version != theirs.version {
            "version of cutover"
        } else if ours != theirs {
            "seeds or options"
        } else if self.plan != other.plan {
            "scenario or strategy"
        } else {
            "build of cutover: the same plan comes to another fingerprint"
        }
    }
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// It cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is something else in it.
    #[error("{} has files and no journal of a sweep: name an empty folder, or one that is not there yet", .0.display())]
    Foreign(PathBuf),
    /// Another process is at work in it.
    #[error("another process is exploring in {}: wait for it, or name another folder", .0.display())]
    InUse(PathBuf),
    /// The sweep in it is another one.
    #[error(
        "the sweep in {} has another {differs}; to go on with it, ask for the same again; for a new one, name another folder",
        path.display()
    )]
    Another {
        /// The folder.
        path: PathBuf,
        /// In what they differ.
        differs: &'static str,
    },
}

/// A journal that is open.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    folder: PathBuf,
}

impl Journal {
    /// Opens the journal of a folder, or begins one, and returns what it has: records by seed.
    pub fn open(
        folder: &Path,
        header: &Header,
    ) -> Result<(Self, BTreeMap<u64, Record>), JournalError> {
        let at = |path: &Path| {
            let path = path.to_path_buf();
            move |source| JournalError::Io { path, source }
        };
        fs::create_dir_all(folder).map_err(at(folder))?;
        let path = folder.join(NAME);
        let occupied = fs::read_dir(folder).map_err(at(folder))?.next().is_some();
        if occupied && !path.exists() {
            return Err(JournalError::Foreign(folder.to_path_buf()));
        }
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path);
        let mut file = file.map_err(at(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::InUse(folder.to_path_buf())),
            Err(TryLockError::Error(source)) => return Err(at(&path)(source)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(at(&path))?;
        let mut journal = Self {
            file,
            folder: folder.to_path_buf(),
        };
        let (good, records) = journal.read(&bytes, header)?;
        journal.file.set_len(good).map_err(at(&path))?;
        journal.file.seek(io::SeekFrom::End(0)).map_err(at(&path))?;
        if good == 0 {
            journal.line(header)?;
        }
        journal.sync()?;
        Ok((journal, records))
    }

    /// The records, and where the last whole line ends.
    fn read(
        &self,
        bytes: &[u8],
        header: &Header,
    ) -> Result<(u64, BTreeMap<u64, Record>), JournalError> {
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let whole = |line: &[u8]| line.ends_with(b"\n");
        let (mut good, mut records) = (0, BTreeMap::new());
        // A first line that is torn: it was killed before it had begun.
        let Some(first) = lines.next().filter(|line| whole(line)) else {
            return Ok((0, records));
        };
        match serde_json::from_slice::<Header>(first) {
            Ok(theirs) if theirs == *header => {}
            Ok(theirs) => {
                return Err(JournalError::Another {
                    path: self.folder.clone(),
                    differs: header.differs(&theirs),
                });
            }
            Err(_) => return Err(JournalError::Foreign(self.folder.clone())),
        }
        good += first.len() as u64;
        for line in lines {
            let record = serde_json::from_slice::<Record>(line);
            let (true, Ok(record)) = (whole(line), record) else {
                break;
            };
            good += line.len() as u64;
            records.entry(record.seed).or_insert(record);
        }
        Ok((good, records))
    }

    /// Adds a seed that has ended.
    pub fn add(&mut self, record: &Record) -> Result<(), JournalError> {
        self.line(record)
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), JournalError> {
        let written = serde_json::to_vec(value).map_err(io::Error::from);
        let written = written.and_then(|mut line| {
            line.push(b'\n');
            self.file.write_all(&line)
        });
        written.map_err(|source| self.error(source))
    }

    /// Makes sure that what was added outlives the machine.
    pub fn sync(&self) -> Result<(), JournalError> {
        self.file.sync_data().map_err(|source| self.error(source))
    }

    /// Writes a file of the folder as a whole.
    pub fn write(&self, name: &str, text: &str) -> Result<(), JournalError> {
        let (path, temporary) = (self.folder.join(name), self.folder.join(WRITING));
        let written = File::create(&temporary).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        });
        written.map_err(|source| JournalError::Io { path, source })
    }

    fn error(&self, source: io::Error) -> JournalError {
        JournalError::Io {
            path: self.folder.join(NAME),
            source,
        }
    }
}
