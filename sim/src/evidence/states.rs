//! The final states: the target against what it should hold, and the shop's own bookkeeping.
//!
//! What the target should hold is the source's final state with the changes of the target's own clients
//! folded in, which is exact when every write of the source came before the first on the target. Costs
//! what was written, whatever the tables hold.

use crate::{
    packed::{Packed, Record},
    runbook::Host,
    workload::orders::{Customer, order},
    world::World,
};
use cutover_model::{
    Arena, RowRef,
    binlog::log::LogPos,
    database::{Broken, Database, Difference, EventStatus, ScheduledEvent, Trigger, diff},
    row,
    server::Own,
    table::{RowKey, Table},
};
use std::collections::{BTreeMap, BTreeSet};

/// How the target's final state compares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct States {
    /// Rows that differ from what should be there.
    pub rows: u64,
    /// The first of them in words.
    pub first_row: Option<String>,
    /// Tables, schemas and declarations that differ, in words.
    pub schema: Vec<String>,
    /// Constraints that touched rows of the target break.
    pub broken: Vec<Broken>,
    /// AUTO_INCREMENT counters.
    pub counters: Vec<Counter>,
}

/// The AUTO_INCREMENT counter of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// `schema.table`.
    pub table: String,
    /// The next value on the target.
    pub next_on_target: u64,
    /// The largest value in a row of the source.
    pub largest_on_source: u64,
}

/// The shop where the application's name points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shop {
    /// Orders that were there before the run: those up to this id.
    pub existing: u64,
    /// The orders that were placed in the run and are still there, by id.
    pub orders: Packed<PlacedOrder, 3>,
    /// Sum of all customers' `orders_placed`.
    pub counted: u64,
    /// The next order id on the target; 0 without one.
    pub next_order_on_target: u64,
}

/// Where the client's number stands in a request's.
const CLIENT_BITS: u32 = 40;

/// An order's row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlacedOrder {
    /// Its id.
    pub id: u64,
    /// The request that placed it: the client's number plus one in the bits from 40 on.
    pub request: u64,
}

impl PlacedOrder {
    /// The client whose request it was.
    pub fn client(&self) -> u64 {
        (self.request >> CLIENT_BITS).wrapping_sub(1)
    }
}

impl Shop {
    /// Looks orders up.
    pub(crate) fn finder(&self) -> Finder<'_> {
        Finder::new(&self.orders)
    }
}

/// Looks orders up by their ids. Most ids follow one another, and a bit for each tells where its order is.
#[derive(Debug)]
pub(crate) struct Finder<'s> {
    orders: &'s Packed<PlacedOrder, 3>,
    /// The id of the first bit.
    first: u64,
    /// 64 ids each: those that there are, and how many there are in front of them. Empty where ids lie too far apart.
    ids: Vec<(u64, u32)>,
}

impl<'s> Finder<'s> {
    fn new(orders: &'s Packed<PlacedOrder, 3>) -> Self {
        let first = orders.first().map_or(0, |order| order.id);
        let span = orders.last().map_or(0, |order| order.id - first);
        let mut ids: Vec<(u64, u32)> = Vec::new();
        if span / 64 <= orders.len() as u64 {
            ids = vec![(0, 0); (span / 64) as usize + 1];
            for order in orders {
                let at = order.id - first;
                ids[(at / 64) as usize].0 |= 1 << (at % 64);
            }
            let mut before = 0;
            for (there, rank) in &mut ids {
                *rank = before;
                before += there.count_ones();
            }
        }
        Self { orders, first, ids }
    }

    /// The order of an id, and its place among the orders.
    pub fn find(&self, id: u64) -> Option<(usize, PlacedOrder)> {
        let place = match self.ids.is_empty() {
            true => self.orders.partition_point(|order| order.id < id),
            false => {
                let at = id.checked_sub(self.first)?;
                let (there, before) = *self.ids.get(usize::try_from(at / 64).ok()?)?;
                let bit = 1 << (at % 64);
                if there & bit == 0 {
                    return None;
                }
                before as usize + (there & (bit - 1)).count_ones() as usize
            }
        };
        let order = self.orders.get(place)?;
        (order.id == id).then_some((place, order))
    }
}

