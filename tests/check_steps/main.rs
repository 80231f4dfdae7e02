//! `cutover check` follows the state through the steps: runbooks in which a step is dropped, moved or turned round, and what
//! runs say of them.

mod back;
mod changes;
mod over;
mod random;
