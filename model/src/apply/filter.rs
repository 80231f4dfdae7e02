//! `replicate-do-db` and its relatives: what an applier leaves out, and counts as applied all the same.
//!
//! Facts (sql/rpl_filter.cc and sql/log_event.cc; MySQL manual, "How Servers Evaluate Replication Filtering Rules"): rows
//! are judged by the schema and the name of their table; statements by their *default* schema, whatever they write to, and
//! then by the tables that they name. The schema's rules come first. Of the table's rules the first that matches decides,
//! in the order do, ignore, wild do, wild ignore; where none does, a table is left out if there is a rule to do any. Names
//! are compared letter by letter, as with `lower_case_table_names = 0`.
//!
//! Not modelled: that views and triggers, accounts and grants are judged by the tables that they name or change.

use super::DdlEvent;
use crate::{
    binlog::decode::TableMap,
    ddl::{Statement, TableName, Version, parse},
};
use std::sync::Arc;

/// Rules of a channel. By default there are none, and nothing is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// `replicate-do-db`: schemas.
    pub do_db: Vec<String>,
    /// `replicate-ignore-db`: schemas.
    pub ignore_db: Vec<String>,
    /// `replicate-do-table`: `schema.table`.
    pub do_table: Vec<String>,
    /// `replicate-ignore-table`: `schema.table`.
    pub ignore_table: Vec<String>,
    /// `replicate-wild-do-table`: patterns of `schema.table`, with `%`, `_` and `\`.
    pub wild_do_table: Vec<String>,
    /// `replicate-wild-ignore-table`: likewise.
    pub wild_ignore_table: Vec<String>,
}

impl Rules {
    /// Whether nothing can be left out.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether rows of a table are applied.
    pub fn takes_rows(&self, schema: &str, table: &str) -> bool {
        self.takes_schema(schema) && self.takes_table(schema, table).unwrap_or(!self.does_some())
    }

    /// Whether a statement with this default schema (empty: none) is executed.
    pub fn takes_statement(&self, default_schema: &str, statement: &Statement) -> bool {
        if !self.takes_schema(default_schema) {
            return false;
        }
        if let Some(schema) = statement.schema() {
            let by_schema = !self.do_db.is_empty() || !self.ignore_db.is_empty();
            return by_schema || self.takes_schema_by_pattern(schema);
        }
        let tables = tables_of(statement);
        let rule = tables
            .iter()
            .find_map(|table| self.takes_table(&table.schema, &table.name));
        rule.unwrap_or(tables.is_empty() || !self.does_some())
    }

    fn does_some(&self) -> bool {
        !self.do_table.is_empty() || !self.wild_do_table.is_empty()
    }

    fn takes_schema(&self, schema: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|name| name == schema);
        match self.do_db.is_empty() {
            true => !named(&self.ignore_db),
            false => named(&self.do_db),
        }
    }

    /// What the first rule that matches says.
    fn takes_table(&self, schema: &str, table: &str) -> Option<bool> {
        let name = format!("{schema}.{table}");
        let named = |list: &[String]| list.contains(&name);
        let like = |list: &[String]| list.iter().any(|pattern| is_like(&name, pattern));
        if named(&self.do_table) {
            Some(true)
        } else if named(&self.ignore_table) {
            Some(false)
        } else if like(&self.wild_do_table) {
            Some(true)
        } else if like(&self.wild_ignore_table) {
            Some(false)
        } else {
            None
        }
    }

    /// CREATE, ALTER and DROP DATABASE are matched as a table without a name, where no rule is about schemas.
    fn takes_schema_by_pattern(&self, schema: &str) -> bool {
        let name = format!("{schema}.");
        let like = |list: &[String]| list.iter().any(|pattern| is_like(&name, pattern));
        like(&self.wild_do_table) || !like(&self.wild_ignore_table) && self.wild_do_table.is_empty()
    }
}

/// The tables that a statement changes.
fn tables_of(statement: &Statement) -> Vec<&TableName> {
    match statement {
        Statement::CreateTable(create) => vec![&create.name],
        Statement::DropTables { names, .. } => names.iter().collect(),
        Statement::RenameTables(pairs) => pairs.iter().flat_map(|(from, to)| [from, to]).collect(),
        Statement::Truncate(name) => vec![name],
        Statement::AlterTable(alter) => vec![&alter.name],
        _ => Vec::new(),
    }
}

