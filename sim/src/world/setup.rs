//! The world at the beginning of a run.

use super::{
    Due, NEVER, World,
    accounts::{APPLICATION, Password},
    agenda::Agenda,
    clients::Clients,
    ddl::Alter,
    faults::Faults,
    habits::Lagging,
    marks::Marks,
    memory::Growth,
    operator::Office,
    replay::Replay,
    replication::Channel,
    scheduler::Scheduler,
    sql::Prompt,
};
use crate::{
    environment::{Checksum, Environment, Retention, RowImage, RowMetadata},
    history::{Commit, History, NO_COMMIT},
    operator::until_first_cut,
    plan::Plan,
    preconditions,
    probes::Probes,
    recording::Recording,
    runbook::{Dialect, Host},
    stream::Stream,
    workload::orders::{
        JOB_RUNS, Orders, SCHEMA, SCHEMA_NAME, TABLES, create_side_table, existing_side,
        side_trigger,
    },
    workload_spec::{Kind, SideTable, Workload},
};
use cutover_model::{
    Arena,
    binlog::{
        encode::{self, Writer, WriterOptions},
        log::Binlog,
    },
    database::Database,
    ddl::{self, Context},
    dml,
    gtid::{GtidSet, Uuid},
    mutant::{Mutant, MutantError, Mutants},
    names::Record,
    server::{Config, Cut, Event, Manner, Privilege, Server, Version},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// RDS's name for its binlog files.
const BINLOG_BASE: &str = "mysql-bin-changelog";
/// The source's `server_uuid`.
const SOURCE_UUID: Uuid =
    Uuid(*b"\xa5\x0c\xe5\x00\x00\x00\x40\x00\x80\x00\x00\x00\x00\x00\x00\x01");
/// The target's.
const TARGET_UUID: Uuid =
    Uuid(*b"\x7a\x76\xe7\x00\x00\x00\x40\x00\x80\x00\x00\x00\x00\x00\x00\x02");
/// The read replica's.
const REPLICA_UUID: Uuid =
    Uuid(*b"\x4e\x9b\x1d\x00\x00\x00\x40\x00\x80\x00\x00\x00\x00\x00\x00\x03");
/// Their `server_id`s.
const SOURCE_ID: u32 = 1;
const TARGET_ID: u32 = 2;
const REPLICA_ID: u32 = 3;
/// Connections that replay a recording.
const REPLAY_CLIENTS: u32 = 8;
/// The first binlog file of a source that has lived before the run.
const FIRST_FILE_IN_MID_LIFE: u64 = 214;

/// Why a world cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// Not a version.
    #[error("`{0}` is not a MySQL version; write it like 8.0.36")]
    Version(String),
    /// The plan switches mutants on that this build does not have.
    #[error(transparent)]
    Mutants(#[from] MutantError),
    /// The workload's tables cannot be made.
    #[error("the tables of the workload cannot be made: {0}")]
    Tables(String),
}

fn version(text: &str) -> Result<Version, SetupError> {
    // `8.4` is the first of its series: `8.4.0`.
    Version::from_text(text)
        .or_else(|| Version::from_text(&format!("{text}.0")))
        .ok_or_else(|| SetupError::Version(text.to_string()))
}

fn writer(environment: &Environment, server_id: u32, gtid_mode: bool) -> Writer {
    let source = &environment.source;
    Writer::new(WriterOptions {
        server_version: source.engine_version.clone(),
        server_id,
        checksum: source.binlog_checksum == Checksum::Crc32,
        row_image: match source.binlog_row_image {
            RowImage::Full => encode::RowImage::Full,
            RowImage::Minimal => encode::RowImage::Minimal,
            RowImage::Noblob => encode::RowImage::NoBlob,
        },
        row_metadata: match source.binlog_row_metadata {
            RowMetadata::Minimal => encode::RowMetadata::Minimal,
            RowMetadata::Full => encode::RowMetadata::Full,
        },
        gtid: gtid_mode,
        ..WriterOptions::default()
    })
}

fn source_config(
    environment: &Environment,
    epoch_us: u64,
    mutants: Mutants,
) -> Result<Config, SetupError> {
    let source = &environment.source;
    Ok(Config {
        version: version(&source.engine_version)?,
        ddl_version: version(&source.engine_version)?,
        uuid: SOURCE_UUID,
        epoch_us,
        gtid_mode: source.gtid_mode,
        sync_binlog: match mutants.has(Mutant::AckBeforeSync) {
            true => 0,
            false => source.sync_binlog,
        },
        flush_log_at_commit: source.innodb_flush_log_at_trx_commit,
        max_binlog_size: source.max_binlog_size.0,
        flush_us: source.flush.0,
        fsync_us: source.fsync.0,
        engine_commit_us: source.engine_commit.0,
        lock_wait_timeout_us: source.lock_wait_timeout.0,
        mutants,
    })
}

/// The Aurora writer, as the restore of a snapshot leaves it, or as it is created.
pub(super) fn target_server(
    environment: &Environment,
    epoch_us: u64,
    ddl_version: Version,
    mut database: Database,
    gtid_executed: GtidSet,
    cut_in: Option<u64>,
    mutants: Mutants,
) -> Server {
    let target = &environment.target;
    let dialect = Dialect::of(Host::Target, environment);
    if !dialect.replicates_accounts() {
        database.shut_accounts();
    }
    let config = Config {
        version: dialect.compatible_version(),
        ddl_version,
        uuid: TARGET_UUID,
        epoch_us,
        gtid_mode: environment.target_has_gtids(),
        sync_binlog: 1,
        flush_log_at_commit: 1,
        max_binlog_size: environment.source.max_binlog_size.0,
        flush_us: 0,
        fsync_us: target.commit.0,
        engine_commit_us: 0,
        lock_wait_timeout_us: environment.source.lock_wait_timeout.0,
        mutants,
    };
    let binlog = target.binlog.then(|| {
        target_binlog(
            environment,
            cut_in,
            gtid_executed.clone(),
            epoch_us,
            mutants,
        )
    });
    let mut server = Server::new(config, database, binlog, gtid_executed.clone());
    server.gtid_purged = gtid_executed;
    server.journal = Some(Vec::new());
    server
}

/// An RDS read replica of the source, as it is made of a snapshot.
pub(super) fn read_replica(
    environment: &Environment,
    arena: &Arena,
    epoch_us: u64,
    source: &Config,
    cut: &Cut,
) -> Server {
    let config = Config {
        uuid: REPLICA_UUID,
        epoch_us,
        ..source.clone()
    };
    let executed = || cut.gtid_executed.clone();
    let writer = writer(environment, REPLICA_ID, environment.source.gtid_mode);
    let binlog = Binlog::new(writer, BINLOG_BASE, 1, executed(), epoch_us);
    let database = restored_tables(environment, arena, cut, Host::Replica);
    let mut server = Server::new(config, database, Some(binlog), executed());
    server.gtid_purged = executed();
    server
}

/// The tables of a cut of the source's data as a host finds them that is made of it. Its server starts, and where it finds no
/// counters of AUTO_INCREMENT it takes the largest id plus one.
pub(super) fn restored_tables(
    environment: &Environment,
    arena: &Arena,
    cut: &Cut,
    host: Host,
) -> Database {
    let mut database = cut.database.clone();
    if !environment.restores_auto_increments(host) {
        database.forget_auto_increments(arena);
    }
    database
}

/// The binlog of an Aurora cluster, which begins behind the source's file that its volume was cut in; with the first file
/// where it was created empty.
pub(super) fn target_binlog(
    environment: &Environment,
    cut_in: Option<u64>,
    executed: GtidSet,
    epoch_us: u64,
    mutants: Mutants,
) -> Binlog {
    let first = cut_in.map_or(1, |file| file + 1);
    let server_id = match mutants.has(Mutant::SameServerId) {
        true => SOURCE_ID,
        false => TARGET_ID,
    };
    Binlog::new(
        writer(environment, server_id, environment.target_has_gtids()),
        BINLOG_BASE,
        first,
        executed,
        epoch_us,
    )
}

impl World {
    /// The world of a plan, at its beginning.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(plan: &Plan, recording: Option<Arc<Recording>>) -> Result<Self, SetupError> {
        let environment = plan.environment.clone();
        let epoch_us = plan.clock.start.0;
        let mut arena = Arena::default();
        let mutants = Mutants::named(&plan.mutants)?;
        let mut config = source_config(&environment, epoch_us, mutants)?;
        if let Some(recording) = &recording {
            config.ddl_version = recording.version();
        }
        let orders = plan.workload.kind == Kind::Orders;
        let fresh = match &recording {
            Some(recording) => recording.starts_empty(),
            None => plan.workload.existing_rows == 0,
        };
        let mut database = match &recording {
            Some(recording) => recording
                .initial_tables(&mut arena)
                .map_err(SetupError::Tables)?,
            None if fresh => Database::default(),
            None => with_events(existing_shop(plan, config.version)?, plan),
        };
        let lived = if fresh || !config.gtid_mode {
            GtidSet::default()
        } else {
            lived_before(plan)
        };
        let first_file = if fresh { 1 } else { FIRST_FILE_IN_MID_LIFE };
        let binlog = Binlog::new(
            writer(&environment, SOURCE_ID, environment.source.gtid_mode),
            BINLOG_BASE,
            first_file,
            lived.clone(),
            epoch_us,
        );
        database.keep_events();
        let password = Password::of(config.version);
        database.create_account(APPLICATION, password.known_by());
        let source = Server::new(config, database, Some(binlog), lived);
        let count = if orders {
            plan.workload.clients
        } else {
            REPLAY_CLIENTS
        };
        let mut world = Self {
            now: 0,
            arena,
            source,
            target: None,
            read_replica: None,
            history: History::default(),
            story: Vec::new(),
            marks: Marks::default(),
            epoch_us,
            retention: [
                environment.source.binlog_retention,
                environment.target.binlog_retention,
                // Nobody reads what a read replica writes.
                Retention::None,
            ],
            snapshots: BTreeMap::new(),
            appliers_due: NEVER,
            agenda: Agenda::new(Stream::new(plan.streams.ties.0)),
            jitter: Stream::new(plan.streams.links.0),
            names: Record::new(Host::Source, environment.names.ttl.0),
            clients: Clients::new(
                &environment,
                &plan.workload,
                plan.streams.workload.0,
                count,
                &plan.faults,
                mutants,
            ),
            channels: Host::ALL.map(|to| Channel::new(to.replicates_from(), &environment)),
            dms: Default::default(),
            source_suspended_until: 0,
            down_until: [0; Host::ALL.len()],
            silent_until: [0; Host::ALL.len()],
            parameter_read_only: [false; Host::ALL.len()],
            closed: [false; Host::ALL.len()],
            corruption: None,
            probes: Probes::default(),
            faults: Faults::new(&plan.faults),
            office: match plan.faults.iter().any(|f| f.step_again.is_some()) {
                true => Office::new(&plan.runbook.steps),
                false => Office::default(),
            },
            lagging: Lagging::new(),
            growth: Growth::of(&plan.workload),
            alter: Alter::default(),
            prompt: Prompt::default(),
            scheduler: Scheduler::new(&environment),
            rds_session: None,
            password,
            ahead_us: [0; Host::ALL.len()],
            events: Vec::new(),
            mutants,
            snapshot_begun: None,
            written_back: None,
            plan_environment: environment.clone(),
            environment,
        };
        world.automated_snapshots(&plan.runbook.steps);
        world.arm_faults();
        world
            .agenda
            .push(world.environment.source.binlog_upload_every.0, Due::Upload);
        world.schedule_resets();
        match recording {
            Some(recording) => world.start_replay(Replay::new(
                recording,
                &plan.workload,
                until_first_cut(plan).0,
                migration_us(plan),
            )),
            None => world.open_shop(plan, fresh)?,
        }
        Ok(world)
    }

    fn open_shop(&mut self, plan: &Plan, fresh: bool) -> Result<(), SetupError> {
        if fresh {
            self.found_shop(plan)?;
        }
        let mut orders = Orders::new(&plan.workload, &self.source.database);
        if fresh && let Some(orders) = orders.as_mut() {
            self.enrol_first_customers(orders);
        }
        self.clients.workload = orders;
        self.events_begin_anew(Host::Source);
        self.start_write_back();
        self.start_clients();
        Ok(())
    }

    /// The schema's own DDL, through the server, so that the binlog begins with it.
    fn found_shop(&mut self, plan: &Plan) -> Result<(), SetupError> {
        let session = self.source.connect(Privilege::Admin);
        for sql in statements(&plan.workload) {
            let reply =
                self.source
                    .execute_ddl(&mut self.arena, self.now, session, SCHEMA_NAME, &sql);
            reply.map_err(|e| SetupError::Tables(e.to_string()))?;
            self.settle();
        }
        self.source.disconnect(&mut self.arena, session);
        add_triggers(&mut self.source.database, &plan.workload.tables);
        let shop = std::mem::take(&mut self.source.database);
        self.source.database = with_events(shop, plan);
        Ok(())
    }

    fn enrol_first_customers(&mut self, orders: &mut Orders) {
        let session = self.source.connect(Privilege::Admin);
        for _ in 0..orders.customers {
            let id = self.source.next_auto_increment(orders.customers_table);
            let table = orders.customers_table;
            let image = orders.first_customer(id);
            self.source.insert(
                &mut self.arena,
                self.now,
                session,
                table,
                image,
                Manner::STATEMENT,
            );
        }
        self.source.commit(&mut self.arena, self.now, session);
        self.settle();
        self.source.disconnect(&mut self.arena, session);
    }

    /// Lets the server finish what it is doing, before the clients come.
    fn settle(&mut self) {
        while let Some(due) = self.source.next_due() {
            self.now = due;
            self.source.step(&mut self.arena, due);
        }
        let mut events = Vec::new();
        self.source.events(&mut events);
        for event in events {
            if let Event::Committed(_, done) = event {
                self.history.source.push(Commit {
                    at: self.now,
                    end: done.end,
                    gno: done.gno,
                    operation: NO_COMMIT,
                });
            }
        }
    }
}

