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
    /// Binlog files cannot be served.
    #[cfg(feature = "lab")]
    #[error(transparent)]
    Serve(#[from] cutover::lab::serve::ServeError),
    /// Real servers cannot rehearse.
    #[cfg(feature = "lab")]
    #[error(transparent)]
    Lab(Box<cutover::lab::rehearsal::LabError>),
    /// A password cannot be read.
    #[cfg(feature = "lab")]
    #[error("{}: {source}; name a file whose first line is the password", path.display())]
    Password {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// This build does not talk to real servers.
    #[cfg(not(feature = "lab"))]
    #[error(
        "what meets real servers is not part of this build: build it with `cargo build --release --features lab`"
    )]
    NoLab,
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
            #[cfg(feature = "lab")]
            Self::Serve(_) | Self::Lab(_) | Self::Password { .. } => Status::BadInput,
            #[cfg(not(feature = "lab"))]
            Self::NoLab => Status::BadInput,
        }
    }
}

#[cfg(feature = "lab")]
impl From<cutover::lab::rehearsal::LabError> for Failure {
    fn from(error: cutover::lab::rehearsal::LabError) -> Self {
        match error {
            cutover::lab::rehearsal::LabError::Interrupted => Self::Interrupted,
            error => Self::Lab(Box::new(error)),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::Load(Box::new(error))
    }
}
