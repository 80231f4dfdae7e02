//! A recording: a real server's binlog files as the traffic of a run.

/// A file as it was read: its name (for messages) and its bytes.
#[derive(Clone, Debug)]
pub struct NamedFile {
    /// Path as the user gave it.
    pub name: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Transactions of real binlog files, ready to be replayed.
#[derive(Debug)]
pub struct Recording {}

/// Why files cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// Nothing to replay.
    #[error("{file}: no binlog transaction in it")]
    Empty {
        /// The file.
        file: String,
    },
}

impl Recording {
    /// Reads binlog files (in any order) and an optional schema file.
    ///
    /// # Errors
    /// [`RecordingError`] names file, position and remedy.
    pub fn load(files: Vec<NamedFile>, schema: Option<NamedFile>) -> Result<Self, RecordingError> {
        let _ = schema;
        Err(RecordingError::Empty {
            file: files.first().map(|f| f.name.clone()).unwrap_or_default(),
        })
    }
}
