//! Transactions that a plan writes down: each client's, in the order of their times.

use super::World;
use crate::{
    environment::Retry,
    history::{Kind, Told},
    units::Micros,
    workload_spec::{Does, Transaction},
};
use std::collections::BTreeMap;

/// What the clients still have to do.
#[derive(Debug)]
pub(super) struct Script {
    /// For each client its transactions, the last one first.
    left: Vec<Vec<Transaction>>,
}

/// What a client that has nothing to do does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This, at once.
    Now(Kind),
    /// Nothing before this time.
    At(u64),
    /// Nothing any more.
    Never,
}

impl Script {
    /// None when nothing is written down. Who is no client was refused when the plan was read, and is left out.
    pub(super) fn new(transactions: &[Transaction], clients: u32) -> Option<Self> {
        if transactions.is_empty() {
            return None;
        }
        let mut left = vec![Vec::new(); clients as usize];
        for transaction in transactions {
            if let Some(of_client) = left.get_mut(transaction.client as usize) {
                of_client.push(*transaction);
            }
        }
        for of_client in &mut left {
            of_client.sort_by_key(|t| t.at);
            of_client.reverse();
        }
        Some(Self { left })
    }

    /// Takes what a client is to do now.
    pub(super) fn next(&mut self, client: u16, now: u64) -> Next {
        let left = &mut self.left[usize::from(client)];
        match left.last() {
            None => Next::Never,
            Some(next) if next.at.0 > now => Next::At(next.at.0),
            Some(next) => {
                let does = next.does;
                left.pop();
                Next::Now(kind(does))
            }
        }
    }
}

fn kind(does: Does) -> Kind {
    match does {
        Does::Place => Kind::Place,
        Does::Pay => Kind::Pay,
        Does::Transfer => Kind::Transfer,
        Does::Cancel => Kind::Cancel,
        Does::Read => Kind::Read,
        Does::Rollback => Kind::Rollback,
        Does::Draft => Kind::Draft,
        Does::Amend => Kind::Amend,
    }
}

impl World {
    /// What the clients did, as a script. An attempt that followed a failure of the same transaction is left out:
    /// the client will try again by itself. So are writers that a fault brings: it will bring them again.
    pub fn written_down(&self) -> Vec<Transaction> {
        let retry = self.plan_environment.clients.retry;
        let mut told = BTreeMap::new();
        let clients = self.clients.in_application();
        let of_clients = self.history.operations.iter();
        let of_clients = of_clients.filter(|o| usize::from(o.client) < clients);
        let written = of_clients.filter_map(|operation| {
            let before = told.insert(operation.client, operation.told);
            let again = before.is_some_and(|told| retries(retry, told));
            (!again).then_some(())?;
            Some(Transaction {
                at: Micros(operation.invoked),
                client: operation.client.into(),
                does: written(operation.kind)?,
            })
        });
        written.collect()
    }
}

/// Whether a driver tries a transaction again of which its client was told this.
pub(super) fn retries(retry: Retry, told: Told) -> bool {
    matches!(
        (told, retry),
        (Told::Fail, Retry::Definite | Retry::Blind) | (Told::Info, Retry::Blind)
    )
}

/// How an operation of the history is written down; none for one that the clients did not draw.
fn written(kind: Kind) -> Option<Does> {
    Some(match kind {
        Kind::Place => Does::Place,
        Kind::Pay => Does::Pay,
        Kind::Transfer => Does::Transfer,
        Kind::Cancel => Does::Cancel,
        Kind::Read => Does::Read,
        Kind::Rollback => Does::Rollback,
        Kind::Draft => Does::Draft,
        Kind::Amend => Does::Amend,
        Kind::Recorded | Kind::Statement => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_gets_its_own_transactions_in_the_order_of_their_times() {
        let transaction = |at, client, does| Transaction {
            at: Micros(at),
            client,
            does,
        };
        let mut script = Script::new(
            &[
                transaction(30, 1, Does::Pay),
                transaction(10, 1, Does::Place),
                transaction(20, 0, Does::Read),
            ],
            3,
        )
        .unwrap();
        assert_eq!(script.next(1, 0), Next::At(10));
        assert_eq!(script.next(1, 35), Next::Now(Kind::Place));
        assert_eq!(script.next(1, 35), Next::Now(Kind::Pay));
        assert_eq!(script.next(1, 35), Next::Never);
        assert_eq!(script.next(0, 20), Next::Now(Kind::Read));
        assert_eq!(script.next(2, 20), Next::Never);
        assert!(Script::new(&[], 3).is_none());
    }
}