impl Record<3> for PlacedOrder {
    fn columns(&self, number: u64, _: &[u64; 3]) -> [u64; 3] {
        [
            self.id.wrapping_sub(number),
            self.request >> CLIENT_BITS,
            self.request % (1 << CLIENT_BITS),
        ]
    }

    #[inline]
    fn of([id, client, request]: [u64; 3], number: u64) -> Self {
        Self {
            id: id.wrapping_add(number),
            request: client << CLIENT_BITS | request,
        }
    }
}

/// Compares the final states; none without a target. What serves is held against the other host's final state with what
/// its own clients wrote: the target against the source, and after the way back the source against the target.
pub(super) fn compare(world: &mut World, serving: Host) -> Option<States> {
    let events = match serving {
        // And what it ran itself, before the application had left.
        Host::Source => {
            let mut off = events_off(world, Host::Target, serving);
            off.extend(events_off(world, serving, serving));
            off
        }
        Host::Target | Host::Replica => events_off(world, Host::Source, serving),
    };
    let World {
        arena,
        source,
        target,
        history,
        ..
    } = world;
    let target = &target.as_ref()?.server;
    let (other, server, applied) = match serving {
        Host::Target => (&*source, target, &history.applied_back),
        Host::Source => (target, &*source, &history.applied),
        // No name points at a read replica.
        Host::Replica => return None,
    };
    // What the other host has had of the serving one's own transactions, by where they end.
    let commits = history.commits(serving);
    let own = server.journal.iter().flatten();
    let first = own.clone().map(|entry| entry.end).min();
    let had = applied
        .iter()
        .filter_map(|a| commits.get(a.commit as usize));
    let had = had
        .map(|commit| commit.end)
        .filter(|end| Some(*end) >= first);
    let had: BTreeSet<LogPos> = had.collect();
    let own = own.map(|entry| (&entry.own, had.contains(&entry.end)));
    let (expected, actual) = (&other.database, &server.database);
    let mut states = compare_databases(arena, expected, own, actual, serving);
    states.schema.extend(events);
    Some(states)
}

/// The events that a host had enabled while its scheduler was on, and still has, that another (or the same one) does not run: who relied on them is not
/// told. In words.
pub(super) fn events_off(world: &World, ran_on: Host, runs_on: Host) -> Vec<String> {
    let (Some(before), Some(after)) = (world.server(ran_on), world.server(runs_on)) else {
        return Vec::new();
    };
    let why = |event: &ScheduledEvent| match after.database.event(&event.schema, &event.name) {
        None => Some("it is not there"),
        Some(there) if there.status != EventStatus::Enabled => Some(there.status.text()),
        Some(_) if !world.event_scheduler_is_to_be_on(runs_on) => Some("event_scheduler is OFF"),
        Some(_) => None,
    };
    let ran = before.database.events().iter();
    let ran = ran.filter(|event| world.has_run_event(ran_on, &event.full_name()));
    let off = ran.filter_map(|event| Some((event.full_name(), why(event)?)));
    let (ran_on, runs_on) = (ran_on.name(), runs_on.name());
    off.map(|(name, why)| {
        format!("the event {name}, which was enabled on the {ran_on}, does not run on the {runs_on}: {why}")
    })
    .collect()
}

/// Compares what the serving host holds with what it should: the other host's final state, with the changes of its own
/// clients folded in: each with whether the other host has had its transaction.
pub fn compare_databases<'o>(
    arena: &mut Arena,
    other: &Database,
    own: impl Iterator<Item = (&'o Own, bool)>,
    actual: &Database,
    serving: Host,
) -> States {
    let mut reference = other.clone();
    let mut handed_out = HandedOut::by(&reference, arena);
    for (own, had) in own {
        own.fold(arena, &mut reference, had);
        if matches!(own, Own::Statement(_)) {
            handed_out.follow(&reference, arena);
        }
    }
    let mut states = States {
        schema: declarations(&reference, actual, serving.name()),
        broken: broken(&reference, actual, arena),
        counters: handed_out.counters(actual),
        ..States::default()
    };
    for difference in diff(&reference, actual, arena) {
        match difference {
            Difference::Row { table, key, a, b } => {
                states.rows += 1;
                if states.first_row.is_none() {
                    states.first_row = Some(in_words(
                        &reference,
                        arena,
                        &table,
                        key,
                        a,
                        b,
                        serving.name(),
                    ));
                }
            }
            Difference::MissingTable { table, in_a: true } => {
                states
                    .schema
                    .push(format!("table {table} is not on the {}", serving.name()));
            }
            Difference::MissingTable { table, in_a: false } => {
                states
                    .schema
                    .push(format!("table {table} is on the {} alone", serving.name()));
            }
            Difference::Base { table } => {
                let untouched = |database: &Database| {
                    let (schema, name) = table.split_once('.')?;
                    let table = database.table(database.id(schema, name)?)?;
                    Some(table.base().map_or(0, |base| base.rows()))
                };
                let there = untouched(actual).unwrap_or(0);
                let all = untouched(&reference).unwrap_or(0);
                let text = match there == all {
                    true => format!(
                        "the {all} rows of {table} that were there before the run have other values on the {}",
                        serving.name()
                    ),
                    false => format!(
                        "of the {all} rows of {table} that were there before the run, {there} are on the {}",
                        serving.name()
                    ),
                };
                states.schema.push(text);
            }
            Difference::Keys { table } => {
                states.schema.push(format!("the rows of {table} are identified differently on the {}, and were not compared", serving.name()));
            }
        }
    }
    states
}

