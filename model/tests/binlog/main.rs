//! The binlog against files of real servers, against mysql_common, and against damage.

mod captures;
mod damage;
mod encode;
mod log;
mod support;
mod verification;
mod written;
