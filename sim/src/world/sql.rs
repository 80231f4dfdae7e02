//! A statement that the operator types on a server: rows, or a change of a table.
//!
//! It is an operation of the history like a client's, so that a write of the operator's that gets lost is told like any
//! other. On the source the operator is stopped by `read_only` as ordinary users are; on Aurora the master user has
//! CONNECTION_ADMIN and is not [D `Aurora.AuroraMySQL.Compare-v2-v3`].

use super::{Due, World, side};
use crate::{
    history::{Kind, NO_COMMIT, OPERATOR, Operation, Told},
    runbook::Host,
    workload::orders::{SCHEMA, SCHEMA_NAME, TABLES},
};
use cutover_model::{
    Arena,
    database::Database,
    ddl::{self, Algorithm, Context, DdlError, EventChange, Statement as Ddl, Version},
    dml,
    server::{Privilege, Reply, ServerError, SessionId, Statement},
};

/// What is typed.
#[derive(Clone, Debug)]
enum Typed {
    Rows(Statement),
    Table(String),
    /// Of an event: it takes no metadata lock.
    Event(String),
}

/// A statement on its way.
#[derive(Debug)]
pub(super) struct Typing {
    host: Host,
    session: SessionId,
    operation: u32,
    typed: Typed,
    /// When a change of a table has gone through its rows, in µs, once it has had its lock; and how it does.
    works: Option<(u64, Algorithm)>,
    committing: bool,
}

/// The operator's statement, and what it came to.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    typing: Option<Typing>,
    answer: Option<Result<String, String>>,
}

/// Why a statement is none that a modelled server can carry out; what would be. Tables and columns are not looked at.
pub fn unreadable_sql(sql: &str) -> Option<String> {
    let first = sql.split_whitespace().next().unwrap_or_default();
    let is = |word: &str| first.eq_ignore_ascii_case(word);
    if is("SET") {
        return Some(
            "RDS gives nobody the privilege to SET GLOBAL (error 1227): change a parameter with a step of its own, \
             like `set_read_only` or \
             `set_event_scheduler`"
                .into(),
        );
    }
    if is("CALL") {
        return Some(
            "stored procedures have steps of their own (set_binlog_retention, start_replication …)"
                .into(),
        );
    }
    let context = Context::new(SCHEMA_NAME, Version::V8_0);
    if dml::is_dml(sql) {
        return dml::parse(sql, &context).err().map(|e| e.to_string());
    }
    match ddl::parse(sql, &context) {
        Err(error) => Some(error.to_string()),
        Ok(Ddl::Ignored { what }) if what == "ALTER EVENT" => Some(
            "of ALTER EVENT are modelled ON SCHEDULE, as in CREATE EVENT, ENABLE, DISABLE, COMMENT and DO, and not RENAME TO"
                .into(),
        ),
        Ok(Ddl::Ignored { what }) if what == "CREATE EVENT" => Some(
            "of CREATE EVENT is modelled what has a schedule of EVERY n SECOND, MINUTE, HOUR, DAY or WEEK, from a second to a \
             century, with STARTS as a literal if at all, and neither AT nor ENDS"
                .into(),
        ),
        Ok(Ddl::Event(event)) => match event.change {
            EventChange::Create { body, .. }
            | EventChange::Alter {
                body: Some(body), ..
            } => unreadable_event(&body)
                .map(|why| format!("in what stands behind DO, {why}"))
                .or_else(|| {
                    let table = writes_to_shop(&body)?;
                    Some(format!(
                        "the event writes to `{table}`, where the checks know what each client was told of each row"
                    ))
                }),
            _ => None,
        },
        Ok(Ddl::Ignored { what }) => Some(format!("{what} does nothing to the modelled tables")),
        Ok(Ddl::Dml { verb }) => Some(format!(
            "{verb} is not modelled: write INSERT … VALUES, UPDATE or DELETE"
        )),
        Ok(Ddl::Use(_)) => Some("USE has no effect: name the schema, as in `shop.orders`".into()),
        Ok(statement @ (Ddl::AlterTable(_) | Ddl::RenameTables(_))) => {
            moves_shop(&statement, &context).map(|table| {
                format!(
                    "the clients and the checks know `{table}` by its name, and its columns by their places: leave the name, \
                     and what there is where it is, and add columns behind it"
                )
            })
        }
        Ok(_) => None,
    }
}