/// The constraints that do not hold on the target and would hold on it if it had what it should: clients may
/// break them on either host (`foreign_key_checks = 0`), the migration may not.
fn broken(reference: &Database, actual: &Database, arena: &mut Arena) -> Vec<Broken> {
    let mut broken = actual.integrity(arena);
    if !broken.is_empty() {
        let clients_own = reference.integrity(arena);
        broken.retain(|b| !clients_own.contains(b));
    }
    broken
}

/// Declarations that differ between two databases that should be the same.
fn declarations(reference: &Database, actual: &Database, host: &str) -> Vec<String> {
    let mut differ = Vec::new();
    for (_, table) in reference.tables() {
        let def = table.def();
        let there = actual
            .id(&def.schema, &def.name)
            .and_then(|id| actual.table(id));
        if there.is_some_and(|t| t.def() != def) {
            differ.push(format!(
                "table {} is declared differently on the {host}",
                def.full_name()
            ));
        }
    }
    for (here, there, where_it_is) in [
        (reference, actual, "not on"),
        (actual, reference, "alone on"),
    ] {
        let lacks = |trigger: &&Trigger| !there.triggers().contains(trigger);
        let names = |trigger: &Trigger| {
            let name = |id| Some(here.table(id)?.def().full_name());
            Some((name(trigger.on)?, name(trigger.into)?))
        };
        let differing = here.triggers().iter().filter(lacks).filter_map(names);
        differ.extend(differing.map(|(on, into)| {
            format!("the trigger of {on} that writes to {into} is {where_it_is} the {host}")
        }));
    }
    for name in reference.schemas().filter(|s| !actual.has_schema(s)) {
        differ.push(format!("schema {name} is not on the {host}"));
    }
    for name in actual.schemas().filter(|s| !reference.has_schema(s)) {
        differ.push(format!("schema {name} is on the {host} alone"));
    }
    differ
}

/// The largest id in each table of the source by its name, and the counter that it comes with. A statement on the
/// target that sets a counter back (TRUNCATE, another table under the name) begins anew: its clients want that.
struct HandedOut(BTreeMap<String, (u64, u64)>);

impl HandedOut {
    fn by(database: &Database, arena: &Arena) -> Self {
        let of = |(_, table): (_, &Table)| {
            let largest = table.largest_auto_value(arena).unwrap_or(0);
            (table.def().full_name(), (largest, table.auto_increment()))
        };
        Self(database.tables().map(of).collect())
    }

    fn follow(&mut self, after: &Database, arena: &Arena) {
        let before = std::mem::replace(self, Self::by(after, arena));
        for (table, (largest, counter)) in &mut self.0 {
            if let Some((had, at)) = before.0.get(table)
                && at <= counter
            {
                *largest = *had.max(largest);
            }
        }
    }

    fn counters(self, target: &Database) -> Vec<Counter> {
        let counter = |(name, (largest_on_source, _)): (String, (u64, u64))| {
            let (schema, table) = name.split_once('.')?;
            let next_on_target = target.table(target.id(schema, table)?)?.auto_increment();
            Some(Counter {
                table: name,
                next_on_target,
                largest_on_source,
            })
        };
        let any = self.0.into_iter().filter(|(_, (largest, _))| *largest > 0);
        any.filter_map(counter).collect()
    }
}