/// The statements that make the shop, with its tables of special traits and that of its events.
fn statements(workload: &Workload) -> Vec<String> {
    let sides = workload.tables.iter().map(create_side_table);
    let jobs = (!workload.events.is_empty()).then(|| JOB_RUNS.to_string());
    SCHEMA
        .map(str::to_string)
        .into_iter()
        .chain(sides)
        .chain(jobs)
        .collect()
}

fn add_triggers(database: &mut Database, tables: &[SideTable]) {
    for spec in tables {
        let table = |name| database.id(SCHEMA_NAME, name);
        if let (Some(orders), Some(side)) = (table("orders"), table(&spec.name))
            && let Some(trigger) = side_trigger(spec, orders, side)
        {
            database.add_trigger(trigger);
        }
    }
}

/// The first of a shop's events that its server cannot carry out, and why.
///
/// # Errors
/// [`SetupError`]: the tables themselves cannot be made.
pub fn refused_event(workload: &Workload) -> Result<Option<(usize, String)>, SetupError> {
    if workload.events.is_empty() {
        return Ok(None);
    }
    let shop = Shop::of(workload, Version::V8_0)?.database;
    let context = Context::new(SCHEMA_NAME, Version::V8_0);
    let config = source_config(&Environment::default(), 0, Mutants::NONE)?;
    let server = Server::new(config, shop, None, GtidSet::default());
    let arena = &mut Arena::default();
    let mut events = workload.events.iter().enumerate();
    Ok(events.find_map(|(index, spec)| {
        let dml = dml::parse(&spec.statement(), &context).map_err(|e| e.to_string());
        let prepared = dml.and_then(|dml| {
            let prepared = server.prepare_dml(arena, 0, &dml);
            prepared.map_err(|e| e.to_string())
        });
        Some((index, prepared.err()?))
    }))
}