/// The table of the shop's own that has another name behind a statement, or whose columns have others, other places or other
/// types.
fn moves_shop(statement: &Ddl, context: &Context) -> Option<&'static str> {
    let (mut shop, mut arena) = (Database::default(), Arena::default());
    for sql in SCHEMA {
        let made = ddl::parse(sql, context).ok()?;
        ddl::apply(&mut shop, &mut arena, &made).ok()?;
    }
    let columns = |shop: &Database, name: &str| {
        let table = shop.table(shop.id(SCHEMA_NAME, name)?)?;
        let columns = table.def().columns.iter();
        Some(Vec::from_iter(
            columns.map(|c| (c.name.clone(), c.kind.clone())),
        ))
    };
    let before = TABLES.map(|name| columns(&shop, name));
    ddl::apply(&mut shop, &mut arena, statement).ok()?;
    let tables = TABLES.into_iter().zip(before);
    let mut moved = tables.filter(|(name, before)| {
        let (before, after) = (before.as_deref(), columns(&shop, name));
        !after.is_some_and(|after| before.is_some_and(|before| after.starts_with(before)))
    });
    moved.next().map(|(name, _)| name)
}

/// Why an event's statement is none that a modelled server can carry out.
pub fn unreadable_event(sql: &str) -> Option<String> {
    let context = Context::new(SCHEMA_NAME, Version::V8_0);
    dml::parse(sql, &context).err().map(|e| e.to_string())
}

/// The table of the shop's own that an event's statement writes to: what clients were told of its rows would not hold.
pub fn writes_to_shop(sql: &str) -> Option<&'static str> {
    let context = Context::new(SCHEMA_NAME, Version::V8_0);
    let dml = dml::parse(sql, &context).ok()?;
    let table = dml.table();
    let is_it = |name: &&str| (&*table.schema, &*table.name) == (SCHEMA_NAME, *name);
    TABLES.into_iter().find(is_it)
}

/// Why a query is none that a modelled server can answer.
pub fn unreadable_query(sql: &str) -> Option<String> {
    let context = Context::new(SCHEMA_NAME, Version::V8_0);
    let read = dml::parse_select(sql, &context);
    read.err().map(|error| error.to_string())
}

/// An error as a server tells it.
pub(super) fn told(error: &DdlError) -> String {
    match error.code() {
        Some(code) => format!("error {code}: {error}"),
        None => error.to_string(),
    }
}

/// Whether a statement makes, alters or drops an event: it has to do with no table, and waits for none.
pub fn types_an_event(sql: &str) -> bool {
    let context = Context::new(SCHEMA_NAME, Version::V8_0);
    matches!(ddl::parse(sql, &context), Ok(Ddl::Event(_)))
}

impl World {
    /// Whether a SELECT finds a row on a host, as it is now.
    ///
    /// # Errors
    /// There is no such host or table, or the statement cannot be carried out.
    pub fn finds_row(&mut self, host: Host, sql: &str) -> Result<bool, String> {
        let now = self.now;
        let (arena, source) = (&mut self.arena, &self.source);
        let server = match (host, &self.target, &self.read_replica) {
            (Host::Source, ..) => source,
            (Host::Target, Some(target), _) => &target.server,
            (Host::Target, None, _) => return Err("there is no Aurora cluster yet".into()),
            (Host::Replica, _, Some(replica)) => replica,
            (Host::Replica, _, None) => return Err("there is no read replica yet".into()),
        };
        let context = Context::new(SCHEMA_NAME, server.config.ddl_version);
        let select = dml::parse_select(sql, &context).map_err(|e| e.to_string())?;
        let found = server.finds(arena, now, &select);
        found.map_err(|e| e.to_string())
    }

