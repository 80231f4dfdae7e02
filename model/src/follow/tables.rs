//! The tables that are followed, and where their declarations and first rows are from.

use super::{FollowError, declare::from_metadata};
use crate::{
    apply::{ApplyError, ApplyErrorKind, DdlEvent, table_of},
    arena::Arena,
    binlog::{
        decode::{Query, TableMap},
        event::EventType,
        group::Group,
        verify::Input,
    },
    database::{Database, SqlError, TableId},
    ddl::{self, Context, CreateBody, DdlError, Statement, TableName, Version},
    schema::TableDef,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A table of the base that nothing has declared yet.
#[derive(Clone, Debug)]
struct Undeclared {
    file: String,
    text: String,
}

/// The tables.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) database: Database,
    /// Declared before the first transaction, with whatever rows they had: not created in the files.
    older: BTreeSet<TableId>,
    /// Declared by the schema file alone, without rows of a base: a CREATE TABLE in the files says it anew.
    assumed: BTreeSet<TableId>,
    assumed_schemas: BTreeSet<Arc<str>>,
    undeclared: BTreeMap<String, Undeclared>,
    /// The files begin after tables were made.
    pub(super) mid_life: bool,
    pub(super) has_base: bool,
    pub(super) notes: Vec<String>,
    /// A table of the base that did not load when the binlog declared it.
    pub(super) failed: Option<FollowError>,
}

impl Tables {
    /// No tables. `mid_life`: the files may begin after tables were made.
    pub(super) fn new(mid_life: bool) -> Self {
        Tables {
            mid_life,
            ..Tables::default()
        }
    }

    /// Takes the declarations of a schema file.
    pub(super) fn declare(
        &mut self,
        arena: &mut Arena,
        file: &Input<'_>,
        version: Version,
    ) -> Result<(), FollowError> {
        let failed = |error| FollowError::Schema {
            file: file.name.to_owned(),
            error: Box::new(error),
        };
        let text = text(file)?;
        for placed in ddl::parse_script(text, &Context::new("", version)).map_err(failed)? {
            let (line, column) = (placed.line, placed.column);
            if let Statement::CreateTable(create) = &placed.statement {
                self.need_schema(&create.name.schema);
            }
            ddl::apply(&mut self.database, arena, &placed.statement).map_err(|error| {
                failed(ddl::ParseError {
                    line,
                    column,
                    error,
                })
            })?;
        }
        self.assumed = self.database.tables().map(|(id, _)| id).collect();
        self.assumed_schemas = self.database.schemas().cloned().collect();
        Ok(())
    }

    /// Everything that is declared now is older than the first transaction.
    pub(super) fn begin(&mut self) {
        self.older = self.database.tables().map(|(id, _)| id).collect();
    }

