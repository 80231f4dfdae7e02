//! What a recording's files leave unsaid: declarations, and the rows that were there before.

use super::What;
use cutover_model::{
    Arena,
    apply::{ApplyError, ApplyErrorKind, DdlEvent, Direct, RowWork, Sink, Walker},
    binlog::{
        QuerySession,
        decode::{Query, TableMap},
        event::EventType,
        group::Group,
    },
    database::{Checks, Database, SqlError, TableId},
    ddl::{self, Context, ParseError},
    follow,
    row::{self, ImageBuilder},
    schema::TableDef,
    server::Version,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Tables and rows before the first transaction.
#[derive(Debug, Default)]
pub(super) struct Tables {
    schemas: BTreeSet<String>,
    tables: Vec<(Arc<TableDef>, Vec<Vec<u8>>)>,
}

impl Tables {
    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.schemas.is_empty()
    }

    pub(super) fn definitions(&self) -> impl Iterator<Item = &TableDef> {
        self.tables.iter().map(|(def, _)| &**def)
    }

    pub(super) fn build(&self, arena: &mut Arena) -> Result<Database, String> {
        let mut database = Database::default();
        let mut changes = Vec::new();
        for schema in &self.schemas {
            database.create_schema(schema).map_err(|e| e.to_string())?;
        }
        for (def, _) in &self.tables {
            database
                .create_table(arena, (**def).clone())
                .map_err(|e| e.to_string())?;
        }
        for (def, rows) in &self.tables {
            let id = database
                .id(&def.schema, &def.name)
                .ok_or_else(|| def.full_name())?;
            for image in rows {
                changes.clear();
                database
                    .plan_insert(arena, id, image, UNCHECKED, &mut changes)
                    .map_err(|e| e.to_string())?;
                changes.iter().for_each(|c| database.apply(arena, c));
            }
        }
        Ok(database)
    }
}

const UNCHECKED: Checks = Checks {
    foreign_keys: false,
    unique: true,
};

/// Follows the files on tables of its own.
#[derive(Debug)]
pub(super) struct Learner {
    /// Of the server that wrote the file.
    pub(super) version: Version,
    arena: Arena,
    database: Database,
    walker: Walker,
    direct: Direct,
    initial: Tables,
    /// Index into `initial.tables` by the table's id here.
    known: BTreeMap<TableId, usize>,
    /// Declarations of the tables whose rows are changed, as they were then.
    written: BTreeMap<TableId, Vec<Arc<TableDef>>>,
    /// Rows that were met as a before-image only in part.
    guessed: u64,
    builder: ImageBuilder,
}

impl Learner {
    pub(super) fn new(version: Version) -> Self {
        Self {
            version,
            arena: Arena::default(),
            database: Database::default(),
            walker: Walker::default(),
            direct: Direct::default(),
            initial: Tables::default(),
            known: BTreeMap::new(),
            written: BTreeMap::new(),
            guessed: 0,
            builder: ImageBuilder::default(),
        }
    }

    /// Takes the declarations of a schema file: they stand before the first transaction.
    pub(super) fn declare(&mut self, text: &str) -> Result<(), ParseError> {
        for placed in ddl::parse_script(text, &Context::new("", self.version))? {
            let here = |error| ParseError {
                line: placed.line,
                column: placed.column,
                error,
            };
            ddl::apply(&mut self.database, &mut self.arena, &placed.statement).map_err(here)?;
        }
        for (id, table) in self.database.tables() {
            self.initial.schemas.insert(table.def().schema.to_string());
            self.known.insert(id, self.initial.tables.len());
            self.initial
                .tables
                .push((Arc::clone(table.def()), Vec::new()));
        }
        Ok(())
    }

    /// Follows one group.
    pub(super) fn follow(&mut self, group: &Group<'_>) -> Result<(), ApplyError> {
        self.direct.changes.clear();
        let mut walker = std::mem::take(&mut self.walker);
        let mut own = std::mem::take(&mut self.arena);
        let result = walker.walk(&mut own, self, group);
        self.walker = walker;
        self.arena = own;
        result
    }

