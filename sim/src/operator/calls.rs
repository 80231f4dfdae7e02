//! How the operator talks to the control plane and to the servers.
//!
//! The control plane is asked with the AWS CLI in its standard retry mode, with `AWS_MAX_ATTEMPTS=10`: what is
//! throttled is tried again with a back-off that doubles up to 20 s [D `cli-configure-retries`]; another refusal is
//! an error at once; an answer that does not come within 60 s (`--cli-read-timeout`) is an error too, whatever became
//! of the call.

use super::{Failure, Operator};
use crate::{
    faults::Occasion,
    probes::Probe,
    runbook::Host,
    units::Micros,
    world::{Answers, World},
};

/// How often the CLI sends a call in all.
const CALLS: u32 = 10;
/// Its first pause, and its longest.
const BACK_OFF: (Micros, Micros) = (Micros::secs(1), Micros::secs(20));
/// How long it waits for an answer.
const READ_TIMEOUT: Micros = Micros::secs(60);
/// Pause before a server that did not answer is tried again.
const AGAIN: Micros = Micros::secs(3);

impl Operator {
    /// A call to the control plane, and what it does when it is accepted.
    pub(super) async fn call<R>(
        &mut self,
        effect: impl FnOnce(&mut World) -> Result<R, String>,
    ) -> Result<R, Failure> {
        let mut pause = BACK_OFF.0;
        for sent in 1.. {
            self.api_time().await;
            let answers = self.now_in_world().control_plane_answers();
            match answers {
                Answers::Well => break,
                Answers::Fails => {
                    return Err(Failure::Passing(
                        "InvalidDBInstanceState: the instance is not available at the moment"
                            .into(),
                    ));
                }
                Answers::TooMany if sent == CALLS => {
                    return Err(Failure::Passing(format!(
                        "Throttling: Rate exceeded (reached max retries: {})",
                        CALLS - 1
                    )));
                }
                Answers::TooMany => {
                    self.sleep(pause).await;
                    pause = Micros((2 * pause.0).min(BACK_OFF.1.0));
                }
            }
        }
        let (result, unheard) = {
            let mut world = self.now_in_world();
            let result = effect(&mut world).map_err(Failure::Final)?;
            world.occurs(Occasion::CallTakesEffect);
            let unheard = world.loses_answer();
            if unheard {
                world.probes.reach(Probe::AnswerLost);
            }
            (result, unheard)
        };
        if unheard {
            self.sleep(READ_TIMEOUT).await;
            return Err(Failure::Unanswered(
                "Read timeout on endpoint URL: the control plane did not answer".into(),
            ));
        }
        Ok(result)
    }

    /// The time that a call to the control plane takes: what the environment says, and up to a quarter more.
    pub(super) async fn api_time(&mut self) {
        let call = self.now_in_world().control_plane().api_call.0;
        let time = call + self.random.below(call / 4 + 1);
        self.sleep(Micros(time)).await;
    }

    /// The time that a statement on a server takes. A server that cannot be reached is tried again every few
    /// seconds, until the step's time is over.
    pub(super) async fn statement(&self, host: Host) {
        loop {
            self.round_trip().await;
            if self.now_in_world().is_up(host) {
                return;
            }
            self.sleep(AGAIN).await;
        }
    }

    /// The time that a question and its answer take.
    pub(super) async fn round_trip(&self) {
        let (there_and_back, cut_off) = {
            let world = self.now_in_world();
            let cut_off = world.operator_cut_off_until().saturating_sub(world.now());
            (world.operator_round_trip_us(), cut_off)
        };
        self.sleep(Micros(there_and_back + cut_off)).await;
    }
}
