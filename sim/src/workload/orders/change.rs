//! Changing an order that is there: paying it, or amending its total. One column of one row.

use super::{Intent, Orders, Step, Turn, schema::order, statement};
use cutover_model::table::RowKey;

/// `status` of an order that is paid.
const PAID: [u8; 1] = [2];

impl Orders {
    pub(super) fn pay(&mut self, turn: &mut Turn<'_>, step: u64, intent: &Intent) -> Step {
        match step {
            0 => self.set_column(turn, intent.order, order::STATUS, &PAID),
            n => self.change_side(turn, n - 1, intent),
        }
    }

    pub(super) fn amend(&mut self, turn: &mut Turn<'_>, step: u64, intent: &Intent) -> Step {
        let total = intent.total_cents().to_le_bytes();
        match step {
            0 => self.set_column(turn, intent.order, order::TOTAL_CENTS, &total),
            n => self.change_side(turn, n - 1, intent),
        }
    }

    /// What has the value already is not written.
    fn set_column(&mut self, turn: &mut Turn<'_>, id: u64, column: usize, raw: &[u8]) -> Step {
        let (table, key) = (self.orders_table, RowKey(id));
        let locked = match turn.lock_row(table, key) {
            Ok(locked) => locked,
            Err(reply) => return Step::Reply(reply),
        };
        let stored = turn.server.database.table(table);
        let stored = stored.expect("the shop's tables stay");
        let image = turn.arena.row(locked.row);
        let place = stored.place(image, column);
        self.builder
            .replace(&stored.def().columns, image, (column, place), raw);
        if self.builder.image() == image {
            return Step::Next;
        }
        statement(turn.update(locked, self.builder.image()))
    }
}