/// The tables of a plan's shop as they are before the run; none of a recording, and where they cannot be made.
pub(crate) fn tables_before(plan: &Plan) -> Option<Database> {
    let version = version(&plan.environment.source.engine_version).ok()?;
    let of_shop = plan.workload.kind == Kind::Orders;
    let shop = of_shop.then(|| Shop::of(&plan.workload, version));
    Some(shop?.ok()?.database)
}

/// A shop with its events, which are older than the run.
fn with_events(mut shop: Database, plan: &Plan) -> Database {
    shop.keep_events();
    let events = plan.workload.events.iter();
    let events = events.map(|spec| spec.event(plan.clock.start));
    shop.change_events(|list| list.extend(events));
    shop
}

/// A shop with rows, whatever its seed: they come from a generator and cost nothing until they are touched.
struct Shop {
    tables: Vec<SideTable>,
    has_jobs: bool,
    existing_rows: u64,
    version: Version,
    database: Database,
}

/// The shop that was made last. The plans of a sweep have the same one as a rule, but for the seed of its rows, and
/// making it costs as much as twenty commits.
static LAST: Mutex<Option<Shop>> = Mutex::new(None);

/// The shop of a plan, with its rows.
fn existing_shop(plan: &Plan, version: Version) -> Result<Database, SetupError> {
    let workload = &plan.workload;
    // A shop that was put there is whole.
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let shop = match &mut *last {
        Some(shop) if shop.is_of(workload, version) => shop,
        other => other.insert(Shop::of(workload, version)?),
    };
    Ok(shop.database.clone().drawn_anew(plan.streams.base.0))
}

