//! Every kind of fault does what it says, and what a strategy makes of it: the sound ones survive contract faults, a
//! hazard is caught and named.

mod control_plane;
mod links;
mod names;
mod operator;
mod source;
mod support;
mod target;
mod traffic;
mod two_phases;
mod writers;
