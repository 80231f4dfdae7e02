//! P13, GTID hygiene: at cutover the target has the source's GTIDs, all of them and no others of that
//! server, and none of its own from before it was opened.

use super::{NO_CUTOVER, Property, absent, found};
use crate::{evidence::Evidence, outcome::Finding};

pub(super) const PROPERTY: Property = Property {
    id: "P13",
    name: "GTID hygiene",
    says: "At the cutover the target has executed exactly the source's GTIDs, without holes and without its own.",
    check,
};

fn check(e: &Evidence<'_>) -> Finding {
    if e.cutover().is_none() {
        return absent(NO_CUTOVER);
    }
    let Some(gtids) = &e.gtids else {
        return absent(match e.fed {
            Some(_) => "the target was filled by a client, with no GTIDs of the source",
            None => "gtid_mode is OFF",
        });
    };
    let missing = gtids.source.subtract(&gtids.target);
    let errant = gtids.target.subtract(&gtids.source);
    // A client's commits have their GTIDs; what else there is of the target's own the applier has made.
    let own = e.marks.target_commits_at_repoint as u64 + gtids.own.count();
    found(missing.count() + errant.count() + own, || {
        if !missing.is_empty() {
            format!("the target lacks {missing}")
        } else if !errant.is_empty() {
            format!("the target has {errant}, which the source did not have at cutover")
        } else {
            format!("{own} transactions of the target's own were committed before it was opened")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};
    use cutover_model::gtid::{Gtid, Uuid};

    const TARGET: Uuid = Uuid([2; 16]);

    #[test]
    fn missing_errant_and_early_gtids_are_violations() {
        let mut made = Made::sound();
        assert_eq!(made.violations(&PROPERTY), 0);
        let gtids = made.gtids.as_mut().unwrap();
        gtids.source.add(Gtid::new(SOURCE, 5));
        assert_eq!(made.violations(&PROPERTY), 1);
        let gtids = made.gtids.as_mut().unwrap();
        gtids.target.add(Gtid::new(SOURCE, 6));
        assert_eq!(made.violations(&PROPERTY), 2);
        made.marks.target_commits_at_repoint = 1;
        assert_eq!(made.violations(&PROPERTY), 3);
        let gtids = made.gtids.as_mut().unwrap();
        gtids.own.add(Gtid::new(TARGET, 1));
        assert_eq!(made.violations(&PROPERTY), 4);
    }

    #[test]
    fn without_gtids_or_cutover_it_is_absent() {
        let mut made = Made::sound();
        made.gtids = None;
        assert!(made.is_absent(&PROPERTY));
        assert!(Made::empty().is_absent(&PROPERTY));
    }
}
