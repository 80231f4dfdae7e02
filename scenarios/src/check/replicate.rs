//! Bounds of the target's replication filters.

use super::{Problem, keys};
use cutover_sim::{
    environment::{Replicate, Target},
    runbook::Dialect,
};

/// The Aurora user guide's limit for a parameter.
const MOST_CHARACTERS: usize = 2_000;

pub(super) fn replicate(target: &Target) -> Result<(), Problem> {
    let lists = target.replicate.lists();
    let dialect = Dialect::of_aurora(&target.engine_version);
    if !target.replicate.is_empty() && !dialect.is_some_and(|d| d.has_replication_filters()) {
        return Err(Problem::new(
            keys(&["replicate"]),
            format!(
                "Aurora MySQL {} has no replication filters: version 3 has",
                target.engine_version
            ),
            "leave `target.replicate` out",
        )
        .with(&["target", "engine_version"]));
    }
    for (key, names) in lists {
        names.iter().try_for_each(|name| one(key, name))?;
        let characters: usize = names.iter().map(|name| name.chars().count() + 1).sum();
        if characters > MOST_CHARACTERS {
            return Err(Problem::new(
                keys(&["replicate", key]),
                format!(
                    "`{key}` has {characters} characters, and a parameter of RDS at most {MOST_CHARACTERS}"
                ),
                "use a pattern (`wild_do_table`, `wild_ignore_table`) instead of many names",
            ));
        }
    }
    Ok(())
}

fn one(key: &'static str, name: &str) -> Result<(), Problem> {
    let of_schemas = Replicate::is_of_schemas(key);
    let (what, example) = match of_schemas {
        true => ("a schema's name", "shop"),
        false => (
            "a schema's and a table's name with a dot between them",
            "shop.orders",
        ),
    };
    let parts = name.split('.').filter(|part| !part.is_empty()).count();
    let has_form = parts == if of_schemas { 1 } else { 2 } && parts == name.split('.').count();
    if has_form && !name.contains([',', '`']) {
        return Ok(());
    }
    Err(Problem::new(
        keys(&["replicate", key]),
        format!("`{name}` is not {what}, without commas and quotes"),
        format!("write `{key} = [\"{example}\"]`"),
    ))
}
