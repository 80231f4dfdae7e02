//! P6, full prefix at cutover: when the first client writes to the target, the target has every commit
//! of the source. What it lacks then is stranded, whatever happens later.

use super::{NO_CUTOVER, Property, absent, found};
use crate::{evidence::Evidence, explain::commit, outcome::Finding};

pub(super) const PROPERTY: Property = Property {
    id: "P6",
    name: "Full prefix at cutover",
    says: "When the target takes its first write, it has every committed transaction of the source.",
    check,
};

fn check(e: &Evidence<'_>) -> Finding {
    let Some(opened) = e.cutover() else {
        return absent(NO_CUTOVER);
    };
    // Nobody wrote to the target: it could have been written to since it was opened.
    let first = e.history.target.first().map_or(opened, |c| c.at);
    let (stranded, oldest) = e.lacked(e.source_commits_by(first), first);
    found(stranded, || {
        let oldest = commit(e, oldest.unwrap_or_default());
        let when = match e.history.target.is_empty() {
            true => "it was opened",
            false => "its first client wrote",
        };
        format!(
            "{oldest} was not on the target when {when} at {}",
            e.clock(first)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};
    use crate::runbook::Host;

    #[test]
    fn commits_that_the_target_lacks_at_its_first_write_are_stranded() {
        let mut made = Made::sound();
        assert_eq!(made.violations(&PROPERTY), 0);
        made.place(Host::Source, 3, 9, 124 * S);
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn what_is_applied_after_the_first_write_was_stranded_too() {
        let mut made = Made::sound();
        made.history.applied.edit(1, |applied| applied.at = 127 * S);
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn a_write_to_the_source_after_the_first_on_the_target_is_not_of_the_prefix() {
        let mut made = Made::sound();
        made.place(Host::Source, 3, 9, 128 * S);
        assert_eq!(made.violations(&PROPERTY), 0, "P9 is about that");
    }

    #[test]
    fn without_cutover_it_is_absent() {
        assert!(Made::empty().is_absent(&PROPERTY));
    }
}