/// A row that differs: its key, and the columns that do.
fn in_words(
    reference: &Database,
    arena: &Arena,
    name: &str,
    key: RowKey,
    expected: Option<RowRef>,
    found: Option<RowRef>,
    host: &str,
) -> String {
    let table = name
        .split_once('.')
        .and_then(|(schema, table)| reference.table(reference.id(schema, table)?));
    let Some(table) = table else {
        return format!("a row of {name}");
    };
    let columns = &table.def().columns;
    let text = |row: RowRef, i: usize| match row::field(columns, arena.row(row), i) {
        None => "NULL".to_string(),
        Some(raw) => {
            let mut text = String::new();
            row::render(&columns[i], raw, &mut text);
            text
        }
    };
    let which = match (table.shape().identity.as_ref(), expected.or(found)) {
        (Some(identity), Some(row)) => {
            let parts = identity
                .key
                .parts
                .iter()
                .filter(|p| p.column < columns.len());
            let parts =
                parts.map(|p| format!("{} {}", columns[p.column].name, text(row, p.column)));
            parts.collect::<Vec<_>>().join(", ")
        }
        _ => format!("number {}", key.0),
    };
    match (expected, found) {
        (Some(_), None) => format!("the row of {name} with {which} is not on the {host}"),
        (None, Some(_)) => {
            format!("the row of {name} with {which} is on the {host} and should not be")
        }
        (Some(a), Some(b)) => {
            let differ = (0..columns.len()).filter(|&i| text(a, i) != text(b, i));
            let differ: Vec<String> = differ
                .take(4)
                .map(|i| {
                    format!(
                        "{} is {} instead of {}",
                        columns[i].name,
                        text(b, i),
                        text(a, i)
                    )
                })
                .collect();
            format!("in the row of {name} with {which}, {}", differ.join(", "))
        }
        (None, None) => format!("a row of {name}"),
    }
}

/// The shop's rows on the host that serves; none when the workload is no shop.
pub(super) fn shop(world: &World, serving: Host) -> Option<Shop> {
    let orders = world.orders()?;
    let database = &world.server(serving)?.database;
    let table = database.table(orders.orders_table)?;
    let mut shop = Shop {
        existing: orders.existing_orders,
        ..Shop::default()
    };
    for (key, row) in table.touched() {
        let Some(row) = row.filter(|_| key.0 > orders.existing_orders) else {
            continue;
        };
        let image = world.arena.row(row);
        let request = table.place(image, order::REQUEST_ID);
        let request = request.and_then(|place| image.get(place));
        let request = request.and_then(|raw| raw.try_into().ok());
        let placed = PlacedOrder {
            id: key.0,
            request: request.map_or(0, u64::from_le_bytes),
        };
        shop.orders.push(placed);
    }
    let customers = database.table(orders.customers_table)?;
    for (_, row) in customers.touched() {
        let customer = row.and_then(|r| Customer::read(world.arena.row(r)));
        shop.counted += customer.map_or(0, |c| u64::from(c.orders_placed));
    }
    let target = world.server(Host::Target);
    let next = target.and_then(|s| Some(s.database.table(orders.orders_table)?.auto_increment()));
    shop.next_order_on_target = next.unwrap_or(0);
    Some(shop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_order_is_found_where_it_is(
            steps in proptest::collection::vec(prop_oneof![9 => 1..3u64, 1 => any::<u64>()], 0..80),
            asked in proptest::collection::vec((any::<proptest::sample::Index>(), 0..3u64), 1..80),
        ) {
            let mut ids: Vec<u64> = Vec::new();
            for step in steps {
                ids.extend(ids.last().unwrap_or(&7).checked_add(step));
            }
            let order = |id: &u64| PlacedOrder { id: *id, request: id / 2 };
            let shop = Shop {
                orders: ids.iter().map(order).collect(),
                ..Shop::default()
            };
            let finder = shop.finder();
            for (near, beside) in asked {
                let near = ids.get(near.index(ids.len().max(1))).copied().unwrap_or(7);
                let id = near.wrapping_add(beside).wrapping_sub(1);
                let expected = ids.binary_search(&id).ok().map(|at| (at, order(&id)));
                prop_assert_eq!(finder.find(id), expected);
            }
        }
    }
}
