//! The properties that a run is checked for, for people who ask what they are.

/// A property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property {
    /// `P1` to `P17`.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub says: &'static str,
}

const fn property(id: &'static str, name: &'static str, says: &'static str) -> Property {
    Property { id, name, says }
}

/// Every property, in the order of the ids.
pub const CATALOGUE: &[Property] = &[
    property(
        "P1",
        "No lost write",
        "Every write that a client was told is committed is in the database that serves at the end, or was overwritten by a later one.",
    ),
    property(
        "P2",
        "No phantom",
        "Everything on the target was written by an operation that did not fail.",
    ),
    property(
        "P3",
        "All or nothing",
        "An operation whose outcome the client never learnt has all of its effects or none, once at most, and does not show up late.",
    ),
    property(
        "P4",
        "Exactly once",
        "No operation takes effect twice: keys are unique, counters equal the increments that were acknowledged plus some of the unknown ones.",
    ),
    property(
        "P5",
        "Prefix consistency",
        "At any time before the promotion the target equals the source as it was after some commit, and never goes back.",
    ),
    property(
        "P6",
        "Full prefix at cutover",
        "When the target takes its first write, it has every committed transaction of the source.",
    ),
    property(
        "P7",
        "Whole transactions",
        "No read on the target sees a part of a source's transaction; what transfers conserve stays constant.",
    ),
    property(
        "P8",
        "Fence soundness",
        "After the fence nothing commits on the source, whoever tries.",
    ),
    property(
        "P9",
        "Single writer",
        "Once the target has accepted a write, the source accepts none.",
    ),
    property(
        "P10",
        "Gate soundness",
        "When the gate opens, the target has everything that the source committed before the fence.",
    ),
    property(
        "P11",
        "Order per key",
        "The versions of a row that the target goes through are a subsequence of the source's.",
    ),
    property(
        "P12",
        "Convergence",
        "After all has come to rest, the tables on both sides hold the same rows.",
    ),
    property(
        "P13",
        "GTID hygiene",
        "At the cutover the target has executed exactly the source's GTIDs, without holes and without its own.",
    ),
    property(
        "P14",
        "Fresh ids",
        "The target's next auto-increment value is above every id that the source ever gave out.",
    ),
    property(
        "P15",
        "Session guarantees",
        "A client reads its own writes, and nothing older than it has read before, across the switch.",
    ),
    property(
        "P16",
        "Integrity",
        "Unique keys, foreign keys and checks hold on the target.",
    ),
    property(
        "P17",
        "Bounded downtime",
        "The time without a writable database stays within what the strategy promises.",
    ),
];
