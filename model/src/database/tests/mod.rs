//! The database against plain models; declarations and rows for these tests.

mod catalogue;
mod foreign_keys;
mod generated;
mod integrity;
mod model;

use super::*;
use crate::row::{ImageBuilder, fields, parse, render};
use crate::schema::{
    Collation, Column, ColumnKind, Default, ForeignKey, KeyPart, Referential, TableDef, UniqueKey,
};

pub(super) fn column(name: &str, kind: ColumnKind, nullable: bool) -> Column {
    let text = matches!(kind, ColumnKind::Varchar { .. });
    let collation = Collation {
        charset: "utf8mb4".into(),
        name: "utf8mb4_0900_ai_ci".into(),
    };
    Column {
        name: name.into(),
        kind,
        nullable,
        collation: text.then_some(collation),
        default: Default::Implicit,
        auto_increment: false,
        generated: None,
        display: crate::schema::Display::default(),
    }
}

pub(super) fn int(name: &str) -> Column {
    column(
        name,
        ColumnKind::Int {
            bytes: 4,
            unsigned: false,
        },
        true,
    )
}

pub(super) fn text(name: &str) -> Column {
    column(name, ColumnKind::Varchar { max_bytes: 120 }, true)
}

pub(super) fn key(name: &str, columns: &[usize]) -> UniqueKey {
    let parts = columns
        .iter()
        .map(|&column| KeyPart {
            column,
            prefix: None,
        })
        .collect();
    UniqueKey {
        name: name.into(),
        parts,
    }
}

/// A table of schema `app`; the first column is its AUTO_INCREMENT primary key.
pub(super) fn table(name: &str, mut columns: Vec<Column>) -> TableDef {
    columns[0].auto_increment = true;
    columns[0].nullable = false;
    TableDef {
        primary: Some(key("PRIMARY", &[0])),
        ..keyless(name, columns)
    }
}

pub(super) fn keyless(name: &str, columns: Vec<Column>) -> TableDef {
    TableDef {
        schema: "app".into(),
        name: name.into(),
        columns,
        primary: None,
        uniques: Vec::new(),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
        engine: "innodb".into(),
        collation: Collation {
            charset: "utf8mb4".into(),
            name: "utf8mb4_0900_ai_ci".into(),
        },
    }
}

pub(super) fn foreign(
    name: &str,
    column: usize,
    parent: &str,
    on_delete: Referential,
    on_update: Referential,
) -> ForeignKey {
    ForeignKey {
        name: name.into(),
        columns: vec![column],
        parent_schema: "app".into(),
        parent_table: parent.into(),
        parent_columns: vec!["id".into()],
        on_delete,
        on_update,
    }
}

/// A database with an arena, and statements on it in text.
#[derive(Clone)]
pub(super) struct Bench {
    pub db: Database,
}

impl Bench {
    pub fn new(arena: &mut Arena, defs: impl IntoIterator<Item = TableDef>) -> Self {
        let mut db = Database::default();
        db.create_schema("app").unwrap();
        for def in defs {
            db.create_table(arena, def).unwrap();
        }
        Bench { db }
    }

    pub fn id(&self, table: &str) -> TableId {
        self.db.id("app", table).unwrap()
    }

    pub fn image(&self, table: &str, row: &[Option<&str>]) -> Vec<u8> {
        let def = self.db.table(self.id(table)).unwrap().def().clone();
        let mut image = ImageBuilder::default();
        image.start(def.columns.len());
        for (column, text) in def.columns.iter().zip(row) {
            match text {
                None => image.push_null(),
                Some(text) => {
                    let mut raw = Vec::new();
                    parse(column, text, &mut raw).unwrap();
                    image.push(&raw);
                }
            }
        }
        image.image().to_vec()
    }

    fn run(
        &mut self,
        arena: &mut Arena,
        plan: impl FnOnce(&Database, &mut Arena, &mut Vec<Change>) -> Result<(), SqlError>,
    ) -> Result<Vec<Change>, SqlError> {
        let mut out = Vec::new();
        plan(&self.db, arena, &mut out)?;
        out.iter().for_each(|change| self.db.apply(arena, change));
        Ok(out)
    }

    pub fn insert(
        &mut self,
        arena: &mut Arena,
        table: &str,
        row: &[Option<&str>],
    ) -> Result<Vec<Change>, SqlError> {
        let (t, image) = (self.id(table), self.image(table, row));
        self.run(arena, |db, arena, out| {
            db.plan_insert(arena, t, &image, Checks::ALL, out)
        })
    }

    /// The row whose integer key has this value.
    pub fn row_key(&self, table: &str, id: i64) -> RowKey {
        let def = self.db.table(self.id(table)).unwrap().def();
        let unsigned = matches!(def.columns[0].kind, ColumnKind::Int { unsigned: true, .. });
        RowKey(id as u64 ^ if unsigned { 0 } else { 1 << 63 })
    }

    pub fn update(
        &mut self,
        arena: &mut Arena,
        table: &str,
        id: i64,
        row: &[Option<&str>],
    ) -> Result<Vec<Change>, SqlError> {
        let (t, key, image) = (
            self.id(table),
            self.row_key(table, id),
            self.image(table, row),
        );
        self.run(arena, |db, arena, out| {
            db.plan_update(arena, t, key, &image, Checks::ALL, out)
        })
    }

    pub fn delete(
        &mut self,
        arena: &mut Arena,
        table: &str,
        id: i64,
    ) -> Result<Vec<Change>, SqlError> {
        let (t, key) = (self.id(table), self.row_key(table, id));
        self.run(arena, |db, arena, out| {
            db.plan_delete(arena, t, key, Checks::ALL, out)
        })
    }

    /// All rows of a table as texts, those of a base too.
    pub fn rows(&self, arena: &Arena, table: &str) -> Vec<Vec<Option<String>>> {
        let table = self.db.table(self.id(table)).unwrap();
        let columns = &table.def().columns;
        let mut scratch = Vec::new();
        let mut out = Vec::new();
        for key in table.keys() {
            let image = table.image(arena, key, &mut scratch).unwrap();
            let row = columns
                .iter()
                .zip(fields(columns, image))
                .map(|(column, raw)| {
                    raw.map(|raw| {
                        let mut text = String::new();
                        render(column, raw, &mut text);
                        text
                    })
                });
            out.push(row.collect());
        }
        out
    }

    pub fn dump(&self, arena: &Arena, table: &str) -> Vec<String> {
        let mut lines = Vec::new();
        self.db
            .dump_table(arena, self.id(table), &mut |line| {
                lines.push(line.to_string())
            })
            .unwrap();
        lines
    }
}

/// Texts of a row: `row(&["1", "NULL"])`.
pub(super) fn row<'a>(values: &[&'a str]) -> Vec<Option<&'a str>> {
    values
        .iter()
        .map(|v| (*v != "NULL").then_some(*v))
        .collect()
}
