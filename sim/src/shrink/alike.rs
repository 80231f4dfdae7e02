//! When a smaller plan fails as the first one did.

use crate::{
    failure::{Broken, Failure},
    outcome::{Finding, Outcome},
};

/// What the runs of a plan and of a smaller one have in common: the failure, and the reason in the same words.
/// Without the reason, a write that was lost behind a fence that came too late could end as one that was lost
/// because nobody started replication: both are not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    /// The failure.
    pub failure: Failure,
    /// Why, without names and numbers.
    reason: String,
}

impl Alike {
    /// Of a run; none when it is no failure.
    pub fn of(outcome: &Outcome) -> Option<Self> {
        let failure = Failure::of(outcome)?;
        let reason = match (failure.what, outcome.explanations.first()) {
            (Broken::Property(_), Some(first)) => words(&first.because),
            (Broken::Property(index), None) => match &outcome.properties.get(index)?.finding {
                Finding::Violated { first, .. } => words(first),
                Finding::Holds | Finding::Absent { .. } => String::new(),
            },
            (Broken::NotLive, _) => last_said(outcome),
        };
        Some(Self { failure, reason })
    }
}

/// What the operator and the servers said last.
fn last_said(outcome: &Outcome) -> String {
    let last = |speakers: &[&str]| {
        let mut said = outcome.story.iter().rev();
        let line = said.find(|line| line.commands.is_empty() && speakers.contains(&line.who));
        line.map_or(String::new(), |line| words(&line.what))
    };
    format!("{}; {}", last(&["operator"]), last(&["source", "target"]))
}

/// The words of a sentence that are neither names, numbers nor their units.
fn words(sentence: &str) -> String {
    const UNITS: [&str; 4] = ["ms", "s", "min", "h"];
    let bare = |word: &&str| {
        let trimmed = word.trim_matches(|c: char| !c.is_alphanumeric());
        !UNITS.contains(&trimmed)
            && trimmed
                .chars()
                .all(|c| c.is_alphabetic() || matches!(c, '_' | '-' | '\''))
    };
    let words: Vec<&str> = sentence.split_whitespace().filter(bare).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reasons_are_the_same_when_only_names_and_numbers_differ() {
        let late = |stop: &str, after: &str| {
            format!(
                "Replication had been stopped at {stop}, {after} before it was committed, and the fence reached the server later."
            )
        };
        assert_eq!(
            words(&late("09:59:01.026", "141 ms")),
            words(&late("10:00:00.000", "2.8 s"))
        );
        assert_ne!(
            words(&late("09:59:01.026", "141 ms")),
            words("The snapshot had been cut at 09:58:10.321, 9.6 s earlier.")
        );
    }
}
