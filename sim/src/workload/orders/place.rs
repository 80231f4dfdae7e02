//! Placing an order: its row, one to four lines, the customer's counter. Rolled back, it leaves nothing but
//! gaps in the ids. A draft is the row alone.

use super::{Intent, Orders, Step, Turn, statement};

/// Columns of `orders` when the shop is founded.
const COLUMNS: usize = 6;

impl Orders {
    pub(super) fn place(&mut self, turn: &mut Turn<'_>, step: u64, intent: &mut Intent) -> Step {
        match step {
            n if n <= intent.lines => self.insert_whole(turn, n, intent),
            n if n == intent.lines + 1 => {
                self.edit_customer(turn, intent.customer, |c| c.orders_placed += 1)
            }
            n => self.write_side(turn, n - intent.lines - 2, intent),
        }
    }

    pub(super) fn roll_back(
        &mut self,
        turn: &mut Turn<'_>,
        step: u64,
        intent: &mut Intent,
    ) -> Step {
        if step <= intent.lines {
            return self.insert_whole(turn, step, intent);
        }
        turn.rollback();
        Step::Finished { seen: None }
    }

    pub(super) fn draft(&mut self, turn: &mut Turn<'_>, step: u64, intent: &mut Intent) -> Step {
        match step {
            0 => self.insert_order(turn, intent),
            n => self.write_side(turn, n - 1, intent),
        }
    }

    /// The order first, then line after line.
    fn insert_whole(&mut self, turn: &mut Turn<'_>, step: u64, intent: &mut Intent) -> Step {
        match step {
            0 => self.insert_order(turn, intent),
            line => self.insert_line(turn, intent, line),
        }
    }

    fn insert_order(&mut self, turn: &mut Turn<'_>, intent: &mut Intent) -> Step {
        let id = turn.server.next_auto_increment(self.orders_table);
        let us = turn.server.config.epoch_us + turn.now;
        // A target that was restored from before the table was created refuses the statement.
        let columns = turn.columns(self.orders_table).max(COLUMNS);
        let b = &mut self.builder;
        b.start(columns);
        b.push(&id.to_le_bytes());
        b.push(&intent.request.to_le_bytes());
        b.push(&(intent.customer as u32).to_le_bytes());
        b.push(&[1]);
        b.push(&intent.total_cents().to_le_bytes());
        b.push(&timestamp6(us));
        // What was added to the table meanwhile may be NULL.
        (COLUMNS..columns).for_each(|_| b.push_null());
        intent.order = id;
        statement(turn.insert(self.orders_table, b.image()))
    }

    fn insert_line(&mut self, turn: &mut Turn<'_>, intent: &Intent, line: u64) -> Step {
        let id = turn.server.next_auto_increment(self.lines_table);
        let sku = intent.sku(line);
        let mut sku_text = *b"\x08SKU00000";
        for (place, digit) in [(8, 1), (7, 10), (6, 100)] {
            sku_text[place] = b'0' + (sku / digit % 10) as u8;
        }
        let b = &mut self.builder;
        b.start(6);
        b.push(&id.to_le_bytes());
        b.push(&intent.order.to_le_bytes());
        b.push(&[line as u8]);
        b.push(&sku_text);
        b.push(&(1 + (sku % 9) as u32).to_le_bytes());
        b.push(&(100 + (sku * 7) as u32).to_le_bytes());
        statement(turn.insert(self.lines_table, b.image()))
    }
}

/// TIMESTAMP(6): seconds big-endian, then microseconds big-endian in 3 bytes.
fn timestamp6(us: u64) -> [u8; 7] {
    let mut raw = [0; 7];
    raw[..4].copy_from_slice(&((us / 1_000_000) as u32).to_be_bytes());
    raw[4..].copy_from_slice(&((us % 1_000_000) as u32).to_be_bytes()[1..]);
    raw
}
