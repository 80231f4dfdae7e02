//! Keys and foreign keys of a table: which of the declared ones exist, and the names that MySQL makes up
//! (server: `mysql_prepare_create_table`, `make_unique_key_name`, `generate_fk_name`).

use super::charset::bytes_per_char;
use super::{DdlError, ForeignKeySpec, KeyKind, KeySpec};
use crate::schema::{Column, ColumnKind, ForeignKey, Index, KeyPart, TableDef, UniqueKey};
use std::sync::Arc;

const PRIMARY: &str = "PRIMARY";

/// Keys that are worth a look: MySQL has 64 at most, once those made for foreign keys are covered.
const MAX_KEYS: usize = 1024;

/// A key whose columns are known, before it has its name.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub kind: KeyKind,
    pub name: Option<Arc<str>>,
    /// `None` is an expression.
    pub parts: Vec<Option<KeyPart>>,
    pub for_foreign_key: bool,
}

impl Key {
    /// # Errors
    /// 1072 for a column that the table does not have.
    pub fn resolve(spec: &KeySpec, columns: &[Column]) -> Result<Key, DdlError> {
        let part = |part: &super::KeyPartSpec| -> Result<_, DdlError> {
            match &part.column {
                None => Ok(None),
                Some(name) => {
                    let column = position(columns, name)?;
                    Ok(Some(KeyPart {
                        column,
                        prefix: effective_prefix(&columns[column], part.prefix),
                    }))
                }
            }
        };
        let parts = spec.parts.iter().map(part).collect::<Result<_, _>>()?;
        Ok(Key {
            kind: spec.kind,
            name: spec.name.clone(),
            parts,
            for_foreign_key: spec.for_foreign_key,
        })
    }

    /// The table's keys as a list, unique ones first.
    pub fn of_table(def: &TableDef) -> Vec<Key> {
        let unique = |key: &UniqueKey, kind| Key {
            kind,
            name: Some(key.name.clone()),
            parts: key.parts.iter().cloned().map(Some).collect(),
            for_foreign_key: false,
        };
        let primary = def.primary.iter().map(|key| unique(key, KeyKind::Primary));
        let uniques = def.uniques.iter().map(|key| unique(key, KeyKind::Unique));
        let plain = def.indexes.iter().map(|index| Key {
            kind: KeyKind::Plain,
            name: Some(index.name.clone()),
            parts: index
                .columns
                .iter()
                .map(|&column| {
                    Some(KeyPart {
                        column,
                        prefix: None,
                    })
                })
                .collect(),
            for_foreign_key: index.for_foreign_key,
        });
        primary.chain(uniques).chain(plain).collect()
    }

    /// The columns of this key, in order, begin those of the other.
    fn is_prefix_of(&self, other: &Key) -> bool {
        self.parts.len() <= other.parts.len()
            && self
                .parts
                .iter()
                .zip(&other.parts)
                .all(|(a, b)| match (a, b) {
                    (Some(a), Some(b)) => a.column == b.column,
                    _ => false,
                })
    }
}

/// The position of a key's column.
pub(super) fn position(columns: &[Column], name: &str) -> Result<usize, DdlError> {
    let found = columns
        .iter()
        .position(|c| c.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| DdlError::UnknownKeyColumn(name.to_owned()))
}

/// A prefix as long as its column is none.
pub(super) fn effective_prefix(column: &Column, prefix: Option<u32>) -> Option<u32> {
    let width = column
        .collation
        .as_ref()
        .map_or(1, |c| bytes_per_char(&c.charset));
    let length = match column.kind {
        ColumnKind::Char { max_bytes } | ColumnKind::Varchar { max_bytes } => {
            max_bytes / width.max(1)
        }
        ColumnKind::Binary { bytes: max_bytes } | ColumnKind::Varbinary { max_bytes } => max_bytes,
        ColumnKind::Text { .. } | ColumnKind::Blob { .. } | ColumnKind::Geometry { .. } => u32::MAX,
        _ => 0,
    };
    prefix.filter(|&n| n < length)
}

