//! P3, atomicity of unknown outcomes: an operation whose client never heard has all of its effects or
//! none, at most once.

use super::{Property, fates::Fates, found};
use crate::{
    evidence::Evidence,
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
        .filter(|o| e.history.operations.get(*o as usize).is_some_and(unknown))
        .collect();
    let fates = Fates::of(e);
    let mut hint = 0;
    if let Some(shop) = &e.shop {
        let orders = e
            .writes()
            .filter(|(_, o)| unknown(o) && makes_order(o.kind));
        let torn = orders.filter(|(number, o)| {
            let order = o.subject;
            let row = shop.order(order, &mut hint);
            let there = row.is_some_and(|r| r.client() == u64::from(o.client));
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
            && e.is_visible(other)
    })
}

/// Operations that committed more than once: those of commits that are not the operation's own.
pub(super) fn committed_again<'e>(e: &'e Evidence<'_>) -> &'e [u32] {
    e.found.again.get_or_init(|| {
        let again = [Host::Source, Host::Target].into_iter().flat_map(|host| {
            let commits = (0u32..).zip(e.history.commits(host));
            commits.filter_map(move |(number, commit)| {
                let own = e.history.operations.get(commit.operation as usize)?;
                ((own.host, own.commit) != (host, number)).then_some(commit.operation)
            })
        });
        again.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};

    fn with_unknown() -> Made {
        let mut made = Made::sound();
        made.history.operations[3].told = Told::Info;
        made
    }

    #[test]
    fn an_unknown_outcome_may_be_there_or_not() {
        let mut made = with_unknown();
        assert_eq!(made.violations(&PROPERTY), 0, "committed, applied, there");
        made.history.applied.pop();
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
        made.history.applied.pop();
        assert_eq!(
            made.violations(&PROPERTY),
            1,
            "its row is there, and it was not applied"
        );
    }

    #[test]
    fn an_operation_that_committed_twice_is_a_violation() {
        let mut made = with_unknown();
        let mut again = made.history.source[3];
        again.at += 1;
        made.history.source.push(again);
        assert_eq!(made.violations(&PROPERTY), 1);
    }
}
