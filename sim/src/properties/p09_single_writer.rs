//! P9, single writer: once a write to the target was committed and acknowledged, none commits on the
//! source and is acknowledged. Two databases that both say yes cannot both be right. Where the application went back,
//! the source may take writes again, behind the last one on the target.

use super::{NO_CUTOVER, Property, absent, found};
use crate::{evidence::Evidence, explain::operation, outcome::Finding, runbook::Host};

pub(super) const PROPERTY: Property = Property {
    id: "P9",
    name: "Single writer",
    says: "After the first acknowledged write to the target none to the source is acknowledged.",
    check,
};

fn check(e: &Evidence<'_>) -> Finding {
    let survey = e.survey();
    let Some((first, last)) = survey.commits_on_target else {
        return absent(match e.cutover() {
            Some(_) => "no write to the target was acknowledged",
            None => NO_CUTOVER,
        });
    };
    // Where the application went back the source may take writes again.
    let last = e.way_back().map_or(u64::MAX, |_| last);
    if survey.last_commit_on_source <= Some(first) {
        return Finding::Holds;
    }
    let committed = e.acknowledged(Host::Source).filter_map(|(n, o)| {
        let commit = e.history.source.get(o.commit as usize)?;
        Some((n, commit.at))
    });
    let mut later = committed
        .filter(|(_, at)| *at > first && *at <= last)
        .peekable();
    let witness = later.peek().copied();
    found(later.count() as u64, || {
        let (number, at) = witness.unwrap_or_default();
        format!(
            "{} was committed on the source at {} and confirmed, while the target had been taking writes since {}",
            operation(e, number),
            e.clock(at),
            e.clock(first)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};
    use crate::history::Told;

    #[test]
    fn a_write_to_the_source_after_one_to_the_target_makes_two_writers() {
        let mut made = Made::sound();
        assert_eq!(made.violations(&PROPERTY), 0);
        let late = made.place(Host::Source, 3, 9, 128 * S);
        assert_eq!(made.violations(&PROPERTY), 1);
        made.change(late as usize, |o| o.told = Told::Info);
        assert_eq!(made.violations(&PROPERTY), 0, "nobody was told yes twice");
    }

    #[test]
    fn an_answer_that_arrives_late_is_no_second_writer() {
        let mut made = Made::sound();
        made.change(3, |o| o.returned = 130 * S);
        assert_eq!(made.violations(&PROPERTY), 0);
    }

    #[test]
    fn after_the_way_back_the_source_may_write_behind_the_targets_last_write() {
        let mut made = Made::rolled_back();
        assert_eq!(made.violations(&PROPERTY), 0);
        made.operation(
            Host::Target,
            1,
            crate::history::Kind::Pay,
            EXISTING + 5,
            172 * S,
        );
        assert_eq!(
            made.violations(&PROPERTY),
            1,
            "the target still took a write"
        );
    }

    #[test]
    fn without_a_write_to_the_target_it_is_absent() {
        assert!(Made::empty().is_absent(&PROPERTY));
    }
}