    /// Every declaration that a table has had when the files begin, when its rows are changed, or when they end.
    pub(super) fn declared(&self) -> Vec<Arc<TableDef>> {
        let initial = self.initial.tables.iter().map(|(def, _)| def);
        let written = self.written.values().flatten();
        let last = self.database.tables().map(|(_, table)| table.def());
        initial.chain(written).chain(last).map(Arc::clone).collect()
    }

    /// The tables before the first transaction, and what limits them.
    pub(super) fn finish(self) -> (Tables, Vec<String>) {
        let mut notes = Vec::new();
        let rows: usize = self.initial.tables.iter().map(|(_, rows)| rows.len()).sum();
        if rows > 0 {
            notes.push(format!("the files start in mid-life: {rows} rows are taken to have existed, as their first change shows them"));
        }
        if self.guessed > 0 {
            notes.push(format!(
                "{} of them are known in part (binlog_row_image is not FULL): columns never seen have their defaults",
                self.guessed
            ));
        }
        (self.initial, notes)
    }

    /// A row that existed before: here, and in the initial tables as they were declared.
    fn existed(&mut self, arena: &mut Arena, work: &RowWork<'_>) -> Result<(), ApplyErrorKind> {
        let Some(before) = &work.before else {
            return Ok(());
        };
        let columns = &work.def.columns;
        before.merge_over(columns, None, &mut self.builder)?;
        if !before.is_full(columns.len()) {
            self.guessed += 1;
        }
        let image = self.builder.image().to_vec();
        let Some(&index) = self.known.get(&work.table) else {
            // The table was created in the files, so every row of it should have been as well.
            return Err(SqlError::NotFound {
                table: work.def.name.to_string(),
            }
            .into());
        };
        let (declared, rows) = &mut self.initial.tables[index];
        rows.push(as_declared(declared, work.def, &image));
        let mut changes = Vec::new();
        self.database
            .plan_insert(arena, work.table, &image, UNCHECKED, &mut changes)?;
        changes.iter().for_each(|c| self.database.apply(arena, c));
        Ok(())
    }

    /// Declares a table from its row metadata, when that names the columns.
    fn declare_from(
        &mut self,
        arena: &mut Arena,
        map: &TableMap<'_>,
    ) -> Result<(TableId, Arc<TableDef>), ApplyErrorKind> {
        let unknown = || ApplyErrorKind::NoTable(map.full_name());
        let def = follow::from_metadata(map)?.ok_or_else(unknown)?;
        let schema = Arc::clone(&def.schema);
        if !self.database.has_schema(&schema) {
            self.database
                .create_schema(&schema)
                .map_err(|_| unknown())?;
        }
        self.initial.schemas.insert(schema.to_string());
        let id = self
            .database
            .create_table(arena, def)
            .map_err(|_| unknown())?;
        let def = self
            .database
            .table(id)
            .map(|t| Arc::clone(t.def()))
            .ok_or_else(unknown)?;
        self.known.insert(id, self.initial.tables.len());
        self.initial.tables.push((Arc::clone(&def), Vec::new()));
        Ok((id, def))
    }
}

/// A row as it was before later DDL: column by column, by name; what is not there any more has its default.
fn as_declared(declared: &TableDef, now: &TableDef, image: &[u8]) -> Vec<u8> {
    if declared.columns == now.columns {
        return image.to_vec();
    }
    let mut builder = ImageBuilder::default();
    builder.start(declared.columns.len());
    for column in &declared.columns {
        let here = now.column(&column.name);
        let raw = here.and_then(|i| row::field(&now.columns, image, i).map(|raw| (i, raw)));
        let mut converted = Vec::new();
        match (here, raw) {
            (Some(_), None) if column.nullable => builder.push_null(),
            (_, Some((i, raw)))
                if row::convert(&now.columns[i], raw, column, &mut converted).is_ok() =>
            {
                builder.push(&converted)
            }
            _ => row::push_default(column, &mut builder),
        }
    }
    builder.image().to_vec()
}

