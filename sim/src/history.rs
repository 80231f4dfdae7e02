//! The history: what clients asked for and what they were told.
//!
//! One small record for each client operation, updated in place; the commits of a server with where
//! they stand in its binlog. Everything that is said of a run is derived from these and from the final
//! states.

use crate::{
    fed::Fed,
    packed::{Packed, Record},
    runbook::Host,
};
use cutover_model::binlog::log::LogPos;

/// What a client wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Place an order.
    Place,
    /// Pay an order.
    Pay,
    /// Move money between two customers.
    Transfer,
    /// Cancel an order.
    Cancel,
    /// Read an order.
    Read,
    /// Place an order and roll back.
    Rollback,
    /// A recorded transaction.
    Recorded,
    /// Save an order without lines.
    Draft,
    /// Change an order's total.
    Amend,
    /// A statement that the operator types.
    Statement,
}

impl Kind {
    /// All, by their numbers.
    const ALL: [Self; 10] = [
        Self::Place,
        Self::Pay,
        Self::Transfer,
        Self::Cancel,
        Self::Read,
        Self::Rollback,
        Self::Recorded,
        Self::Draft,
        Self::Amend,
        Self::Statement,
    ];
}

/// What the client knows in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Told {
    /// Nothing yet.
    Pending,
    /// Acknowledged.
    Ok,
    /// Definitely not done.
    Fail,
    /// Unknown: the connection broke after COMMIT was sent.
    Info,
    /// Acknowledged, and there was nothing to change or nothing that should change (a read, a rollback,
    /// an order that was gone).
    Empty,
}

impl Told {
    /// All, by their numbers.
    const ALL: [Self; 5] = [Self::Pending, Self::Ok, Self::Fail, Self::Info, Self::Empty];
}

/// One operation of a client. An attempt that is retried is an operation of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Invocation, in µs.
    pub invoked: u64,
    /// Return, in µs; `u64::MAX` while pending.
    pub returned: u64,
    /// The order, the recorded transaction; the payer of a transfer.
    pub subject: u64,
    /// The commit's number on its host, when it committed; `u32::MAX` otherwise.
    pub commit: u32,
    /// The client.
    pub client: u16,
    /// What was wanted.
    pub kind: Kind,
    /// What was told.
    pub told: Told,
    /// Where.
    pub host: Host,
}

/// No commit.
pub const NO_COMMIT: u32 = u32::MAX;

/// Stands where a client's number does in what the operator types.
pub const OPERATOR: u16 = u16::MAX;

/// Stands where a client's number does in what a server's event scheduler runs.
pub const SCHEDULER: u16 = u16::MAX - 1;

/// A commit of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// When the engine had it, in µs.
    pub at: u64,
    /// Where it ends in the binlog.
    pub end: LogPos,
    /// Number of its GTID; 0 without.
    pub gno: u64,
    /// The operation, `u32::MAX` for the server's own (DDL at the start).
    pub operation: u32,
}

/// Commits that the source lost when it crashed or failed over: those with numbers from `from` up to, not
/// including, `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The first.
    pub from: u32,
    /// Behind the last.
    pub to: u32,
    /// When it lost them, in µs.
    pub at: u64,
}

/// An application of a host's commit on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The commit's number on the host that it comes from.
    pub commit: u32,
    /// When, in µs.
    pub at: u64,
}

/// All operations and commits of a run.
#[derive(Debug, Default)]
pub struct History {
    /// In the order of invocation.
    pub operations: Operations,
    /// The source's commits, by their number.
    pub source: CommitList,
    /// The target's own commits (clients'), by their number.
    pub target: CommitList,
    /// The source's commits in the order in which the target applied them.
    pub applied: Applications,
    /// The target's own commits in the order in which the source applied them: the way back.
    pub applied_back: Applications,
    /// The source's commits that are changes of tables, typed by the operator: no operation has them.
    pub altered: Vec<u32>,
    /// The source's commits that are RDS's own: nobody's data, and no operation has them.
    pub of_rds: Vec<u32>,
    /// What the source has lost of its own commits.
    pub erased: Vec<Erased>,
    /// What tools have carried to the target row by row.
    pub fed: Fed,
    /// The events that were run, by their full names: an operation's subject is a place in this list.
    pub events: Vec<String>,
}

impl History {
    /// The place of an event among those that were run.
    pub(crate) fn event(&mut self, name: &str) -> u64 {
        let known = self.events.iter().position(|known| known == name);
        let place = known.unwrap_or_else(|| {
            self.events.push(name.to_string());
            self.events.len() - 1
        });
        place as u64
    }

    /// The event at a place of the list.
    pub(crate) fn event_name(&self, place: u64) -> &str {
        let name = usize::try_from(place)
            .ok()
            .and_then(|place| self.events.get(place));
        name.map_or("", String::as_str)
    }

    /// The source's commits in the order in which they came to the target: as it applied them, or as tools have
    /// carried their rows.
    pub fn arrived(&self) -> &Applications {
        self.fed.arrived.as_ref().unwrap_or(&self.applied)
    }

    /// When the source lost a commit; none when it has it.
    pub fn erased_at(&self, commit: u32) -> Option<u64> {
        let erased = self
            .erased
            .iter()
            .find(|e| (e.from..e.to).contains(&commit));
        erased.map(|e| e.at)
    }

    /// Whether a commit of the source is RDS's own.
    pub fn is_of_rds(&self, commit: u32) -> bool {
        self.of_rds.binary_search(&commit).is_ok()
    }

    /// The source's last commit that is not RDS's own.
    pub fn last_on_source(&self) -> Option<Commit> {
        let number = (0..self.source.len() as u32).rev();
        let mut not_own = number.filter(|number| !self.is_of_rds(*number));
        self.source.get(not_own.next()? as usize)
    }

