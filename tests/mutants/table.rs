//! The table in docs/mutants.md: what the exploration found.

use cutover::{model::mutant::Mutant, sim::properties::CATALOGUE};
use std::{fs, path::PathBuf};

const BEGIN: &str = "<!-- written by tests/mutants: from here -->\n";
const END: &str = "<!-- to here -->\n";

/// What is known of a mutant that was caught.
#[derive(Clone, Debug)]
pub struct Row {
    pub mutant: Mutant,
    /// Plans until it was caught.
    pub median: u64,
    /// The properties that its smallest plan violates.
    pub violated: Vec<&'static str>,
    /// The faults of that plan.
    pub faults: usize,
    /// Its transactions; none where they are not written down.
    pub transactions: Option<usize>,
}

/// Whether the environment asks for new tables and plans.
#[expect(
    clippy::disallowed_methods,
    reason = "it chooses what is written, no outcome"
)]
pub fn is_to_be_written() -> bool {
    std::env::var("CUTOVER_WRITE").is_ok_and(|what| what == "mutants")
}

/// Compares the table in the docs with these rows, or writes it when the environment says so.
pub fn compare_or_write(rows: &[Row]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/mutants.md");
    let page = fs::read_to_string(&path).expect("docs/mutants.md");
    let (before, rest) = page.split_once(BEGIN).expect("the beginning of the table");
    let (there, after) = rest.split_once(END).expect("the end of the table");
    let now = format!("{}\n{}", mutants(rows), properties(rows));
    if is_to_be_written() {
        fs::write(&path, format!("{before}{BEGIN}{now}{END}{after}")).expect("a file to write");
        return;
    }
    assert!(
        there == now,
        "docs/mutants.md says otherwise; CUTOVER_WRITE=mutants writes it anew. Now it would be:\n{now}"
    );
}

fn mutants(rows: &[Row]) -> String {
    let mut text = String::from(
        "| mutant | the bug | after | must be caught by | also violated | plans until caught | smallest plan |\n\
         | --- | --- | --- | --- | --- | ---: | --- |\n",
    );
    for row in rows {
        let facts = row.mutant.facts();
        let also = row.violated.iter().filter(|id| **id != facts.caught_by);
        let also: Vec<&str> = also.copied().collect();
        text.push_str(&format!(
            "| `{}` | {} | {} | {} | {} | {} | {} |\n",
            facts.name,
            facts.about,
            facts.basis,
            facts.caught_by,
            also.join(", "),
            row.median,
            size(row),
        ));
    }
    text
}

/// `1 fault, 2 transactions`.
fn size(row: &Row) -> String {
    let count = |n: usize, one: &str| match n {
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    };
    let transactions = row.transactions.map(|n| count(n, "transaction"));
    let transactions = transactions.unwrap_or_else(|| "drawn transactions".into());
    format!("{}, {transactions}", count(row.faults, "fault"))
}

/// For each property, the mutants that it must catch, and those that no other property noticed.
fn properties(rows: &[Row]) -> String {
    let mut text = String::from(
        "| property | mutants that it must catch | of them noticed by no other property |\n| --- | ---: | --- |\n",
    );
    for property in CATALOGUE {
        let own = rows
            .iter()
            .filter(|row| row.mutant.facts().caught_by == property.id);
        let own: Vec<&Row> = own.collect();
        let alone = own.iter().filter(|row| row.violated == [property.id]);
        let alone: Vec<String> = alone
            .map(|row| format!("`{}`", row.mutant.facts().name))
            .collect();
        text.push_str(&format!(
            "| {} {} | {} | {} |\n",
            property.id,
            property.name,
            own.len(),
            match alone.is_empty() {
                true => "none".to_string(),
                false => alone.join(", "),
            }
        ));
    }
    text
}