    /// Takes the rows of the base's tables; those of tables that nothing has declared wait until something does.
    pub(super) fn load(
        &mut self,
        arena: &mut Arena,
        base: &[Input<'_>],
    ) -> Result<(), FollowError> {
        self.has_base = true;
        let ids: BTreeMap<String, TableId> = self
            .database
            .tables()
            .map(|(id, table)| (table.def().full_name(), id))
            .collect();
        let mut without: BTreeSet<&String> = ids.keys().collect();
        for file in base {
            let text = text(file)?;
            let name = table_name(file.name);
            match ids.get(&name) {
                Some(&id) => {
                    without.remove(&name);
                    self.fill(arena, id, file.name, text)?;
                }
                None => {
                    let file = file.name.to_owned();
                    let text = text.to_owned();
                    self.undeclared.insert(name, Undeclared { file, text });
                }
            }
        }
        for name in without {
            self.notes.push(format!(
                "the base has no {name}.jsonl: the table is taken to have been empty"
            ));
        }
        Ok(())
    }

    /// Executes the DDL of a group whose rows are not applied.
    pub(super) fn declare_as(
        &mut self,
        arena: &mut Arena,
        group: &Group<'_>,
        version: Version,
    ) -> Result<(), ApplyError> {
        for frame in group
            .events()
            .filter(|f| f.header.event_type == EventType::QUERY)
        {
            let at = |kind| ApplyError {
                pos: frame.pos,
                kind,
            };
            let query = Query::decode(frame.body).map_err(|e| at(e.into()))?;
            let event = DdlEvent {
                query: &query,
                timestamp_s: frame.header.timestamp_s,
            };
            let statement = ddl::parse(&event.sql(), &event.context(version))
                .map_err(|e| at(DdlError::from(e).into()))?;
            if !matches!(statement, Statement::Dml { .. }) {
                self.execute(arena, &statement).map_err(at)?;
            }
        }
        Ok(())
    }

    fn fill(
        &mut self,
        arena: &mut Arena,
        id: TableId,
        file: &str,
        text: &str,
    ) -> Result<(), FollowError> {
        self.assumed.remove(&id);
        let loaded = self.database.load_jsonl(arena, id, text);
        loaded.map(|_| ()).map_err(|error| FollowError::Base {
            file: file.to_owned(),
            error: Box::new(error),
        })
    }

    /// Whether rows of a table can be missing because the files begin after they were written.
    pub(super) fn lacks_base(&self, table: &str) -> bool {
        let older = |(id, t): (TableId, &crate::table::Table)| {
            t.def().full_name() == table && self.older.contains(&id)
        };
        !self.has_base && self.database.tables().any(older)
    }

    /// The table that a TABLE_MAP speaks of, declared from its metadata where nothing else has.
    pub(super) fn of_map(
        &mut self,
        arena: &mut Arena,
        map: &TableMap<'_>,
    ) -> Result<(TableId, Arc<TableDef>), ApplyErrorKind> {
        if let Ok(found) = table_of(&self.database, map) {
            return Ok(found);
        }
        let unknown = || ApplyErrorKind::NoTable(map.full_name());
        let def = match from_metadata(map)? {
            Some(def) if self.mid_life => def,
            _ => return Err(unknown()),
        };
        self.need_schema(&def.schema);
        let id = self.database.create_table(arena, def)?;
        self.older.insert(id);
        if let Some(base) = self.undeclared.remove(&map.full_name())
            && let Err(error) = self.fill(arena, id, &base.file, &base.text)
        {
            self.failed = Some(error);
            return Err(unknown());
        }
        self.notes.push(format!(
            "{} is declared from row metadata: its defaults and further keys are not known",
            map.full_name()
        ));
        table_of(&self.database, map)
    }

    fn need_schema(&mut self, schema: &Arc<str>) {
        if !self.database.has_schema(schema) {
            // It does not exist, so it can be created.
            let _ = self.database.create_schema(schema);
            self.assumed_schemas.insert(Arc::clone(schema));
        }
    }

    /// Executes a statement of the files.
    pub(super) fn execute(
        &mut self,
        arena: &mut Arena,
        statement: &Statement,
    ) -> Result<(), ApplyErrorKind> {
        match statement {
            Statement::CreateSchema {
                name, collation, ..
            } if self.assumed_schemas.remove(name) => {
                self.database.set_schema_collation(name, collation.clone());
                return Ok(());
            }
            Statement::CreateTable(create) => {
                let name = create.name.to_string();
                if self.undeclared.contains_key(&name) {
                    return Err(SqlError::TableExists(name).into());
                }
                self.give_way(arena, &create.name, create.if_not_exists);
                if self.mid_life {
                    self.need_schema(&create.name.schema);
                }
            }
            Statement::DropTables { names, .. } => {
                for name in names {
                    self.undeclared.remove(&name.to_string());
                }
            }
            Statement::DropSchema { name, .. } => {
                let prefix = format!("{name}.");
                self.undeclared
                    .retain(|table, _| !table.starts_with(&prefix));
            }
            _ => {}
        }
        match ddl::apply(&mut self.database, arena, statement) {
            Err(error) if self.mid_life && self.is_about_unknown(statement, &error) => {
                self.notes.push(format!(
                    "DDL of a table or schema from before the files was passed over: {error}"
                ));
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// A declaration that the schema file gave and the files give again.
    fn give_way(&mut self, arena: &mut Arena, name: &TableName, if_not_exists: bool) {
        if let Some(id) = self.database.id(&name.schema, &name.name)
            && !if_not_exists
            && self.assumed.remove(&id)
            && self.database.table(id).is_some_and(|t| t.is_empty())
        {
            self.database.drop_table(arena, id);
            self.older.remove(&id);
        }
    }

    /// Whether a statement failed because its table is older than the files, and nothing is known of it.
    fn is_about_unknown(&self, statement: &Statement, error: &DdlError) -> bool {
        let unknown = matches!(
            error,
            DdlError::UnknownTable { .. } | DdlError::UnknownSchema { .. }
        );
        let waits = |name: &TableName| self.undeclared.contains_key(&name.to_string());
        let lost = match statement {
            Statement::AlterTable(change) => waits(&change.name),
            Statement::Truncate(name) => waits(name),
            Statement::RenameTables(pairs) => pairs.iter().any(|(from, to)| {
                waits(from) || self.database.id(&from.schema, &from.name).is_some() || waits(to)
            }),
            Statement::CreateTable(create) => matches!(create.body, CreateBody::Like(_)),
            _ => false,
        };
        unknown && !lost
    }

    /// All tables as `.jsonl`, by `schema.table`. Those of the base that the files never touched are as they
    /// were given.
    pub(super) fn dump(&self, arena: &Arena) -> BTreeMap<String, String> {
        let mut dumps: BTreeMap<String, String> = self
            .undeclared
            .iter()
            .map(|(name, base)| (name.clone(), base.text.clone()))
            .collect();
        for (id, table) in self.database.tables() {
            let mut text = String::new();
            let dumped = self.database.dump_table(arena, id, &mut |line| {
                text.push_str(line);
                text.push('\n');
            });
            // Only a table that is not there has no dump.
            if dumped.is_ok() {
                dumps.insert(table.def().full_name(), text);
            }
        }
        dumps
    }
}

fn text<'a>(file: &Input<'a>) -> Result<&'a str, FollowError> {
    std::str::from_utf8(file.bytes).map_err(|error| FollowError::NoText {
        file: file.name.to_owned(),
        at: error.valid_up_to(),
    })
}

/// `dir/shop.orders.jsonl` is `shop.orders`; `%2F` and the like stand for what no file's name may have.
fn table_name(file: &str) -> String {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let name = name.strip_suffix(".jsonl").unwrap_or(name).as_bytes();
    let mut bytes = Vec::with_capacity(name.len());
    let mut at = 0;
    while let Some(&byte) = name.get(at) {
        let code = name
            .get(at + 1..at + 3)
            .filter(|_| byte == b'%')
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(code.unwrap_or(byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_s_name_is_read_from_its_file_s() {
        assert_eq!(table_name("a/b/shop.orders.jsonl"), "shop.orders");
        assert_eq!(table_name("other db.a%2Fb%25.jsonl"), "other db.a/b%");
        assert_eq!(table_name("x.50%.jsonl"), "x.50%");
    }
}