impl Shop {
    fn is_of(&self, workload: &Workload, version: Version) -> bool {
        self.existing_rows == workload.existing_rows
            && self.version == version
            && self.tables == workload.tables
            && self.has_jobs != workload.events.is_empty()
    }

    fn of(workload: &Workload, version: Version) -> Result<Self, SetupError> {
        let tables = |e: String| SetupError::Tables(e);
        // No row is stored, so the arena of a run has nothing to know of it.
        let arena = &mut Arena::default();
        let mut database = Database::default();
        let context = Context::new(SCHEMA_NAME, version);
        for sql in statements(workload) {
            let statement = ddl::parse(&sql, &context).map_err(|e| tables(e.to_string()))?;
            ddl::apply(&mut database, arena, &statement).map_err(|e| tables(e.to_string()))?;
        }
        // The statements declare; the tables themselves are made again with their rows.
        let mut shop = Database::default();
        shop.create_schema(SCHEMA_NAME)
            .map_err(|e| tables(e.to_string()))?;
        let declared = |table: &str| {
            let id = database.id(SCHEMA_NAME, table);
            let def = id.and_then(|id| Some((**database.table(id)?.def()).clone()));
            def.ok_or_else(|| tables(table.to_string()))
        };
        for table in TABLES {
            let (rows, generators) = Orders::existing(workload, table, 0);
            shop.create_generated(arena, declared(table)?, rows, generators)
                .map_err(|e| tables(e.to_string()))?;
        }
        for spec in &workload.tables {
            let def = declared(&spec.name)?;
            let made = match existing_side(spec, workload.existing_rows) {
                Some((rows, generators)) => shop.create_generated(arena, def, rows, generators),
                None => shop.create_table(arena, def),
            };
            made.map_err(|e| tables(e.to_string()))?;
        }
        if !workload.events.is_empty() {
            let made = shop.create_table(arena, declared("job_runs")?);
            made.map_err(|e| tables(e.to_string()))?;
        }
        add_triggers(&mut shop, &workload.tables);
        Ok(Self {
            has_jobs: !workload.events.is_empty(),
            tables: workload.tables.clone(),
            existing_rows: workload.existing_rows,
            version,
            database: shop,
        })
    }
}