/// Gives the keys their names and the table its keys; the columns of a primary key become NOT NULL.
///
/// # Errors
/// 1061 for a name that is there twice, 1068 for two primary keys, 1069 for too many keys.
pub(super) fn settle(def: &mut TableDef, keys: Vec<Key>) -> Result<(), DdlError> {
    if keys.len() > MAX_KEYS {
        return Err(DdlError::TooManyKeys);
    }
    if keys.iter().filter(|k| k.kind == KeyKind::Primary).count() > 1 {
        return Err(DdlError::MultiplePrimaryKeys);
    }
    let is_needed = |index: usize, key: &Key| {
        !key.for_foreign_key
            || !keys.iter().enumerate().any(|(other, k)| {
                let stronger =
                    !k.for_foreign_key || k.parts.len() > key.parts.len() || other < index;
                other != index && stronger && key.is_prefix_of(k)
            })
    };
    let (mut primary, mut uniques, mut indexes) = (None, Vec::new(), Vec::new());
    let mut names: Vec<Arc<str>> = Vec::new();
    let taken = |names: &[Arc<str>], name: &str| names.iter().any(|n| n.eq_ignore_ascii_case(name));
    for (_, key) in keys.iter().enumerate().filter(|(i, k)| is_needed(*i, k)) {
        if key.kind == KeyKind::Primary {
            let parts: Vec<KeyPart> = key.parts.iter().flatten().cloned().collect();
            for part in &parts {
                if let Some(column) = def.columns.get_mut(part.column) {
                    column.nullable = false;
                }
            }
            primary = Some(UniqueKey {
                name: PRIMARY.into(),
                parts,
            });
            continue;
        }
        let name = match &key.name {
            Some(name) if taken(&names, name) => {
                return Err(DdlError::DuplicateKey(name.to_string()));
            }
            Some(name) => name.clone(),
            None => {
                let first = key
                    .parts
                    .first()
                    .and_then(|p| p.as_ref())
                    .and_then(|p| def.columns.get(p.column));
                let stem = first.map_or("functional_index", |c| &c.name);
                let usable =
                    |name: &str| !taken(&names, name) && !name.eq_ignore_ascii_case(PRIMARY);
                if usable(stem) {
                    stem.into()
                } else {
                    let numbered = (2..100)
                        .map(|i| format!("{stem}_{i}"))
                        .find(|name| usable(name));
                    numbered.map_or_else(|| "not_specified".into(), Into::into)
                }
            }
        };
        names.push(name.clone());
        let parts = key.parts.iter().flatten();
        if key.kind == KeyKind::Unique {
            uniques.push(UniqueKey {
                name,
                parts: parts.cloned().collect(),
            });
        } else {
            let columns = parts.map(|p| p.column).collect();
            indexes.push(Index {
                name,
                columns,
                for_foreign_key: key.for_foreign_key,
            });
        }
    }
    (def.primary, def.uniques, def.indexes) = (primary, uniques, indexes);
    Ok(())
}

/// Adds foreign keys to the table, named `TABLE_ibfk_N` where they have no name.
///
/// # Errors
/// 1072 for a column that the table does not have.
pub(super) fn add_foreign_keys<'a>(
    def: &mut TableDef,
    specs: impl Iterator<Item = &'a ForeignKeySpec>,
) -> Result<(), DdlError> {
    // Engines without foreign keys read them and forget them.
    if !matches!(&*def.engine, "innodb" | "ndb" | "ndbcluster") {
        return Ok(());
    }
    let stem = format!("{}_ibfk_", def.name);
    let number = |key: &ForeignKey| {
        key.name
            .strip_prefix(stem.as_str())
            .and_then(|n| n.parse::<u32>().ok())
    };
    let mut last = def
        .foreign_keys
        .iter()
        .filter_map(number)
        .max()
        .unwrap_or(0);
    for spec in specs {
        let columns = spec
            .columns
            .iter()
            .map(|name| position(&def.columns, name))
            .collect::<Result<_, _>>()?;
        let name = spec.name.clone().unwrap_or_else(|| {
            last = last.saturating_add(1);
            format!("{stem}{last}").into()
        });
        if def
            .foreign_keys
            .iter()
            .any(|k| k.name.eq_ignore_ascii_case(&name))
        {
            return Err(DdlError::DuplicateKey(name.to_string()));
        }
        def.foreign_keys.push(ForeignKey {
            name,
            columns,
            parent_schema: spec.parent.schema.clone(),
            parent_table: spec.parent.name.clone(),
            parent_columns: spec.parent_columns.clone(),
            on_delete: spec.on_delete,
            on_update: spec.on_update,
        });
    }
    Ok(())
}
