//! What the target's applier leaves out.

use cutover_model::apply::filter::Rules;
use serde::{Deserialize, Serialize};

/// The replication filters of the cluster parameter group, which Aurora MySQL 3 has for replication from outside too
/// [Aurora user guide, AuroraMySQL.Replication.Filters]. Empty lists are no filters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Replicate {
    /// `replicate-do-db`: schemas.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub do_db: Vec<String>,
    /// `replicate-ignore-db`: schemas.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore_db: Vec<String>,
    /// `replicate-do-table`: `schema.table`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub do_table: Vec<String>,
    /// `replicate-ignore-table`: `schema.table`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore_table: Vec<String>,
    /// `replicate-wild-do-table`: patterns of `schema.table`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wild_do_table: Vec<String>,
    /// `replicate-wild-ignore-table`: patterns of `schema.table`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wild_ignore_table: Vec<String>,
}

impl Replicate {
    /// Whether there are no filters.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The lists by their keys, in the order in which MySQL asks them.
    pub fn lists(&self) -> [(&'static str, &[String]); 6] {
        [
            ("do_db", &self.do_db),
            ("ignore_db", &self.ignore_db),
            ("do_table", &self.do_table),
            ("ignore_table", &self.ignore_table),
            ("wild_do_table", &self.wild_do_table),
            ("wild_ignore_table", &self.wild_ignore_table),
        ]
    }

    /// Whether a list is one of schemas; the others are of tables.
    pub fn is_of_schemas(key: &str) -> bool {
        key.ends_with("_db")
    }

    /// Whether a list is one of patterns.
    pub fn is_of_patterns(key: &str) -> bool {
        key.starts_with("wild_")
    }

    /// As the applier has them.
    pub fn rules(&self) -> Rules {
        Rules {
            do_db: self.do_db.clone(),
            ignore_db: self.ignore_db.clone(),
            do_table: self.do_table.clone(),
            ignore_table: self.ignore_table.clone(),
            wild_do_table: self.wild_do_table.clone(),
            wild_ignore_table: self.wild_ignore_table.clone(),
        }
    }
}
