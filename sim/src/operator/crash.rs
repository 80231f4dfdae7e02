//! The operator's machine may be lost at any moment: what was under way is dropped there and then.

use super::{Failure, Operator, now_us};
use crate::{probes::Probe, runbook::Step, units::Micros, world::World};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
};

/// The operator's machine was lost in the middle of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost;

impl Operator {
    /// Takes a step, until the machine is lost.
    pub(super) async fn take_unless_lost(
        &mut self,
        step: &Step,
    ) -> Result<Result<(), Failure>, Lost> {
        let (world, seen) = (Arc::clone(&self.world), self.losses);
        let mut work = pin!(self.take(step));
        // The fault fires inside the world, which is looked at before the step goes on, and after it: so nothing is
        // done that comes later than the loss, and what ties with it is not heard of.
        poll_fn(move |context| {
            if losses(&world) != seen {
                return Poll::Ready(Err(Lost));
            }
            let polled = work.as_mut().poll(context);
            match losses(&world) == seen {
                true => polled.map(Ok),
                false => Poll::Ready(Err(Lost)),
            }
        })
        .await
    }

    /// Comes back, with nothing but the journal.
    pub(super) async fn come_back(&mut self) {
        loop {
            let (losses, away) = {
                let world = self.now_in_world();
                let away = world.operator_back_us().saturating_sub(world.now());
                (world.operator_losses(), away)
            };
            self.losses = losses;
            if away == 0 {
                break;
            }
            self.sleep(Micros(away)).await;
        }
        {
            let mut world = self.now_in_world();
            if world.marks.fence.is_some() && world.marks.gate.is_none() {
                world.probes.reach(Probe::OperatorBackBeforeGate);
            }
        }
        let place = match self.journal.is_under_way() {
            true => "a step was under way, and nobody wrote down that it was done",
            false => "the last step that was begun was done",
        };
        self.tell(
            format!("is back, and reads the journal: {place}"),
            Vec::new(),
        );
    }
}

/// How often the operator's machine has been lost by now.
fn losses(world: &Mutex<Box<World>>) -> u32 {
    let mut world = world
        .lock()
        .expect("one thread runs everything; a panic has ended the run");
    world.advance_to(now_us());
    world.operator_losses()
}
