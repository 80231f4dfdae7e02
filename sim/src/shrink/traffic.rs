//! Fewer transactions, clients and rows. What the clients did by themselves is first written down, so that one
//! transaction can be left out while the others stay at their times.

use super::{
    Enough, Shrinking,
    ladder::{rounder, shorter, smaller},
};
use crate::{
    plan::Plan,
    units::Micros,
    workload_spec::{Does, Kind, Mix, Transaction, Workload},
};
use std::collections::BTreeSet;

/// One transaction in so long a time is as good as none.
const SLOWEST_PER_S: f64 = 0.01;

impl Shrinking<'_> {
    pub(super) fn write_down(&mut self, transactions: Vec<Transaction>) -> Result<(), Enough> {
        if transactions.is_empty() || !self.best.plan.workload.transactions.is_empty() {
            return Ok(());
        }
        self.take_first(1, |plan, _| Some(doing(plan, &transactions)))?;
        Ok(())
    }

    pub(super) fn fewer_transactions(&mut self) -> Result<bool, Enough> {
        let transactions = self.best.plan.workload.transactions.clone();
        self.leave_out(transactions, self.cut.alone, |plan, kept| {
            // None at all would be traffic again, drawn from the mix.
            (!kept.is_empty()).then(|| doing(plan, kept))
        })
    }

    /// A shorter and thinner stream of transactions: all there is to do when they cannot be written down.
    pub(super) fn less_traffic(&mut self) -> Result<bool, Enough> {
        self.take_all(|plan| {
            let workload = &plan.workload;
            let mut all: Vec<Workload> = [Micros::ZERO]
                .into_iter()
                .chain(shorter(workload.after_cutover))
                .filter(|length| *length < workload.after_cutover)
                .map(|after_cutover| Workload {
                    after_cutover,
                    ..workload.clone()
                })
                .collect();
            if workload.kind == Kind::Orders && workload.transactions.is_empty() {
                all.extend(without_a_kind(workload.mix).map(|mix| Workload {
                    mix,
                    ..workload.clone()
                }));
                let slower = [10.0, 2.0].map(|times| workload.rate_per_s / times);
                let slower = slower.into_iter().filter(|rate| *rate >= SLOWEST_PER_S);
                all.extend(slower.map(|rate_per_s| Workload {
                    rate_per_s,
                    ..workload.clone()
                }));
            }
            let with = |workload| Plan {
                workload,
                ..plan.clone()
            };
            all.into_iter().map(with).collect()
        })
    }

    pub(super) fn fewer_clients(&mut self) -> Result<bool, Enough> {
        self.take_all(|plan| {
            let transactions = &plan.workload.transactions;
            if plan.workload.kind == Kind::Binlog {
                return Vec::new();
            }
            if transactions.is_empty() {
                let fewer = smaller(plan.workload.clients.into()).skip(1);
                return fewer.map(|n| with_clients(plan, n as u32)).collect();
            }
            let used: Vec<u32> = transactions
                .iter()
                .map(|t| t.client)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect();
            let renumbered = |number: &dyn Fn(u32) -> u32| {
                let transactions: Vec<_> = transactions
                    .iter()
                    .map(|t| Transaction {
                        client: number(t.client),
                        ..*t
                    })
                    .collect();
                let clients = transactions.iter().map(|t| t.client + 1).max();
                with_clients(&doing(plan, &transactions), clients.unwrap_or(1))
            };
            let place = |client: u32| used.iter().position(|u| *u == client).unwrap_or(0) as u32;
            // One does everything; one does the work of another as well; the gaps between their numbers go.
            let mut all = vec![renumbered(&|_| 0)];
            for (i, into) in used.iter().enumerate() {
                for from in &used[i + 1..] {
                    all.push(renumbered(&|client| {
                        if client == *from { *into } else { client }
                    }));
                }
            }
            all.push(renumbered(&place));
            all.push(renumbered(&|client| client));
            all
        })
    }

    pub(super) fn fewer_rows(&mut self) -> Result<bool, Enough> {
        self.take_all(|plan| {
            if plan.workload.kind == Kind::Binlog {
                return Vec::new();
            }
            let fewer = smaller(plan.workload.existing_rows).map(|existing_rows| {
                let mut plan = plan.clone();
                plan.workload.existing_rows = existing_rows;
                plan
            });
            fewer.collect()
        })
    }

    /// All of one kind, and at rounder times.
    pub(super) fn simpler_transactions(&mut self) -> Result<bool, Enough> {
        self.take_all(|plan| {
            let transactions = &plan.workload.transactions;
            let changed = |i: usize, to: Transaction| {
                let mut transactions = transactions.clone();
                transactions[i] = to;
                doing(plan, &transactions)
            };
            let numbered = || transactions.iter().enumerate();
            let kinds = numbered()
                .filter(|(_, t)| t.does != Does::Place)
                .map(|(i, t)| {
                    changed(
                        i,
                        Transaction {
                            does: Does::Place,
                            ..*t
                        },
                    )
                });
            let times = numbered().flat_map(|(i, t)| {
                rounder(t.at).map(move |at| changed(i, Transaction { at, ..*t }))
            });
            kinds.chain(times).collect()
        })
    }
}

/// The plan with these transactions and no others.
pub(super) fn doing(plan: &Plan, transactions: &[Transaction]) -> Plan {
    let mut plan = plan.clone();
    plan.workload.transactions = transactions.to_vec();
    plan
}

fn with_clients(plan: &Plan, clients: u32) -> Plan {
    let mut plan = plan.clone();
    plan.workload.clients = clients;
    let privileged = &mut plan.environment.clients.privileged;
    *privileged = clients.min(*privileged);
    plan
}

/// The mix without one of its kinds.
fn without_a_kind(mix: Mix) -> impl Iterator<Item = Mix> {
    let off: [fn(&mut Mix) -> &mut u32; 8] = [
        |m| &mut m.read,
        |m| &mut m.rollback,
        |m| &mut m.cancel,
        |m| &mut m.transfer,
        |m| &mut m.pay,
        |m| &mut m.amend,
        |m| &mut m.draft,
        |m| &mut m.place,
    ];
    off.into_iter().filter_map(move |weight| {
        let mut mix = mix;
        (std::mem::take(weight(&mut mix)) > 0).then_some(mix)
    })
}