/// What a place of a pattern stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// `%`: any characters.
    Any,
    /// `_`: a character.
    One,
    /// The character itself.
    This(char),
}

fn places(pattern: &str) -> Vec<Place> {
    let (mut places, mut chars) = (Vec::new(), pattern.chars());
    while let Some(next) = chars.next() {
        places.push(match next {
            '%' => Place::Any,
            '_' => Place::One,
            '\\' => Place::This(chars.next().unwrap_or(next)),
            other => Place::This(other),
        });
    }
    places
}

/// SQL's LIKE. Goes back to the last `%` alone: that is enough, and its cost is bounded by the two lengths.
fn is_like(text: &str, pattern: &str) -> bool {
    let (text, places): (Vec<char>, _) = (text.chars().collect(), places(pattern));
    let (mut at, mut place) = (0, 0);
    // Behind the last `%`: its place, and where in the text what follows it was tried last.
    let mut last_any: Option<(usize, usize)> = None;
    while at < text.len() {
        match places.get(place) {
            Some(Place::Any) => {
                place += 1;
                last_any = Some((place, at));
            }
            Some(Place::One) => (at, place) = (at + 1, place + 1),
            Some(Place::This(c)) if *c == text[at] => (at, place) = (at + 1, place + 1),
            _ => {
                let Some((behind, tried)) = last_any else {
                    return false;
                };
                last_any = Some((behind, tried + 1));
                (at, place) = (tried + 1, behind);
            }
        }
    }
    places[place..].iter().all(|place| *place == Place::Any)
}

/// What rules have left out of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Tables of which rows were left out, as `schema.table`.
    pub tables: Vec<Arc<str>>,
    /// The statement, where the group is one.
    pub statement: Option<String>,
}

impl LeftOut {
    /// Whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.statement.is_none()
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        self.tables.clear();
        self.statement = None;
    }

    pub(super) fn add(&mut self, table: &Arc<str>) {
        if !self.tables.contains(table) {
            self.tables.push(Arc::clone(table));
        }
    }
}

/// The rules of an applier, and the table ids of its stream whose rows they leave out, with the tables' names.
#[derive(Debug, Default)]
pub(super) struct Filter {
    rules: Option<Arc<Rules>>,
    left_out: Vec<(u64, Arc<str>)>,
}

impl Filter {
    pub fn new(rules: Arc<Rules>) -> Self {
        Self {
            rules: (!rules.is_empty()).then_some(rules),
            left_out: Vec::new(),
        }
    }

    /// Takes in what a TABLE_MAP says of a table id. Whether its rows are applied.
    pub fn takes(&mut self, map: &TableMap<'_>) -> bool {
        let Some(rules) = &self.rules else {
            return true;
        };
        self.left_out.retain(|(id, _)| *id != map.table_id);
        let [schema, table] = [map.schema, map.table].map(String::from_utf8_lossy);
        let takes = rules.takes_rows(&schema, &table);
        if !takes {
            let name = format!("{schema}.{table}").into();
            self.left_out.push((map.table_id, name));
        }
        takes
    }

    /// Whether a statement is executed. What cannot be read is, and stops the applier as it does without rules.
    pub fn takes_statement(&self, event: &DdlEvent<'_>) -> bool {
        let Some(rules) = &self.rules else {
            return true;
        };
        let schema = event.schema();
        match parse(&event.sql(), &event.context(Version::V8_0)) {
            Ok(Statement::Transaction { .. }) => true,
            Ok(statement) => rules.takes_statement(&schema, &statement),
            Err(_) => rules.takes_schema(&schema),
        }
    }

