//! P3, atomicity of unknown outcomes: an operation whose client never heard has all of its effects or
//! none, at most once.

use super::{Property, fates::Fates, found};
use crate::{
    evidence::{CommitSet, Evidence},
    explain::operation,
    history::{NO_COMMIT, Operation, Told},
    outcome::Finding,
    runbook::Host,
    workload::orders::makes_order,
};

pub(super) const PROPERTY: Property = Property {
    id: "P3",
    name: "All or nothing",
    says: "A write whose client never heard its outcome is there whole and once, or not at all.",
    check,
};

fn check(e: &Evidence<'_>) -> Finding {
    let unknown = |o: &Operation| o.told == Told::Info;
    // Mostly every client heard.
    if e.survey().commits.info == 0 {
        return Finding::Holds;
    }
    let again = committed_again(e).iter().copied();
    let mut witnesses: Vec<u32> = again
        .filter(|o| {
            e.history
                .operations
                .get(*o as usize)
                .is_some_and(|o| unknown(&o))
        })
        .collect();
    let fates = Fates::of(e);
    if let Some(shop) = &e.shop {
        let finder = shop.finder();
        let orders = e
            .writes()
            .filter(|(_, o)| unknown(o) && makes_order(o.kind));
        let torn = orders.filter(|(number, o)| {
            let order = o.subject;
            let row = finder.find(order);
            let there = row.is_some_and(|(_, r)| r.client() == u64::from(o.client));
            let gone = fates.is_cancelled(order);
            o.commit != NO_COMMIT
                && there != (e.is_visible(o) && !gone)
                && !(there && is_of_another(e, *number, o))
        });
        witnesses.extend(torn.map(|(number, _)| number));
    }
    found(witnesses.len() as u64, || {
        let what = operation(e, witnesses[0]);
        format!(
            "the client of {what} never heard its outcome, and its commit and its row do not agree"
        )
    })
}

/// Whether the order that has an operation's number is another one of its client. The number of an order that the source
/// lost before anybody had it is given again, by the target.
fn is_of_another(e: &Evidence<'_>, number: u32, o: &Operation) -> bool {
    let mut others = e.writes().filter(|(n, _)| *n != number);
    others.any(|(_, other)| {
        makes_order(other.kind)
            && (other.subject, other.client) == (o.subject, o.client)
            && e.is_visible(&other)
    })
}

/// Operations that committed more than once, each as often as it did so again.
pub(super) fn committed_again<'e>(e: &'e Evidence<'_>) -> &'e [u32] {
    e.found.again.get_or_init(|| {
        let mut committed = CommitSet::new(e.history.operations.len(), 0, []);
        let commits = [Host::Source, Host::Target].map(|host| e.history.commits(host));
        let operations = commits.into_iter().flatten().map(|c| c.operation);
        let again = operations.filter(|operation| {
            let again = committed.has(*operation);
            committed.add(*operation);
            again
        });
        again.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};

    fn with_unknown() -> Made {
        let mut made = Made::sound();
        made.change(3, |o| o.told = Told::Info);
        made
    }

    #[test]
    fn an_unknown_outcome_may_be_there_or_not() {
        let mut made = with_unknown();
        assert_eq!(made.violations(&PROPERTY), 0, "committed, applied, there");
        made.history.applied.rewrite(|list| list.pop());
        made.drop_row(4);
        assert_eq!(
            made.violations(&PROPERTY),
            0,
            "committed, not applied, not there"
        );
    }

    #[test]
    fn half_of_an_unknown_outcome_is_a_violation() {
        let mut made = with_unknown();
        made.drop_row(4);
        assert_eq!(
            made.violations(&PROPERTY),
            1,
            "applied, and its row is not there"
        );
        let mut made = with_unknown();
        made.history.applied.rewrite(|list| list.pop());
        assert_eq!(
            made.violations(&PROPERTY),
            1,
            "its row is there, and it was not applied"
        );
    }

    #[test]
    fn an_operation_that_committed_twice_is_a_violation() {
        let mut made = with_unknown();
        let mut again = made.committed(3);
        again.at += 1;
        made.history.source.push(again);
        assert_eq!(made.violations(&PROPERTY), 1);
    }
}
