//! Whether the target has a transaction, where tools carried rows and no replica applied transactions.
//!
//! A transaction has arrived when each of its rows has: it was in the table when that was read, or its change was
//! applied later. What the source committed is read in its binlog, whatever the tools have read of it.

use super::rows::Commits;
use crate::{
    fed::{Fed, Read},
    history::Applied,
    world::World,
};
use cutover_model::{
    Arena,
    apply::{OnRows, RowWork, rows_of},
    binlog::log::LogPos,
};
use std::collections::{BTreeMap, BTreeSet};

/// What a tool did with a table, for whoever asks why a row is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FedTable {
    /// The table's id.
    pub table: u32,
    /// `schema.table`.
    pub name: String,
    /// Its changes were captured from here on; none: nothing captures changes.
    pub captured_from: Option<LogPos>,
    /// The stream was received up to here.
    pub received_to: Option<LogPos>,
    /// The table was taken out then, in µs, and why.
    pub suspended: Option<(u64, String)>,
    /// The tool stopped then, in µs.
    pub stopped: Option<u64>,
}

/// A row of a commit that the target does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingRow {
    /// The table's id.
    pub table: u32,
    /// Its key, or the id of its content.
    pub row: u64,
}

/// What was carried, as the checks see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FedFacts {
    /// The tables that some tool carried.
    pub tables: Vec<FedTable>,
    /// For a commit that has not arrived, the first of its rows that has not.
    pub missing: BTreeMap<u32, MissingRow>,
}

/// The rows of each commit from `first` on, as the source's binlog has them.
fn rows_of_commits(world: &mut World, first: usize) -> Vec<Vec<(u32, u64)>> {
    let World {
        arena,
        source,
        history,
        ..
    } = world;
    let Some(binlog) = &source.binlog else {
        return Vec::new();
    };
    let database = &source.database;
    let mut commits = Commits::new(arena, binlog, &history.source);
    let numbers = first as u32..history.source.len() as u32;
    let rows = numbers.map(|number| {
        let mut rows = BTreeSet::new();
        let mut collect = OnRows {
            database,
            row: |arena: &mut Arena, work: &RowWork<'_>| {
                if let Some(table) = database.table(work.table) {
                    let (before, after) = (work.before.as_ref(), work.after.as_ref());
                    let (found, _) = rows_of(arena, table, before, after);
                    rows.extend(found.into_iter().flatten().map(|row| (work.table.0, row)));
                }
                Ok(())
            },
        };
        if history.erased_at(number).is_none() {
            commits.walk(number, &mut collect);
        }
        rows.into_iter().collect()
    });
    rows.collect()
}

/// Works out which commits have arrived and when, and leaves them with the history; in what order their rows came is in
/// the history already.
pub(super) fn arrivals(world: &mut World, cut: u32) -> FedFacts {
    let tables = world.fed_tables();
    let reads: BTreeMap<u32, Read> = tables
        .iter()
        .filter_map(|t| Some((t.table, *world.history.fed.read_of(t.table)?)))
        .collect();
    // Before the first read nothing has to be looked at row by row, if every table of the source was read.
    let ids: Vec<u32> = world.source.database.tables().map(|(id, _)| id.0).collect();
    let whole = |id: &u32| reads.get(id).is_some_and(|read| read.upto.is_none());
    let in_all = match ids.iter().all(whole) {
        true => reads.values().map(|read| read.visible).min().unwrap_or(0),
        false => 0,
    };
    let done = reads.values().filter_map(|read| read.loaded).max();
    let first = in_all.max(cut);
    let rows = rows_of_commits(world, first as usize);
    let carried = carried(&world.history.fed, &reads);
    // What the source had lost before anybody read it is in no read.
    let began = reads.values().map(|read| read.at).min().unwrap_or(0);
    let was_there = |commit: &u32| {
        let erased = world.history.erased_at(*commit);
        erased.is_none_or(|lost| lost > began)
    };
    let mut arrived: Vec<Applied> = (cut..first)
        .filter(was_there)
        .map(|commit| Applied {
            commit,
            at: done.unwrap_or(0),
        })
        .collect();
    let mut missing = BTreeMap::new();
    let committed = &world.history.source;
    for (commit, rows) in (first..).zip(rows) {
        let erased = world.history.erased_at(commit);
        let mut at = committed.at(commit as usize).at;
        let lacks = rows.iter().find(|&&(table, row)| {
            let copied = reads.get(&table).filter(|read| {
                commit < read.visible
                    && erased.is_none_or(|lost| lost > read.at)
                    && read.upto.is_none_or(|upto| row <= upto)
            });
            let came = match copied.and_then(|read| read.loaded) {
                Some(loaded) => Some(loaded),
                None => carried.get(&(commit, table, row)).copied(),
            };
            at = at.max(came.unwrap_or(0));
            came.is_none()
        });
        match lacks {
            Some(&(table, row)) => {
                missing.insert(commit, MissingRow { table, row });
            }
            None if erased.is_some() => {}
            None => arrived.push(Applied { commit, at }),
        }
    }
    // What the source has lost, and a tool has carried all the same.
    let lost: BTreeSet<u32> = carried
        .keys()
        .map(|(commit, ..)| *commit)
        .filter(|commit| world.history.erased_at(*commit).is_some())
        .collect();
    arrived.extend(lost.into_iter().map(|commit| Applied {
        commit,
        at: done.unwrap_or(0),
    }));
    arrived.sort_by_key(|a| (a.at, a.commit));
    world.history.fed.arrived = Some(arrived.into_iter().collect());
    FedFacts { tables, missing }
}

/// When each change was applied first, of those that are still in their table.
fn carried(fed: &Fed, reads: &BTreeMap<u32, Read>) -> BTreeMap<(u32, u32, u64), u64> {
    let mut carried = BTreeMap::new();
    for row in fed.rows.iter().filter(|row| row.refused.is_none()) {
        // Loading a table again empties it.
        let since = reads.get(&row.table).map_or(0, |read| read.at);
        if row.at >= since {
            carried
                .entry((row.commit, row.table, row.row))
                .or_insert(row.at);
        }
    }
    carried
}
