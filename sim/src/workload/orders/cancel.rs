//! Cancelling an order: its row is deleted, and its lines go by cascade.

use super::{Intent, Orders, Step, Turn, statement};
use cutover_model::table::RowKey;

impl Orders {
    pub(super) fn cancel(&mut self, turn: &mut Turn<'_>, step: u64, intent: &Intent) -> Step {
        match step {
            0 => statement(turn.delete(self.orders_table, RowKey(intent.order))),
            _ => Step::Reply(turn.commit()),
        }
    }
}
