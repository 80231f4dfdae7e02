//! What the servers' tables should hold, and what they do.
//!
//! The model's applier goes through both servers' binlogs: the source's give what the source holds in the end, the
//! target's, from the snapshot on, what its appliers changed with each commit and what its own clients did. The rows that
//! the target really holds are compared with what it should hold, and with what its binlog says.

use super::{
    LabError,
    binlogs::{Binlogs, Logged},
    shop::{self, Rows},
};
use cutover_model::{
    Arena,
    apply::{Direct, Mode, Walker},
    database::{Change, Database, diff},
    ddl::Version,
    mutant::Mutants,
    server::Own,
};
use cutover_sim::{
    evidence::{RowId, States, compare_databases, out_of_order},
    history::History,
    runbook::{Host, PrefixStrength},
    workload::orders::SCHEMA_NAME,
    world::Marks,
};
use std::collections::BTreeMap;

/// The servers.
const VERSION: Version = Version(90_700);

/// What is known of both servers when all is over.
pub struct Given<'a> {
    /// The rows before the run.
    pub existing: &'a [Rows],
    /// The source's binlog.
    pub source: &'a Binlogs<'a>,
    /// The target's binlog.
    pub target: &'a Binlogs<'a>,
    /// The source's `server_id`.
    pub source_id: u32,
    /// How many of the source's commits are in the snapshot.
    pub cut: u32,
    /// The rows that the target holds.
    pub held: &'a [Rows],
}

/// What comes of the comparison.
#[derive(Debug)]
pub struct Compared {
    /// The final states.
    pub states: States,
    /// The rows of commits whose order on the target is not the source's.
    pub rows_of: BTreeMap<u32, Vec<RowId>>,
}

/// An applier on tables of its own.
#[derive(Default)]
struct Follower {
    arena: Arena,
    walker: Walker,
    direct: Direct,
}

impl Follower {
    fn apply(
        &mut self,
        database: &mut Database,
        files: &Binlogs<'_>,
        logged: &Logged,
    ) -> Result<Vec<Change>, LabError> {
        let group = files.group(logged).ok_or_else(|| {
            LabError::followed("a transaction that was read cannot be read again")
        })?;
        let mut sink = self.direct.on(database, VERSION);
        self.walker
            .walk(&mut self.arena, &mut sink, &group)
            .map_err(LabError::followed)?;
        Ok(std::mem::take(&mut self.direct.changes))
    }
}

/// Compares. Which of the target's commits left half a transfer visible is noted in the marks.
///
/// # Errors
/// The model cannot follow the servers, or comes to other rows than a server has.
pub fn compare(
    given: &Given<'_>,
    history: &History,
    prefix: PrefixStrength,
    marks: &mut Marks,
) -> Result<Compared, LabError> {
    let mut follower = Follower {
        direct: Direct::new(Mode::Strict, Mutants::NONE),
        ..Follower::default()
    };
    let mut source = shop::database(given.existing, &mut follower.arena)?;
    let mut target = None;
    for (number, logged) in (0u32..).zip(&given.source.logged) {
        if number == given.cut {
            target = Some(source.clone());
        }
        follower.apply(&mut source, given.source, logged)?;
    }
    let mut target = target.unwrap_or_else(|| source.clone());
    let customers = target.id(SCHEMA_NAME, "customers");
    let mut own = Vec::new();
    for logged in &given.target.logged {
        let changes = follower.apply(&mut target, given.target, logged)?;
        if logged.server_id == given.source_id {
            marks.target_changed(customers, &changes, &follower.arena);
        } else {
            own.extend(changes.into_iter().map(Own::Row));
        }
    }
    let held = shop::database(given.held, &mut follower.arena)?;
    let unlike = diff(&target, &held, &mut follower.arena);
    if let Some(first) = unlike.first() {
        return Err(LabError::followed(format!(
            "{} rows of the target are not as its binlog says, the first {first:?}",
            unlike.len()
        )));
    }
    let states = compare_databases(
        &mut follower.arena,
        &source,
        // No way back is rehearsed here: the source has had none of it.
        own.iter().map(|own| (own, false)),
        &held,
        Host::Target,
    );
    let Follower { arena, walker, .. } = &mut follower;
    let rows_of = out_of_order(&source, history, given.cut, prefix, |commit, sink| {
        let group = given.source.logged.get(commit as usize);
        if let Some(group) = group.and_then(|logged| given.source.group(logged)) {
            // It was walked once already.
            let _ = walker.walk(arena, sink, &group);
        }
    });
    Ok(Compared { states, rows_of })
}
