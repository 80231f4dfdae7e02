//! `cutover check`: every check has a case that passes and one that does not, and a fail that claims that no run is
//! safe is held against runs.

mod cases;
mod command;
mod one_check;
mod plans;
mod random;
mod runbooks;