    /// The operator types a statement; [`World::sql_answer`] has what it came to.
    ///
    /// # Errors
    /// The server refuses it at once.
    pub fn type_sql(&mut self, host: Host, sql: &str) -> Result<(), String> {
        // Who typed the one before is gone.
        if let Some(before) = self.prompt.typing.take() {
            self.disconnect(before.host, before.session);
            self.operator_leaves_ddl();
        }
        let now = self.now;
        let (arena, source, target) = (&mut self.arena, &mut self.source, &mut self.target);
        let (server, privilege) = match (host, target) {
            (Host::Source, _) => (source, Privilege::Ordinary),
            (Host::Target, Some(target)) => (&mut target.server, Privilege::Admin),
            (Host::Target, None) => return Err("there is no Aurora cluster yet".into()),
            (Host::Replica, _) => return Err("a read replica takes no writes".into()),
        };
        let typed = match dml::is_dml(sql) {
            true => {
                let context = Context::new(SCHEMA_NAME, server.config.ddl_version);
                let dml = dml::parse(sql, &context).map_err(|e| e.to_string())?;
                let statement = server.prepare_dml(arena, now, &dml);
                Typed::Rows(statement.map_err(|e| e.to_string())?)
            }
            false if types_an_event(sql) => Typed::Event(sql.to_string()),
            false => Typed::Table(sql.to_string()),
        };
        let session = server.connect(privilege);
        let operation = match typed {
            Typed::Rows(_) => self.sql_is_invoked(host),
            Typed::Table(_) | Typed::Event(_) => NO_COMMIT,
        };
        self.prompt = Prompt {
            typing: Some(Typing {
                host,
                session,
                operation,
                typed,
                works: None,
                committing: false,
            }),
            answer: None,
        };
        if let (Host::Source, false) = (host, dml::is_dml(sql)) {
            self.source.disconnect(&mut self.arena, session);
            self.operator_asks_ddl(sql.to_string());
        } else {
            self.sql_goes_on();
        }
        Ok(())
    }

    fn sql_is_invoked(&mut self, host: Host) -> u32 {
        let operation = self.history.operations.len() as u32;
        let invoked = Operation {
            invoked: self.now,
            returned: u64::MAX,
            subject: 0,
            commit: NO_COMMIT,
            client: OPERATOR,
            kind: Kind::Statement,
            told: Told::Pending,
            host,
        };
        self.history.operations.push(invoked);
        operation
    }

    /// What the statement came to, once that is known.
    pub fn sql_answer(&mut self) -> Option<Result<String, String>> {
        if self.prompt.answer.is_none() {
            self.sql_goes_on();
        }
        self.prompt.answer.take()
    }

    /// The statement begins, or goes on behind what it waited for.
    pub(super) fn sql_goes_on(&mut self) {
        let now = self.now;
        let Some(typing) = self.prompt.typing.as_mut().filter(|t| !t.committing) else {
            return;
        };
        let (session, host) = (typing.session, typing.host);
        let server = match (host, &mut self.target) {
            (Host::Target, Some(target)) => &mut target.server,
            _ => &mut self.source,
        };
        let arena = &mut self.arena;
        let reply = match &mut typing.typed {
            // The source's own way is `world/ddl.rs`.
            Typed::Table(_) | Typed::Event(_) if host == Host::Source => return,
            // It is resumed.
            _ if server.waits(session) => return,
            // The metadata lock.
            Typed::Table(_) if typing.works.is_some_and(|(until, _)| now < until) => return,
            Typed::Table(_) if server.uses_tables() => return,
            Typed::Table(sql) if typing.works.is_none() => {
                let effort = server.ddl_effort(SCHEMA_NAME, sql);
                let until = now + effort.us(self.environment.alter_row(host).0);
                typing.works = Some((until, effort.algorithm));
                if until > now {
                    self.agenda.push(until, Due::Altered(host));
                    return;
                }
                server.execute_ddl(arena, now, session, SCHEMA_NAME, sql)
            }
            Typed::Table(sql) | Typed::Event(sql) => {
                server.execute_ddl(arena, now, session, SCHEMA_NAME, sql)
            }
            Typed::Rows(_) if !server.is_connected(session) => {
                return self.sql_is_lost(host);
            }
            Typed::Rows(statement) => Ok(server.run_dml(arena, now, session, statement)),
        };
        match reply {
            Ok(Reply::Waiting) => {}
            Ok(Reply::Committing) => typing.committing = true,
            Ok(Reply::Ok | Reply::NoRow) => {
                self.sql_is_answered(Told::Empty, Ok("no row matches".into()));
            }
            Ok(Reply::Failed(error)) => {
                self.sql_is_answered(Told::Fail, Err(format!("error {}: {error}", error.code())));
            }
            Err(error) => self.sql_is_answered(Told::Fail, Err(told(&error))),
        }
    }

