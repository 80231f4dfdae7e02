//! Ctrl-C, and what else asks a program to end (SIGTERM, a terminal that was closed).
//!
//! Where nothing can be left half-done, it ends the process at once. While something is held ([`Interrupt::hold`])
//! the first one asks to stop (what is finished gets printed, temporary files are taken away), and the second one
//! stops at once.

use crate::exit::Status;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Whether the user asked to stop.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
    at_once: Arc<AtomicBool>,
}

/// While it lives, the first Ctrl-C only asks.
#[derive(Debug)]
pub struct Held<'a>(&'a Interrupt);

impl Interrupt {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system refused; Ctrl-C then ends the process as it does any other.
    pub fn listen() -> std::io::Result<Self> {
        let interrupt = Self::default();
        interrupt.at_once.store(true, Ordering::SeqCst);
        let status = i32::from(Status::Interrupted.code());
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: the first Ctrl-C must not find its own trace.
            for end in [&interrupt.at_once, &interrupt.asked] {
                flag::register_conditional_shutdown(signal, status, Arc::clone(end))?;
            }
            flag::register(signal, Arc::clone(&interrupt.asked))?;
        }
        Ok(interrupt)
    }

    /// From now on, and as long as the result lives, Ctrl-C asks before it ends the process.
    pub fn hold(&self) -> Held<'_> {
        self.at_once.store(false, Ordering::SeqCst);
        Held(self)
    }

    /// Whether Ctrl-C came.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.at_once.store(true, Ordering::SeqCst);
    }
}

#[cfg(test)]
impl Interrupt {
    /// As after Ctrl-C.
    pub fn that_came() -> Self {
        let interrupt = Self::default();
        interrupt.asked.store(true, Ordering::SeqCst);
        interrupt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_something_is_held_the_first_ctrl_c_is_noted_and_the_process_lives_on() {
        let interrupt = Interrupt::listen().unwrap();
        let _held = interrupt.hold();
        assert!(!interrupt.asked());
        signal_hook::low_level::raise(SIGTERM).unwrap();
        assert!(interrupt.asked());
    }
}
