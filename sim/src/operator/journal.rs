//! The runbook's journal: all that an operator who comes back knows.
//!
//! A line when a step begins, one when it is done, and the coordinates that were noted. Everything else is read again
//! from the systems.

use cutover_model::gtid::GtidSet;

/// Coordinates that a step noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noted {
    /// File and position.
    Position {
        /// The file's name.
        file: String,
        /// The position.
        pos: u64,
    },
    /// A GTID set.
    Gtids(GtidSet),
}

impl Noted {
    /// As it is noted and as commands have it.
    pub fn text(&self) -> String {
        match self {
            Self::Position { file, pos } => format!("{file}:{pos}"),
            Self::Gtids(set) => set.to_string(),
        }
    }
}

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The next step of the runbook, or of the way back, was begun.
    Started,
    /// It was done.
    Finished,
    /// Coordinates, by their name.
    Noted(String, Noted),
    /// The migration was given up: from here on the steps are those of the way back.
    GivenUp,
}

impl Line {
    fn is_giving_up(&self) -> bool {
        matches!(self, Self::GivenUp)
    }
}

/// What was written down, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal(Vec<Line>);

impl Journal {
    /// Writes a line.
    pub fn write(&mut self, line: Line) {
        self.0.push(line);
    }

    /// Whether the migration was given up.
    pub fn is_given_up(&self) -> bool {
        self.0.iter().any(Line::is_giving_up)
    }

    /// The step to take next, from 0: of the runbook, or of the way back once the migration was given up.
    pub fn next_step(&self) -> usize {
        self.lately()
            .filter(|l| matches!(l, Line::Finished))
            .count()
    }

    /// How many steps of the runbook were done before it was given up, or are done by now.
    pub fn steps_before_giving_up(&self) -> usize {
        let before = self.0.iter().take_while(|l| !l.is_giving_up());
        before.filter(|l| matches!(l, Line::Finished)).count()
    }

    /// Whether that step was begun already, and nobody wrote down that it was done.
    pub fn is_under_way(&self) -> bool {
        let mut steps = self.lately();
        steps.find(|l| matches!(l, Line::Started | Line::Finished)) == Some(&Line::Started)
    }

    /// What was noted under a name, last.
    pub fn noted(&self, name: &str) -> Option<&Noted> {
        self.0.iter().rev().find_map(|line| match line {
            Line::Noted(n, noted) if n == name => Some(noted),
            _ => None,
        })
    }

    /// The lines since the migration was given up, or all of them, the last first.
    fn lately(&self) -> impl Iterator<Item = &Line> {
        self.0.iter().rev().take_while(|l| !l.is_giving_up())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(lines: &[Line]) -> Journal {
        Journal(lines.to_vec())
    }

    #[test]
    fn the_journal_says_which_step_is_next_and_whether_it_was_begun() {
        use Line::{Finished, GivenUp, Started};
        let says = |lines: &[Line]| (journal(lines).next_step(), journal(lines).is_under_way());
        assert_eq!(says(&[]), (0, false));
        assert_eq!(says(&[Started]), (0, true));
        assert_eq!(says(&[Started, Started, Finished]), (1, false));
        assert_eq!(says(&[Started, Finished, Started]), (1, true));
        assert_eq!(says(&[Started, Finished, Started, GivenUp]), (0, false));
        assert_eq!(says(&[Started, Finished, GivenUp, Started]), (0, true));
        let before = |lines: &[Line]| journal(lines).steps_before_giving_up();
        assert_eq!(before(&[Started, Finished, Started]), 1);
        assert_eq!(
            before(&[Started, Finished, Started, GivenUp, Started, Finished]),
            1
        );
    }

    #[test]
    fn what_was_noted_twice_is_what_was_noted_last() {
        let at = |pos| Noted::Position {
            file: "f".into(),
            pos,
        };
        let journal = journal(&[
            Line::Noted("fence".into(), at(4)),
            Line::Noted("other".into(), at(5)),
            Line::Noted("fence".into(), at(6)),
        ]);
        assert_eq!(journal.noted("fence"), Some(&at(6)));
        assert_eq!(journal.noted("gate"), None);
    }
}