    fn sql_is_answered(&mut self, told: Told, answer: Result<String, String>) {
        let Some(typing) = self.prompt.typing.take() else {
            return;
        };
        self.disconnect(typing.host, typing.session);
        let now = self.now;
        let operation = typing.operation as usize;
        self.history.operations.edit(operation, |operation| {
            operation.told = told;
            operation.returned = now;
        });
        self.prompt.answer = Some(answer);
    }

    /// When the operator's statement has gone through the rows that it goes through, in µs; none where it waits, if at all,
    /// for something else.
    pub fn sql_works_until(&self) -> Option<u64> {
        let typing = self.prompt.typing.as_ref()?;
        match typing.host {
            Host::Source => self.source_works_until(),
            _ => typing.works.map(|(until, _)| until),
        }
    }

    /// Whether the operator's statement on a host, other than the source, goes through the rows of a table.
    pub(super) fn typed_goes_through_rows(&self, host: Host) -> bool {
        let typing = self.prompt.typing.as_ref().filter(|t| t.host == host);
        typing.is_some_and(|t| t.works.is_some_and(|(until, _)| self.now < until))
    }

    /// Whether it does so in place, while others write.
    pub(super) fn types_in_place(&self, host: Host) -> bool {
        self.typed_goes_through_rows(host) && self.copies_until(host).is_none()
    }

    /// Until when the operator's statement copies a table of a host, other than the source; nobody writes to it meanwhile.
    pub(super) fn copies_until(&self, host: Host) -> Option<u64> {
        let typing = self.prompt.typing.as_ref().filter(|t| t.host == host)?;
        let (until, algorithm) = typing.works?;
        (algorithm == Algorithm::Copy && self.now < until).then_some(until)
    }

    /// Whether the operator's statement on a host changes a table.
    pub(super) fn types_ddl(&self, host: Host) -> bool {
        let typing = self.prompt.typing.as_ref();
        typing.is_some_and(|t| t.host == host && matches!(t.typed, Typed::Table(_)))
    }

    /// The operation that a session's commit is, when the session is the operator's; [`NO_COMMIT`] for a change of a
    /// table, which is no write.
    pub(super) fn operation_of_sql(&self, host: Host, session: SessionId) -> Option<u32> {
        let typing = self.prompt.typing.as_ref()?;
        ((typing.host, typing.session) == (host, session)).then_some(typing.operation)
    }

    /// The server has committed the statement.
    pub(super) fn sql_is_committed(&mut self) {
        let done = match self.prompt.typing.as_ref().map(|t| &t.typed) {
            Some(Typed::Rows(statement)) => match statement.written {
                1 => "1 row affected".into(),
                rows => format!("{rows} rows affected"),
            },
            _ => "the statement is carried out".into(),
        };
        self.sql_is_answered(Told::Ok, Ok(done));
    }

    /// The server refuses the change of a table.
    pub(super) fn sql_is_refused(&mut self, why: String) {
        self.sql_is_answered(Told::Fail, Err(why));
    }

    /// The statement failed while it waited.
    pub(super) fn sql_has_failed(&mut self, error: &ServerError) {
        let why = format!("error {}: {error}", error.code());
        self.sql_is_answered(Told::Fail, Err(why));
    }

    /// The connection is gone with its server: what became of a COMMIT under way, nobody says.
    pub(super) fn sql_is_lost(&mut self, host: Host) {
        let typing = self.prompt.typing.as_ref();
        let Some(typing) = typing.filter(|t| t.host == host) else {
            return;
        };
        let told = match typing.committing {
            true => Told::Info,
            false => Told::Fail,
        };
        let lost = format!(
            "error 2013: lost connection to the {} during the statement",
            side(typing.host)
        );
        self.sql_is_answered(told, Err(lost));
    }
}
