//! Ctrl-C: the first one asks to stop (what is finished gets printed), the second one stops at once.

use crate::exit::Status;
use signal_hook::{consts::SIGINT, flag};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Whether the user asked to stop.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens to Ctrl-C from now on.
    ///
    /// # Errors
    /// The system refused; Ctrl-C then ends the process as it does any other.
    pub fn listen() -> std::io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        // Registered first, so that it sees the flag as the first Ctrl-C found it.
        flag::register_conditional_shutdown(
            SIGINT,
            i32::from(Status::Interrupted.code()),
            Arc::clone(&asked),
        )?;
        flag::register(SIGINT, Arc::clone(&asked))?;
        Ok(Self(asked))
    }

    /// From now on Ctrl-C ends the process at once: for what leaves nothing half-done.
    ///
    /// # Errors
    /// As [`Interrupt::listen`].
    pub fn end_at_once() -> std::io::Result<()> {
        let always = Arc::new(AtomicBool::new(true));
        flag::register_conditional_shutdown(SIGINT, i32::from(Status::Interrupted.code()), always)?;
        Ok(())
    }

    /// Whether Ctrl-C came.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
impl Interrupt {
    /// As after Ctrl-C.
    pub fn that_came() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ctrl_c_is_noted_and_the_process_lives_on() {
        let interrupt = Interrupt::listen().unwrap();
        assert!(!interrupt.asked());
        signal_hook::low_level::raise(SIGINT).unwrap();
        assert!(interrupt.asked());
    }
}
