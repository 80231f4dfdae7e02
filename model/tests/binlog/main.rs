//! The binlog against files of real servers, against mysql_common, and against damage.

mod captures;
#[path = "../../src/cases.rs"]
mod cases;
mod damage;
mod encode;
mod lengths;
mod log;
mod support;
mod verification;
