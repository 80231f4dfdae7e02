//! A customer's row: its numbers, and changing them.

use super::{Orders, Step, Turn, statement};
use cutover_model::{row::ImageBuilder, server::Reply, table::RowKey};

/// The numbers of a row of `customers`: they are its last 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Cents.
    pub balance: i64,
    /// Acknowledged orders.
    pub orders_placed: u32,
    /// Updates of this row.
    pub version: u32,
}

const CUSTOMER_TAIL: usize = 16;

impl Customer {
    /// From a full row image.
    pub fn read(image: &[u8]) -> Option<Self> {
        let tail: &[u8; CUSTOMER_TAIL] = image.last_chunk()?;
        Some(Self {
            balance: i64::from_le_bytes(tail[..8].try_into().ok()?),
            orders_placed: u32::from_le_bytes(tail[8..12].try_into().ok()?),
            version: u32::from_le_bytes(tail[12..].try_into().ok()?),
        })
    }

    fn write(&self, old: &[u8], builder: &mut ImageBuilder) {
        // id, email and name stand between the null bitmap and the numbers; each is copied as it is.
        let id = &old[1..5];
        let email_end = 5 + 2 + usize::from(u16::from_le_bytes([old[5], old[6]]));
        builder.push(id);
        builder.push(&old[5..email_end]);
        builder.push(&old[email_end..old.len() - CUSTOMER_TAIL]);
        builder.push(&self.balance.to_le_bytes());
        builder.push(&self.orders_placed.to_le_bytes());
        builder.push(&self.version.to_le_bytes());
    }
}

impl Orders {
    /// Changes a customer's numbers.
    pub(super) fn edit_customer(
        &mut self,
        turn: &mut Turn<'_>,
        id: u64,
        edit: impl FnOnce(&mut Customer),
    ) -> Step {
        let (table, key) = (self.customers_table, RowKey(id));
        let locked = match turn.lock_row(table, key) {
            Ok(locked) => locked,
            Err(reply) => return Step::Reply(reply),
        };
        let image = turn.arena.row(locked.row);
        let Some(mut customer) = Customer::read(image) else {
            return Step::Reply(Reply::NoRow);
        };
        edit(&mut customer);
        customer.version += 1;
        self.builder.start(6);
        customer.write(image, &mut self.builder);
        statement(turn.update(locked, self.builder.image()))
    }
}
