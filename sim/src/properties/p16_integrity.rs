//! P16, integrity: foreign keys and unique keys hold among the rows of the target at rest. What clients broke
//! themselves, on the source or on the target (rows written with `foreign_key_checks = 0`), is theirs.

use super::{NO_CUTOVER, Property, absent, found};
use crate::{evidence::Evidence, outcome::Finding};
use cutover_model::database::Broken;

pub(super) const PROPERTY: Property = Property {
    id: "P16",
    name: "Integrity",
    says: "Foreign keys and unique keys hold on the target.",
    check,
};

fn check(e: &Evidence<'_>) -> Finding {
    let Some(states) = &e.states else {
        return absent(NO_CUTOVER);
    };
    found(states.broken.len() as u64, || match states.broken.first() {
        Some(Broken::Orphan {
            table,
            key,
            constraint,
        }) => {
            format!("row {} of {table} has no parent row ({constraint})", key.0)
        }
        Some(Broken::Duplicate { table, key, index }) => {
            format!(
                "row {} of {table} has a value of the unique key {index} that another row has",
                key.0
            )
        }
        None => String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};
    use cutover_model::table::RowKey;

    #[test]
    fn a_child_without_its_parent_is_a_violation() {
        let mut made = Made::sound();
        assert_eq!(made.violations(&PROPERTY), 0);
        made.states.as_mut().unwrap().broken.push(Broken::Orphan {
            table: "shop.order_lines".into(),
            key: RowKey(7),
            constraint: "lines_of_order".into(),
        });
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn without_cutover_it_is_absent() {
        assert!(Made::empty().is_absent(&PROPERTY));
    }
}
