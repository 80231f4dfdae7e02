//! Files of one server in the order in which they were written: what may be followed from one to the next.
//!
//! Built on [`verify`](super::verify): what contradicts that the files are one history is refused before
//! anything is applied; damage inside a file is left to whoever follows, who keeps what comes before it.

use super::verify::{FileReport, Input, Problem, ProblemKind, verify};
use crate::{ddl::Version, gtid::GtidSet};

/// Files in order.
#[derive(Clone, Debug)]
pub struct History<'a> {
    /// The files as they were given, in order.
    pub files: Vec<Input<'a>>,
    /// For each of them, its index as given.
    pub order: Vec<usize>,
    /// What is in each of them.
    pub reports: Vec<FileReport>,
    /// What is odd and does no harm, for people.
    pub notes: Vec<String>,
}

/// Why files are not one history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// There are none.
    #[error("no binlog files: name files, or a folder that holds them")]
    NoFiles,
    /// They contradict each other.
    #[error("{problem}; {remedy}")]
    NotOne {
        /// The contradiction, with the file.
        problem: Box<Problem>,
        /// What would be right.
        remedy: &'static str,
    },
}

impl<'a> History<'a> {
    /// Sorts files by what their names say, and checks that each follows the one before it.
    ///
    /// # Errors
    /// [`HistoryError`]: a file is missing, comes twice, or is of another server.
    pub fn of(inputs: &[Input<'a>]) -> Result<Self, HistoryError> {
        let report = verify(inputs);
        let mut notes = Vec::new();
        for problem in report.problems {
            match remedy(&problem.kind) {
                Some(remedy) => {
                    return Err(HistoryError::NotOne {
                        problem: Box::new(problem),
                        remedy,
                    });
                }
                // Nothing behind it will be read, so nothing behind it matters.
                None if matches!(problem.kind, ProblemKind::Broken(_)) => break,
                // Told with the place where following ends.
                None if matches!(problem.kind, ProblemKind::Torn(_)) => {}
                // Usual without GTIDs, and nothing to be done about.
                None if matches!(
                    problem.kind,
                    ProblemKind::NoPreviousGtids | ProblemKind::Order
                ) => {}
                None => notes.push(problem.to_string()),
            }
        }
        let files: Vec<_> = report
            .order
            .iter()
            .filter_map(|at| inputs.get(*at).copied())
            .collect();
        if files.is_empty() {
            return Err(HistoryError::NoFiles);
        }
        Ok(History {
            files,
            order: report.order,
            reports: report.files,
            notes,
        })
    }

    /// The version of the server that wrote a file; 8.0 where that cannot be read.
    pub fn version(&self, file: usize) -> Version {
        self.reports
            .get(file)
            .and_then(|report| Version::from_text(&report.server_version))
            .unwrap_or(Version::V8_0)
    }

    /// The GTIDs before the first file; `None` when it does not say.
    pub fn previous(&self) -> Option<&GtidSet> {
        self.reports.first()?.previous.as_ref()
    }

    /// The file of this name, folders aside.
    pub fn position_of(&self, name: &str) -> Option<usize> {
        let wanted = file_name(name);
        self.files
            .iter()
            .position(|file| file_name(file.name) == wanted)
    }
}

/// A path without its folders.
pub fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// What would be right, where a problem means that the files cannot be followed across it.
fn remedy(kind: &ProblemKind) -> Option<&'static str> {
    match kind {
        ProblemKind::NotNext { .. } | ProblemKind::Skipped { .. } | ProblemKind::Gap { .. } => {
            Some("give all files of one server, without a gap")
        }
        ProblemKind::Repeated { .. } => Some("give each file once, and those of one server alone"),
        ProblemKind::OtherHistory { .. }
        | ProblemKind::ServerId { .. }
        | ProblemKind::ServerVersion { .. }
        | ProblemKind::OtherTime { .. } => Some("give the files of one server"),
        _ => None,
    }
}
