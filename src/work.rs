//! Runs side by side: one fresh thread each (what a run leaves behind in a thread must not reach the next
//! one), as many at a time as there are cores, results in the order of the jobs whichever ends first.

use crate::{defect, failure::Failure, interrupt::Interrupt, progress::Progress};
use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// How often the main thread looks up from waiting: for Ctrl-C and the progress display.
pub const LOOK_UP: Duration = Duration::from_millis(50);

/// As much as a main thread has.
pub const STACK_BYTES: usize = 8 << 20;

/// How many can be done at a time.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Something to be done on a thread of its own.
pub struct Job<T> {
    /// What a report of a defect says.
    pub name: String,
    /// The work.
    pub work: Box<dyn FnOnce() -> T + Send>,
}

/// Does all jobs, each of which is asked for when its turn comes. After Ctrl-C the results that are not there yet
/// are `None`, or missing at the end; the threads that are still at
/// work are left to themselves, because the process is about to end.
///
/// # Errors
/// [`Failure::Thread`] when the system has no threads, [`Failure::Defect`] when one ended without a result.
pub fn all<T: Send + 'static>(
    jobs: impl IntoIterator<Item = Job<T>>,
    interrupt: &Interrupt,
    mut progress: Progress,
) -> Result<Vec<Option<T>>, Failure> {
    let at_a_time = cores();
    let _held = interrupt.hold();
    let mut results: Vec<Option<T>> = Vec::new();
    let mut waiting = jobs.into_iter().enumerate();
    let (report, reports) = mpsc::channel();
    let mut start_next = || -> Result<bool, Failure> {
        let Some((index, job)) = waiting.next() else {
            return Ok(false);
        };
        let report = report.clone();
        thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(move || {
                defect::doing(&job.name);
                let done = Done(index, report, None);
                done.with((job.work)());
            })
            .map_err(Failure::Thread)?;
        Ok(true)
    };
    let mut at_work = 0usize;
    while at_work < at_a_time && start_next()? {
        at_work += 1;
    }
    while at_work > 0 && !interrupt.asked() {
        match reports.recv_timeout(LOOK_UP) {
            Ok((index, Some(result))) => {
                if results.len() <= index {
                    results.resize_with(index + 1, || None);
                }
                results[index] = Some(result);
                progress.done_one();
                if !start_next()? {
                    at_work -= 1;
                }
            }
            Ok((_, None)) | Err(RecvTimeoutError::Disconnected) => return Err(Failure::Defect),
            Err(RecvTimeoutError::Timeout) => {}
        }
        progress.look();
    }
    Ok(results)
}

/// Tells the main thread that a job has ended, also when it ended by a panic.
struct Done<T>(usize, mpsc::Sender<(usize, Option<T>)>, Option<T>);

impl<T> Done<T> {
    fn with(mut self, result: T) {
        self.2 = Some(result);
    }
}

impl<T> Drop for Done<T> {
    fn drop(&mut self) {
        // The receiver is gone after Ctrl-C.
        let _ = self.1.send((self.0, self.2.take()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job<T>(work: impl FnOnce() -> T + Send + 'static) -> Job<T> {
        Job {
            name: "test".into(),
            work: Box::new(work),
        }
    }

    #[test]
    fn results_stand_in_the_order_of_the_jobs_not_of_their_ends() {
        // The first job takes longer than all the others, which another core does meanwhile.
        let jobs = (0..40).map(|i| {
            job(move || {
                if i == 0 {
                    thread::sleep(Duration::from_millis(100));
                }
                i
            })
        });
        let results: Vec<_> = all(jobs, &Interrupt::default(), Progress::hidden())
            .unwrap()
            .into_iter()
            .map(Option::unwrap)
            .collect();
        assert_eq!(results, (0..40).collect::<Vec<_>>());
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "ids of threads are what it is about"
    )]
    fn every_job_has_a_fresh_thread() {
        let jobs = (0..20)
            .map(|_| job(|| thread::current().id()))
            .collect::<Vec<_>>();
        let mut ids: Vec<_> = all(jobs, &Interrupt::default(), Progress::hidden())
            .unwrap()
            .into_iter()
            .map(|id| format!("{:?}", id.unwrap()))
            .collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 20);
    }

    #[test]
    fn ctrl_c_waits_for_no_run() {
        let (never, hold) = mpsc::channel::<()>();
        let jobs = vec![job(move || hold.recv().is_ok())];
        let results = all(jobs, &Interrupt::that_came(), Progress::hidden()).unwrap();
        assert!(results.is_empty(), "{results:?}");
        drop(never);
    }

    #[test]
    fn a_job_that_panics_is_a_defect_and_not_a_hang() {
        let results = all(
            vec![job(|| -> u8 { panic!("on purpose") })],
            &Interrupt::default(),
            Progress::hidden(),
        );
        assert!(matches!(results, Err(Failure::Defect)));
    }
}
