//! Why the command could not do what it was asked for. `output::diagnostic` says it to people.

use crate::exit::Status;
use cutover::{
    model::follow::FollowError,
    scenarios::LoadError,
    sim::{explore::ExploreError, outcome::Verdict, recording::RecordingError, run::RunError},
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Why the command stops.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A scenario, runbook, plan or binlog file is wrong.
    #[error(transparent)]
    Load(#[from] Box<LoadError>),
    /// Binlog files cannot be replayed.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// Binlog files cannot be applied.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// A binlog file is damaged or cut.
    #[error("{file}:{pos}: {message}")]
    Binlog {
        /// The file.
        file: String,
        /// Where; what comes before it is good.
        pos: u64,
        /// What is wrong.
        message: String,
    },
    /// The plan cannot be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A sweep cannot be run, or not to its end.
    #[error(transparent)]
    Explore(#[from] ExploreError),
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Two dumps whose files have the same names.
    #[error(
        "--dump-source and --dump-target are the same folder, {}: their files have the same names; name two folders",
        .0.display()
    )]
    OneFolder(PathBuf),
    /// A file that is there and was not to be replaced.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// A plan whose run is no failure.
    #[error("there is nothing to shrink: the run of {} is no failure, its verdict is {verdict:?}", plan.display())]
    NothingToShrink {
        /// The plan.
        plan: PathBuf,
        /// What it comes to.
        verdict: Verdict,
    },
    /// Standard output does not take what is written to it.
    #[error("cannot write to standard output: {0}")]
    StandardOutput(io::Error),
    /// The system has no thread for a run.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// A run ended without a result, which the report of the defect has told of already.
    #[error("a run ended without a result")]
    Defect,
}

impl Failure {
    /// A path that cannot be written.
    pub fn write(path: &Path, source: io::Error) -> Self {
        Self::Write {
            path: path.to_path_buf(),
            source,
        }
    }

    /// The exit status.
    pub const fn status(&self) -> Status {
        match self {
            Self::Interrupted => Status::Interrupted,
            Self::Defect | Self::Explore(ExploreError::Died(_)) => Status::Defect,
            Self::Load(_)
            | Self::Recording(_)
            | Self::Follow(_)
            | Self::Binlog { .. }
            | Self::Run(_)
            | Self::Explore(_)
            | Self::OneFolder(_)
            | Self::Exists(_)
            | Self::NothingToShrink { .. }
            | Self::Write { .. }
            | Self::StandardOutput(_)
            | Self::Thread(_) => Status::BadInput,
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::Load(Box::new(error))
    }
}
