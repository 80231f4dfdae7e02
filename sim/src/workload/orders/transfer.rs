//! Money from one customer to another: the sum of all balances never changes.

use super::{Intent, Orders, Step, Turn};

impl Orders {
    pub(super) fn transfer(&mut self, turn: &mut Turn<'_>, step: u64, intent: &Intent) -> Step {
        let amount = intent.amount as i64;
        match step {
            0 => self.edit_customer(turn, intent.customer, |c| c.balance -= amount),
            1 => self.edit_customer(turn, intent.other, |c| c.balance += amount),
            _ => Step::Reply(turn.commit()),
        }
    }
}
