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
        // RDS takes the names with commas between them.
        let letters: usize = names.iter().map(|name| name.chars().count()).sum();
        let characters = letters + names.len().saturating_sub(1);
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
    let refuse =
        |message: String, help: String| Err(Problem::new(keys(&["replicate", key]), message, help));
    let parts = if of_schemas { 1 } else { 2 };
    let stray =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '`' | '\'' | '"');
    if let Some(c) = name.chars().find(|c| stray(*c)) {
        return refuse(
            format!("`{name}` has {c:?} in it, with which the parameters of RDS read no name"),
            format!("write each name by itself, as it is: `{key} = [\"{example}\"]`"),
        );
    }
    if !Replicate::is_of_patterns(key) && name.contains('%') {
        return refuse(
            format!("`{name}` in `{key}` is a name, and no pattern"),
            "write a pattern in `wild_do_table` or `wild_ignore_table`".into(),
        );
    }
    if name.split('.').count() != parts || name.split('.').any(str::is_empty) {
        return refuse(
            format!("`{name}` is not {what}"),
            format!("write `{key} = [\"{example}\"]`"),
        );
    }
    Ok(())
}