    /// The table of an id whose rows are left out.
    #[inline]
    pub fn leaves_out(&self, table_id: u64) -> Option<&Arc<str>> {
        let mut left_out = self.left_out.iter();
        left_out
            .find(|(id, _)| *id == table_id)
            .map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ddl::Context;

    fn rules(set: impl FnOnce(&mut Rules)) -> Rules {
        let mut rules = Rules::default();
        set(&mut rules);
        rules
    }

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn patterns_are_those_of_like() {
        for (text, pattern) in [
            ("shop.orders", "shop.%"),
            ("shop.orders", "%.order_"),
            ("shop.a_b", "shop.a\\_b"),
            ("shop.a%", "shop.a\\%"),
            ("shop.\u{fc}", "shop._"),
            ("shop.", "shop.%"),
            ("", "%"),
            ("shop.aab", "%.%a%b"),
            ("a\\", "a\\"),
        ] {
            assert!(is_like(text, pattern), "{text} {pattern}");
        }
        for (text, pattern) in [
            ("shop.orders", "shop._"),
            ("shop.axb", "shop.a\\_b"),
            ("shop.orders", "Shop.%"),
            ("shop.orders", ""),
            ("", "_"),
        ] {
            assert!(!is_like(text, pattern), "{text} {pattern}");
        }
    }

    #[test]
    fn the_schema_comes_first_then_the_first_rule_that_matches() {
        let all = Rules::default();
        assert!(all.is_empty() && all.takes_rows("shop", "orders"));
        let one = rules(|r| r.do_table = list(&["shop.orders"]));
        assert!(one.takes_rows("shop", "orders") && !one.takes_rows("shop", "notes"));
        let but = rules(|r| {
            r.do_table = list(&["shop.orders"]);
            r.wild_ignore_table = list(&["shop.%"]);
        });
        assert!(but.takes_rows("shop", "orders") && !but.takes_rows("shop", "notes"));
        // With a rule to do any, what no rule matches is left out.
        assert!(!but.takes_rows("other", "t"));
        let ignored = rules(|r| r.ignore_table = list(&["shop.notes"]));
        assert!(!ignored.takes_rows("shop", "notes") && ignored.takes_rows("other", "t"));
        let schema = rules(|r| {
            r.do_db = list(&["other"]);
            r.do_table = list(&["shop.orders"]);
        });
        assert!(!schema.takes_rows("shop", "orders"));
        // One to do beats those to ignore.
        let both = rules(|r| {
            r.do_db = list(&["shop"]);
            r.ignore_db = list(&["shop"]);
        });
        assert!(both.takes_rows("shop", "orders"));
    }

    #[test]
    fn statements_are_judged_by_their_default_schema_and_then_by_their_tables() {
        let takes = |rules: &Rules, default: &str, sql: &str| {
            let context = Context::new(default, Version::V8_0);
            rules.takes_statement(default, &parse(sql, &context).expect(sql))
        };
        let shop = rules(|r| r.do_db = list(&["shop"]));
        assert!(takes(&shop, "shop", "ALTER TABLE orders ADD c INT"));
        // It changes the schema that is replicated, from another one; and the other way round.
        assert!(!takes(&shop, "jobs", "ALTER TABLE shop.orders ADD c INT"));
        assert!(!takes(&shop, "", "TRUNCATE shop.orders"));
        assert!(takes(&shop, "shop", "ALTER TABLE jobs.runs ADD c INT"));
        let tables = rules(|r| r.ignore_table = list(&["shop.notes"]));
        assert!(!takes(&tables, "shop", "DROP TABLE notes"));
        assert!(!takes(&tables, "shop", "RENAME TABLE notes TO old_notes"));
        assert!(takes(&tables, "shop", "DROP TABLE orders"));
        let one = rules(|r| r.do_table = list(&["shop.orders"]));
        assert!(!takes(&one, "shop", "TRUNCATE TABLE notes"));
        assert!(takes(&one, "jobs", "CREATE DATABASE jobs"));
        let wild = rules(|r| r.wild_do_table = list(&["shop.%"]));
        assert!(takes(&wild, "shop", "DROP DATABASE shop"));
        assert!(!takes(&wild, "jobs", "CREATE DATABASE jobs"));
        // Patterns are not asked where schemas are named.
        let both = rules(|r| {
            r.do_db = list(&["shop"]);
            r.wild_ignore_table = list(&["shop.%"]);
        });
        assert!(takes(&both, "shop", "DROP DATABASE shop"));
        assert!(!takes(&both, "shop", "DROP TABLE orders"));
    }
}
