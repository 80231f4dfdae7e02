//! What one pass over the applications tells of their order. Several checks ask for it, and mostly the answer is that
//! every commit came behind the one before: then they have nothing to look for.

use crate::history::Applications;

/// In what order the source's commits came to the target. Of a list without applications everything holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Each is of a later commit than the one before, and the first of one that was not in the snapshot: then none was
    /// overtaken, and none came again.
    pub is_in_order: bool,
    /// Each is of the commit behind the one before, and the first of the one behind the snapshot.
    pub is_whole: bool,
    /// The latest commit.
    pub latest: Option<u32>,
}

impl Sequence {
    /// Of the applications behind a snapshot of `cut` commits.
    pub fn of(applied: &Applications, cut: u32) -> Self {
        let mut sequence = Self {
            is_in_order: true,
            is_whole: true,
            latest: None,
        };
        // One behind the last of a list that counts up; a commit's number may be as large as it can be.
        let mut next = u64::from(cut);
        for commit in applied.iter().map(|a| a.commit) {
            sequence.is_in_order &= u64::from(commit) >= next;
            sequence.is_whole &= u64::from(commit) == next;
            next = u64::from(commit) + 1;
            sequence.latest = sequence.latest.max(Some(commit));
        }
        sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Applied;

    #[test]
    fn a_sequence_is_whole_or_at_least_in_order_or_neither() {
        for (commits, is_in_order, is_whole, latest) in [
            (&[][..], true, true, None),
            (&[3], true, true, Some(3)),
            (&[3, 4, 5], true, true, Some(5)),
            (&[3, 5, 6], true, false, Some(6)),
            (&[4, 5], true, false, Some(5)),
            (&[2, 3, 4], false, false, Some(4)),
            (&[3, 5, 4], false, false, Some(5)),
            (&[3, 4, 4], false, false, Some(4)),
            (&[3, u32::MAX], true, false, Some(u32::MAX)),
            (&[u32::MAX, 3], false, false, Some(u32::MAX)),
        ] {
            let applied = commits.iter().map(|&commit| Applied { commit, at: 0 });
            let expected = Sequence {
                is_in_order,
                is_whole,
                latest,
            };
            assert_eq!(Sequence::of(&applied.collect(), 3), expected, "{commits:?}");
        }
    }
}
