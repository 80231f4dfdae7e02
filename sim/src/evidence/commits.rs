//! A set of numbers: of the source's commits, or of operations.

use crate::history::Applied;

/// A set of commit numbers (or others that count up): all below a bound, and any others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitSet {
    /// One bit a commit.
    words: Vec<u64>,
}

impl CommitSet {
    /// The first `cut` commits and what was applied, of `commits` that the source has. An application of
    /// a commit that the source does not have is left out.
    pub fn new(commits: usize, cut: u32, applied: impl IntoIterator<Item = Applied>) -> Self {
        let words = vec![0; commits.div_ceil(64)];
        let mut set = Self { words };
        set.add_all(0, cut.min(commits as u32));
        applied.into_iter().for_each(|a| set.add(a.commit));
        set
    }

    /// Adds a commit.
    pub fn add(&mut self, commit: u32) {
        if let Some(word) = self.words.get_mut(commit as usize / 64) {
            *word |= 1 << (commit % 64);
        }
    }

    /// Adds commits: those from `from` up to, not including, `to`.
    pub fn add_all(&mut self, from: u32, to: u32) {
        let to = (to as usize).min(self.words.len() * 64);
        let mut commit = from as usize;
        while commit < to {
            let (word, bit) = (commit / 64, commit % 64);
            let end = to.min((word + 1) * 64);
            self.words[word] |= (u64::MAX >> (64 - (end - commit))) << bit;
            commit = end;
        }
    }

    /// Takes commits out: those from `from` up to, not including, `to`.
    pub fn remove(&mut self, from: u32, to: u32) {
        for commit in from..to {
            if let Some(word) = self.words.get_mut(commit as usize / 64) {
                *word &= !(1 << (commit % 64));
            }
        }
    }

    /// Whether a commit is in it.
    pub fn has(&self, commit: u32) -> bool {
        let word = self.words.get(commit as usize / 64);
        word.is_some_and(|w| w >> (commit % 64) & 1 == 1)
    }

    /// The commits in it, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        let words = (0..).step_by(64).zip(&self.words);
        let some = words.filter(|(_, word)| **word != 0);
        some.flat_map(|(from, word)| {
            (from..from + 64).filter(move |commit| *word >> (commit % 64) & 1 == 1)
        })
    }

    /// The commits below a number that are not in it: how many, and the first.
    pub fn missing_below(&self, before: u32) -> (u64, Option<u32>) {
        let (mut count, mut first) = (0, None);
        for (i, from) in (0..before).step_by(64).enumerate() {
            let wanted = match before - from {
                n if n < 64 => (1 << n) - 1,
                _ => u64::MAX,
            };
            let missing = wanted & !self.words.get(i).copied().unwrap_or(0);
            if missing != 0 {
                count += u64::from(missing.count_ones());
                first.get_or_insert(from + missing.trailing_zeros());
            }
        }
        (count, first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_snapshot_and_what_was_applied_and_nothing_else() {
        for cut in [0, 1, 63, 64, 65, 130] {
            let applied = [131, 139, 7_000].map(|commit| Applied { commit, at: 0 });
            let set = CommitSet::new(140, cut, applied);
            for commit in 0..200 {
                let expected = commit < cut || commit == 131 || commit == 139;
                assert_eq!(set.has(commit), expected, "{commit} with {cut}");
            }
            assert!(set.iter().eq((0..cut).chain([131, 139])));
            assert_eq!(set.missing_below(cut), (0, None));
            assert_eq!(set.missing_below(cut + 1), (1, Some(cut)));
            assert_eq!(set.missing_below(140).0, 138 - u64::from(cut));
            for to in [cut, cut + 1, cut + 64, 200] {
                let mut more = set.clone();
                more.add_all(cut, to);
                let in_words =
                    |commit: &u32| *commit < to.min(192) || *commit == 131 || *commit == 139;
                assert!(more.iter().eq((0..192).filter(in_words)), "{cut} to {to}");
            }
        }
    }
}
