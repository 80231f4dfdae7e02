//! P12, convergence: at rest, the target is the source's final state with its own clients' changes, row
//! by row, and its declarations are the source's. After the way back it is the source that is held against the target.

use super::{NO_CUTOVER, Property, absent, found};
use crate::{evidence::Evidence, outcome::Finding};

pub(super) const PROPERTY: Property = Property {
    id: "P12",
    name: "Convergence",
    says: "At rest the target holds the source's rows and declarations, and what its own clients wrote.",
    check,
};

fn check(e: &Evidence<'_>) -> Finding {
    let Some(states) = &e.states else {
        return absent(NO_CUTOVER);
    };
    found(states.rows + states.schema.len() as u64, || {
        let first = states.schema.first().or(states.first_row.as_ref());
        first.cloned().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};

    #[test]
    fn rows_and_declarations_that_differ_are_violations() {
        let mut made = Made::sound();
        assert_eq!(made.violations(&PROPERTY), 0);
        let states = made.states.as_mut().unwrap();
        states.rows = 2;
        states.first_row = Some("the row of shop.orders with id 7 is not on the target".into());
        assert_eq!(made.violations(&PROPERTY), 2);
        let states = made.states.as_mut().unwrap();
        states
            .schema
            .push("table shop.notes is not on the target".into());
        assert_eq!(made.violations(&PROPERTY), 3);
    }

    #[test]
    fn without_cutover_it_is_absent() {
        assert!(Made::empty().is_absent(&PROPERTY));
    }
}
