//! How the command ends: the exit statuses that scripts can rely on.

use cutover::sim::outcome::{Outcome, Verdict};
use std::process::ExitCode;

/// An exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The scenario's expectations hold; the command did what it was asked for.
    Holds,
    /// They do not hold.
    Fails,
    /// Bad arguments, bad files, a place that cannot be written.
    BadInput,
    /// The migration neither finished nor was called off.
    NotLive,
    /// Nothing was put to the test.
    Unknown,
    /// A defect of cutover itself.
    Defect,
    /// Interrupted by the user.
    Interrupted,
}

impl Status {
    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Holds => 0,
            Self::Fails => 1,
            Self::BadInput => 2,
            Self::NotLive => 3,
            Self::Unknown => 4,
            Self::Defect => 70,
            Self::Interrupted => 130,
        }
    }

    /// The status of one run. What the scenario expects comes first: an expected violation is a success.
    pub const fn of(outcome: &Outcome) -> Self {
        match (outcome.as_expected, outcome.verdict) {
            (true, _) => Self::Holds,
            (false, Verdict::NotLive) => Self::NotLive,
            (false, Verdict::Unknown) => Self::Unknown,
            (false, Verdict::Safe | Verdict::Violated | Verdict::Aborted) => Self::Fails,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::canned;

    #[test]
    fn what_the_scenario_expects_is_a_success_whatever_the_verdict() {
        for verdict in [
            Verdict::Safe,
            Verdict::Violated,
            Verdict::Aborted,
            Verdict::NotLive,
            Verdict::Unknown,
        ] {
            let outcome = Outcome {
                verdict,
                as_expected: true,
                ..canned::lossy()
            };
            assert_eq!(Status::of(&outcome), Status::Holds, "{verdict:?}");
        }
    }

    #[test]
    fn an_unexpected_verdict_has_the_documented_status() {
        for (verdict, code) in [
            (Verdict::Safe, 1),
            (Verdict::Violated, 1),
            (Verdict::Aborted, 1),
            (Verdict::NotLive, 3),
            (Verdict::Unknown, 4),
        ] {
            let outcome = Outcome {
                verdict,
                as_expected: false,
                ..canned::lossy()
            };
            assert_eq!(Status::of(&outcome).code(), code, "{verdict:?}");
        }
    }
}