    /// A host's own commits.
    pub fn commits(&self, host: Host) -> &CommitList {
        static NONE: CommitList = Packed::new();
        match host {
            Host::Source => &self.source,
            Host::Target => &self.target,
            // Nobody writes to it.
            Host::Replica => &NONE,
        }
    }
}

/// Operations by their number.
pub type Operations = Packed<Operation, 6>;
/// Commits of a server by their number, which is the order of their times too.
pub type CommitList = Packed<Commit, 5>;
/// Applications in their order.
pub type Applications = Packed<Applied, 2>;

/// How the words of an operation share a number: what varies least stands highest, so that the operations of a block
/// mostly differ by less than 256.
mod bits {
    /// Where a word begins, and how many bits it has.
    pub type Word = (u32, u32);
    pub const KIND: Word = (0, 4);
    pub const TOLD: Word = (4, 3);
    pub const COMMITTED: Word = (7, 1);
    pub const PENDING: Word = (8, 1);
    pub const HOST: Word = (9, 2);
}

impl Record<6> for Operation {
    fn columns(&self, _: u64, like: &[u64; 6]) -> [u64; 6] {
        let is_pending = self.returned == u64::MAX;
        let is_committed = self.commit != NO_COMMIT;
        let words = (self.kind as u64) << bits::KIND.0
            | (self.told as u64) << bits::TOLD.0
            | u64::from(is_committed) << bits::COMMITTED.0
            | u64::from(is_pending) << bits::PENDING.0
            | (self.host as u64) << bits::HOST.0;
        [
            self.invoked,
            match is_pending {
                true => like[1],
                false => self.returned.wrapping_sub(self.invoked),
            },
            self.subject,
            match is_committed {
                true => self.commit.into(),
                false => like[3],
            },
            self.client.into(),
            words,
        ]
    }

    #[inline]
    fn of([invoked, lasted, subject, commit, client, words]: [u64; 6], _: u64) -> Self {
        let word = |(begin, bits): bits::Word| (words >> begin) as usize & ((1 << bits) - 1);
        Self {
            invoked,
            returned: match word(bits::PENDING) {
                0 => invoked.wrapping_add(lasted),
                _ => u64::MAX,
            },
            subject,
            commit: match word(bits::COMMITTED) {
                0 => NO_COMMIT,
                _ => commit as u32,
            },
            client: client as u16,
            kind: Kind::ALL[word(bits::KIND)],
            told: Told::ALL[word(bits::TOLD)],
            host: Host::ALL[word(bits::HOST)],
        }
    }

    fn is_final(&self) -> bool {
        self.told != Told::Pending
    }
}

impl Record<5> for Commit {
    fn columns(&self, number: u64, _: &[u64; 5]) -> [u64; 5] {
        [
            self.at,
            self.end.file,
            self.end.pos,
            self.gno.wrapping_sub(number),
            self.operation.into(),
        ]
    }

    #[inline]
    fn of([at, file, pos, gno, operation]: [u64; 5], number: u64) -> Self {
        Self {
            at,
            end: LogPos { file, pos },
            gno: gno.wrapping_add(number),
            operation: operation as u32,
        }
    }
}

impl Record<2> for Applied {
    fn columns(&self, number: u64, _: &[u64; 2]) -> [u64; 2] {
        [u64::from(self.commit).wrapping_sub(number), self.at]
    }

    #[inline]
    fn of([commit, at]: [u64; 2], number: u64) -> Self {
        Self {
            commit: commit.wrapping_add(number) as u32,
            at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time() -> impl Strategy<Value = u64> {
        prop_oneof![0..10_000_000_000u64, Just(u64::MAX), any::<u64>()]
    }

    fn number() -> impl Strategy<Value = u32> {
        prop_oneof![0..2_000_000u32, Just(u32::MAX), any::<u32>()]
    }

    prop_compose! {
        fn operation()(
            (invoked, returned, subject) in (time(), time(), any::<u64>()),
            (commit, client) in (number(), any::<u16>()),
            kind in proptest::sample::select(&Kind::ALL),
            told in proptest::sample::select(&Told::ALL),
            host in proptest::sample::select(&Host::ALL),
        ) -> Operation {
            Operation { invoked, returned, subject, commit, client, kind, told, host }
        }
    }

    prop_compose! {
        fn commit()(at in time(), file in any::<u64>(), pos in any::<u64>(), gno in time(), operation in number()) -> Commit {
            Commit { at, end: LogPos { file, pos }, gno, operation }
        }
    }

    prop_compose! {
        fn applied()(commit in number(), at in time()) -> Applied {
            Applied { commit, at }
        }
    }

    /// Whether packing gives each record back.
    fn survive<R: Record<N> + PartialEq, const N: usize>(records: &[R]) -> bool {
        let packed: Packed<R, N> = records.iter().copied().collect();
        packed.iter().eq(records.iter().copied())
    }

    proptest! {
        #[test]
        fn packing_loses_nothing(
            operations in proptest::collection::vec(operation(), 1_000..1_300),
            commits in proptest::collection::vec(commit(), 1_000..1_300),
            applications in proptest::collection::vec(applied(), 1_000..1_300),
        ) {
            prop_assert!(survive(&operations));
            prop_assert!(survive(&commits));
            prop_assert!(survive(&applications));
        }
    }

    #[test]
    fn the_numbers_of_words_are_their_places() {
        assert!((0..).zip(Kind::ALL).all(|(i, kind)| kind as usize == i));
        assert!((0..).zip(Told::ALL).all(|(i, told)| told as usize == i));
        assert!((0..).zip(Host::ALL).all(|(i, host)| host as usize == i));
    }
}