/// About how long the migration takes, for a recording that is to last through it, in µs: what the steps take at the
/// least, an eighth more for what they wait for, and the time behind the cutover.
fn migration_us(plan: &Plan) -> u64 {
    let steps = preconditions::at_least(plan).0;
    steps + steps / 8 + plan.workload.after_cutover.0
}

/// The GTIDs of a source that has lived before the run: one for each order that exists.
fn lived_before(plan: &Plan) -> GtidSet {
    let mut set = GtidSet::default();
    set.add_range(SOURCE_UUID, None, 1, plan.workload.existing_rows.max(1));
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{units::Bytes, workload_spec::Engine};
    use cutover_model::table::Base;

    #[test]
    fn rows_drawn_anew_are_those_that_their_seed_makes() {
        let workload = Workload {
            existing_rows: 100,
            ..Workload::default()
        };
        let shop = Shop::of(&workload, Version::V8_0).unwrap();
        for seed in [0, 7, u64::MAX] {
            let drawn = shop.database.clone().drawn_anew(seed);
            for name in TABLES {
                let table = drawn.table(drawn.id(SCHEMA_NAME, name).unwrap()).unwrap();
                let (rows, generators) = Orders::existing(&workload, name, seed);
                let base = Base::new(table.def(), rows, generators).unwrap();
                assert_eq!(**table.base().unwrap(), base, "{name} with seed {seed}");
            }
        }
    }

    #[test]
    fn only_a_shop_of_the_same_declarations_and_as_many_rows_is_taken_again() {
        let workload = Workload::default();
        let shop = Shop::of(&workload, Version::V8_0).unwrap();
        assert!(shop.is_of(&workload, Version::V8_0));
        assert!(!shop.is_of(&workload, Version(50_744)));
        let rows = Workload {
            existing_rows: workload.existing_rows + 1,
            ..workload.clone()
        };
        assert!(!shop.is_of(&rows, Version::V8_0));
        let side = SideTable {
            name: "notes".into(),
            primary_key: true,
            lob: Bytes(0),
            foreign_key: false,
            trigger: false,
            engine: Engine::Innodb,
            collation: None,
        };
        let tables = Workload {
            tables: vec![side],
            ..workload
        };
        assert!(!shop.is_of(&tables, Version::V8_0));
    }
}