impl Sink for Learner {
    fn table(
        &mut self,
        arena: &mut Arena,
        map: &TableMap<'_>,
    ) -> Result<(TableId, Arc<TableDef>), ApplyErrorKind> {
        let (id, def) = match cutover_model::apply::table_of(&self.database, map) {
            Ok(found) => found,
            Err(_) => self.declare_from(arena, map)?,
        };
        let written = self.written.entry(id).or_default();
        if !written.last().is_some_and(|last| Arc::ptr_eq(last, &def)) {
            written.push(Arc::clone(&def));
        }
        Ok((id, def))
    }

    fn is_declared(&self, table: TableId, def: &Arc<TableDef>) -> bool {
        cutover_model::apply::is_declared(&self.database, table, def)
    }

    fn row(&mut self, arena: &mut Arena, work: &RowWork<'_>) -> Result<(), ApplyErrorKind> {
        if let Some(before) = &work.before
            && self.database.find(arena, work.table, before).is_err()
        {
            self.existed(arena, work)?;
        }
        self.direct
            .on(&mut self.database, self.version)
            .row(arena, work)
    }

    fn ddl(&mut self, arena: &mut Arena, event: &DdlEvent<'_>) -> Result<(), ApplyErrorKind> {
        self.direct
            .on(&mut self.database, self.version)
            .ddl(arena, event)
    }

    fn xa_prepared(&mut self, xid: &str) {
        self.direct
            .on(&mut self.database, self.version)
            .xa_prepared(xid);
    }

    fn xa_decided(
        &mut self,
        arena: &mut Arena,
        xid: &str,
        commit: bool,
    ) -> Result<(), ApplyErrorKind> {
        self.direct
            .on(&mut self.database, self.version)
            .xa_decided(arena, xid, commit)
    }
}

/// The DDL statements of a group, each with the session that it ran in.
pub(super) fn declarations(group: &Group<'_>, version: Version) -> Vec<What> {
    let mut found = Vec::new();
    for frame in group.events() {
        if frame.header.event_type != EventType::QUERY {
            continue;
        }
        let Ok(query) = Query::decode(frame.body) else {
            continue;
        };
        let event = DdlEvent {
            query: &query,
            timestamp_s: frame.header.timestamp_s,
        };
        let sql = event.sql();
        if !matches!(
            ddl::parse(&sql, &event.context(version)),
            Ok(ddl::Statement::Transaction { .. }
                | ddl::Statement::Ignored { .. }
                | ddl::Statement::Event(_)
                | ddl::Statement::Password { .. }
                | ddl::Statement::Dml { .. })
        ) {
            found.push(What::Ddl {
                session: QuerySession::of(&query),
                schema: event.schema(),
                sql,
            });
        }
    }
    found
}

/// The id in a group's XA START.
pub(super) fn xa_start(group: &Group<'_>) -> Option<String> {
    queries(group).find_map(|sql| cutover_model::apply::xa_id(&sql, "START"))
}

/// What XA COMMIT or XA ROLLBACK decided.
pub(super) fn xa_decision(group: &Group<'_>) -> Option<(String, bool)> {
    queries(group).find_map(|sql| {
        let commit = cutover_model::apply::xa_id(&sql, "COMMIT").map(|id| (id, true));
        commit.or_else(|| cutover_model::apply::xa_id(&sql, "ROLLBACK").map(|id| (id, false)))
    })
}

fn queries(group: &Group<'_>) -> impl Iterator<Item = String> {
    group
        .events()
        .filter(|f| f.header.event_type == EventType::QUERY)
        .filter_map(|frame| Some(Query::decode(frame.body).ok()?.text().into_owned()))
}
