//! Threads that run seeds: as many as were asked for, each used again and again, and watched.
//!
//! A run is a function of its plan, on any thread and after any other run (the check of determinism runs its plans on
//! threads that are used again). A thread whose run does not end cannot be stopped: it is left to itself, and another
//! takes its place.

use super::{record::Record, runner::Runner, steer::Bias, swarm::Swarm};
use crate::run::RunError;
use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::{Duration, Instant},
};

/// As much as a main thread has.
const STACK_BYTES: usize = 8 << 20;

/// What a worker tells.
pub(super) enum Told {
    /// A run has ended.
    Ended(Box<Record>),
    /// A plan could not be run at all.
    Refused(RunError),
    /// A run has ended its thread.
    Died(u64),
}

/// What the seeds of a round are drawn with.
pub(super) struct Round {
    /// Draws the plans.
    pub swarm: Swarm,
    /// What the round looks for.
    pub bias: Bias,
}

/// The threads.
pub(super) struct Pool {
    queue: Arc<Queue>,
    runner: Arc<Runner>,
    workers: Vec<Arc<Worker>>,
    tell: Sender<Told>,
    told: Receiver<Told>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    seeds: VecDeque<u64>,
    round: Option<Arc<Round>>,
    closed: bool,
}

/// What a thread is doing.
#[derive(Default)]
struct Worker(Mutex<Doing>);

#[derive(Default)]
struct Doing {
    seed: Option<(u64, Instant)>,
    left_alone: bool,
}

/// What a panic elsewhere leaves behind a lock is whole: nothing here is changed in steps.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the watchdog looks at the clock on the wall; no run sees it"
)]
fn wall() -> Instant {
    Instant::now()
}

impl Pool {
    /// So many threads.
    ///
    /// # Errors
    /// When the system has no thread.
    pub fn new(jobs: usize, runner: Runner) -> io::Result<Self> {
        let (tell, told) = mpsc::channel();
        let mut pool = Self {
            queue: Arc::default(),
            runner: Arc::new(runner),
            workers: Vec::new(),
            tell,
            told,
        };
        for _ in 0..jobs.max(1) {
            let worker = pool.start()?;
            pool.workers.push(worker);
        }
        Ok(pool)
    }

    fn start(&self) -> io::Result<Arc<Worker>> {
        let worker = Arc::new(Worker::default());
        let (queue, runner) = (Arc::clone(&self.queue), Arc::clone(&self.runner));
        let (doing, tell) = (Arc::clone(&worker), self.tell.clone());
        thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(move || work(&queue, &runner, &doing, &tell))?;
        Ok(worker)
    }

    /// Hands out the seeds of a round.
    pub fn run(&self, round: Round, seeds: impl Iterator<Item = u64>) {
        let mut waiting = locked(&self.queue.state);
        waiting.round = Some(Arc::new(round));
        waiting.seeds.extend(seeds);
        self.queue.changed.notify_all();
    }

    /// The next thing that a worker tells, when it tells something within the time.
    pub fn next(&self, wait: Duration) -> Option<Told> {
        // The channel cannot be closed: this end holds a sender.
        self.told.recv_timeout(wait).ok()
    }

    /// The seeds that have been running for longer than this; their threads are replaced.
    ///
    /// # Errors
    /// When the system has no thread.
    pub fn hung(&mut self, limit: Duration) -> io::Result<Vec<u64>> {
        let mut hung = Vec::new();
        for n in 0..self.workers.len() {
            let mut doing = locked(&self.workers[n].0);
            if let Some((seed, since)) = doing.seed
                && since.elapsed() > limit
            {
                doing.left_alone = true;
                hung.push(seed);
                drop(doing);
                self.workers[n] = self.start()?;
            }
        }
        Ok(hung)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut waiting = locked(&self.queue.state);
        waiting.seeds.clear();
        waiting.closed = true;
        self.queue.changed.notify_all();
    }
}

impl Queue {
    /// The next seed; none when there will be none.
    fn next(&self) -> Option<(u64, Arc<Round>)> {
        let mut waiting = locked(&self.state);
        loop {
            if let (Some(seed), Some(round)) = (waiting.seeds.pop_front(), waiting.round.clone()) {
                return Some((seed, round));
            }
            if waiting.closed {
                return None;
            }
            let changed = self.changed.wait(waiting);
            waiting = changed.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn work(queue: &Queue, runner: &Runner, worker: &Worker, tell: &Sender<Told>) {
    while let Some((seed, round)) = queue.next() {
        locked(&worker.0).seed = Some((seed, wall()));
        let dies = Dies(seed, tell);
        let plan = Arc::new(round.swarm.plan(seed, &round.bias));
        let told = match runner.seed(&plan) {
            Ok(record) => Told::Ended(Box::new(record)),
            Err(error) => Told::Refused(error),
        };
        drop(dies);
        let mut doing = locked(&worker.0);
        doing.seed = None;
        // Somebody else has its place, and its seed was given up.
        if doing.left_alone || tell.send(told).is_err() {
            return;
        }
    }
}

/// Tells of a run that ends its thread.
struct Dies<'a>(u64, &'a Sender<Told>);

impl Drop for Dies<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            // Nobody listens any more after the end of a sweep.
            let _ = self.1.send(Told::Died(self.0));
        }
    }
}
