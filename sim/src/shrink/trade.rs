//! Fewer transactions, made up for elsewhere. With one transaction less the fault may come too late or be too weak, or
//! chance falls out otherwise: leaving it out does not show the failure any more, though there is a smaller plan that
//! does. So parts of the transactions are left out *together with* one other change. Their number gets smaller with
//! each such step; what the change made worse is made simpler again afterwards.

use super::{
    Enough, Shrinking,
    faults::{stronger, tied},
    part,
    traffic::doing,
};
use crate::{
    faults::Occasion,
    plan::{Plan, Streams},
    units::Micros,
};

/// What narrow windows open and close with: a transaction on its way, stage after stage.
const STAGES: [Occasion; 6] = [
    Occasion::CommitSent,
    Occasion::SourcePublishes,
    Occasion::SourceCommits,
    Occasion::BinlogSent,
    Occasion::BinlogReceived,
    Occasion::TargetApplies,
];
/// How long after them a fault is tried: at once, and when something else has had its time.
const AFTER: [Micros; 3] = [Micros::ZERO, Micros::ms(1), Micros::ms(100)];
/// Other random streams that each part is tried with, and plans with other streams that all parts of a size may take.
const MOST_CHANCES: usize = 128;
const MOST_BY_CHANCE: usize = 1_024;

impl Shrinking<'_> {
    pub(super) fn fewer_transactions_for_another_change(&mut self) -> Result<bool, Enough> {
        let transactions = self.best.plan.workload.transactions.clone();
        if transactions.len() < 2 {
            return Ok(false);
        }
        let changed = self.with_another_fault();
        let most = transactions.len().min(self.cut.traded);
        let mut parts = 2;
        loop {
            let choices = if parts == 2 { 2 } else { 2 * parts };
            let chances = MOST_CHANCES.min(MOST_BY_CHANCE / choices);
            let found = self.take_first(choices * (changed.len() + chances), |plan, i| {
                let kept = part(&transactions, parts, i % choices);
                match changed.get(i / choices) {
                    Some(changed) => Some(doing(changed, &kept)),
                    None => Some(Plan {
                        streams: Streams::of((i / choices - changed.len()) as u64),
                        ..doing(plan, &kept)
                    }),
                }
            })?;
            if found.is_some() {
                return Ok(true);
            }
            if parts == most {
                return Ok(false);
            }
            parts = (2 * parts).min(most);
        }
    }

    /// The plan with one of its faults at another moment, or stronger.
    fn with_another_fault(&self) -> Vec<Plan> {
        let mut occasions = self.occasions.clone();
        occasions.extend(STAGES.iter().filter(|o| !self.occasions.contains(o)));
        let mut all = Vec::new();
        for (i, fault) in self.best.plan.faults.iter().enumerate() {
            for other in tied(fault, &occasions, &AFTER).chain(stronger(fault)) {
                let mut plan = doing(&self.best.plan, &[]);
                plan.faults[i] = other;
                all.push(plan);
            }
        }
        all
    }
}
