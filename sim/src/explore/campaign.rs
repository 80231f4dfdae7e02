//! A campaign: a sweep that is run, on all cores, with a journal, under a watchdog.

use super::{
    Options,
    journal::{Header, Journal, JournalError},
    record::{End, Record},
    report::Report,
    runner::Runner,
    sweep::Sweep,
    workers::{Pool, Round, Told},
};
use crate::{plan::Plan, run::RunError};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    time::Duration,
};

/// The report's name in the folder.
const REPORT: &str = "report.json";

/// How a sweep is run. Nothing that is found depends on it.
#[derive(Clone, Debug)]
pub struct How {
    /// Seeds that run at a time.
    pub jobs: usize,
    /// A seed that takes longer than this, on the wall's clock, is given up.
    pub seed_timeout: Duration,
    /// Where the journal, the plans and the report go; none: nowhere.
    pub folder: Option<PathBuf>,
}

/// Why a sweep cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExploreError {
    /// Its plans cannot be run at all.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Its folder cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The base plan cannot be written as TOML.
    #[error("this plan cannot be written as TOML: {0}")]
    Plan(#[from] toml::ser::Error),
    /// The system has no thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// A run has ended its thread: a defect of cutover.
    #[error("the run of seed {0} ended by a panic: a defect of cutover")]
    Died(u64),
}

/// How far a campaign is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Seeds that have ended.
    pub ended: u64,
    /// Failures among them that the report has by now, as groups.
    pub findings: usize,
    /// Whether that were all.
    pub done: bool,
}

/// A sweep that is being run.
pub struct Campaign {
    sweep: Sweep,
    pool: Pool,
    seed_timeout: Duration,
    journal: Option<Journal>,
    /// What the journal had at the beginning, of rounds that have not begun.
    known: BTreeMap<u64, Record>,
    /// Seeds of the round that are out.
    out: BTreeSet<u64>,
    /// Records of the round.
    ended: BTreeMap<u64, Record>,
    findings: usize,
    done: bool,
}

impl std::fmt::Debug for Campaign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Campaign");
        debug
            .field("round", &self.sweep.round())
            .field("out", &self.out);
        debug.finish_non_exhaustive()
    }
}

impl Campaign {
    /// A sweep over plans that a swarm draws from a base plan. `runner` runs each of them.
    ///
    /// # Errors
    /// [`ExploreError`] when the base plan cannot be run, or the folder cannot be used.
    pub fn new(
        base: &Plan,
        options: Options,
        runner: Runner,
        how: &How,
    ) -> Result<Self, ExploreError> {
        let (mut journal, mut known) = (None, BTreeMap::new());
        if let Some(folder) = &how.folder {
            let first = base.of_seed(options.seeds.start);
            let fingerprint = runner.fingerprint(&first)?;
            let header = Header::new(&options, fingerprint, first.to_toml()?);
            let (opened, records) = Journal::open(folder, &header)?;
            (journal, known) = (Some(opened), records);
        }
        let mut campaign = Self {
            sweep: Sweep::new(base, options),
            pool: Pool::new(how.jobs, runner).map_err(ExploreError::Thread)?,
            seed_timeout: how.seed_timeout,
            journal,
            known,
            out: BTreeSet::new(),
            ended: BTreeMap::new(),
            findings: 0,
            done: false,
        };
        campaign.next_round()?;
        Ok(campaign)
    }

    /// Waits for a seed to end, but no longer than this.
    ///
    /// # Errors
    /// [`ExploreError`]; what had ended before is in the journal.
    pub fn look(&mut self, wait: Duration) -> Result<Seen, ExploreError> {
        let mut told = match self.done {
            true => None,
            false => self.pool.next(wait),
        };
        while let Some(one) = told {
            match one {
                Told::Ended(record) => self.ended(*record)?,
                Told::Refused(error) => return Err(error.into()),
                Told::Died(seed) => return Err(ExploreError::Died(seed)),
            }
            told = self.pool.next(Duration::ZERO);
        }
        let hung = self
            .pool
            .hung(self.seed_timeout)
            .map_err(ExploreError::Thread)?;
        for seed in hung {
            self.ended(Record {
                seed,
                end: End::Hung,
            })?;
        }
        if self.out.is_empty() && !self.done {
            self.next_round()?;
        }
        Ok(self.seen())
    }

    fn seen(&self) -> Seen {
        let merged = self.sweep.seeds().start - self.sweep.options().seeds.start;
        Seen {
            ended: merged + self.ended.len() as u64,
            findings: self.findings,
            done: self.done,
        }
    }

    /// What was found so far.
    pub fn report(&self) -> Report {
        let unmerged: Vec<Record> = self.ended.values().cloned().collect();
        self.sweep.report(&unmerged)
    }

    /// The sweep that is run.
    pub fn sweep(&self) -> &Sweep {
        &self.sweep
    }

    fn ended(&mut self, record: Record) -> Result<(), ExploreError> {
        if self.out.remove(&record.seed) {
            if let Some(journal) = &mut self.journal {
                journal.add(&record)?;
            }
            self.ended.insert(record.seed, record);
        }
        Ok(())
    }

    /// Merges the round that has ended, and begins the next one that is not in the journal as a whole.
    fn next_round(&mut self) -> Result<(), ExploreError> {
        loop {
            if !self.ended.is_empty() {
                let records: Vec<Record> = std::mem::take(&mut self.ended).into_values().collect();
                self.sweep.merge(&records);
                self.keep(false)?;
            }
            let seeds = self.sweep.seeds();
            if seeds.is_empty() {
                self.done = true;
                return self.keep(true);
            }
            for seed in seeds {
                match self.known.remove(&seed) {
                    Some(record) => drop(self.ended.insert(seed, record)),
                    None => drop(self.out.insert(seed)),
                }
            }
            if !self.out.is_empty() {
                let round = Round {
                    swarm: self.sweep.swarm().clone(),
                    bias: self.sweep.bias().clone(),
                };
                self.pool.run(round, self.out.iter().copied());
                return Ok(());
            }
        }
    }

    /// Writes down what was found; at the end, all of it.
    fn keep(&mut self, all: bool) -> Result<(), ExploreError> {
        let report = self.report();
        let news = report.findings.len() + report.hung.len() != self.findings;
        self.findings = report.findings.len() + report.hung.len();
        let Some(journal) = &self.journal else {
            return Ok(());
        };
        journal.sync()?;
        if news || all {
            for (name, plan) in report.plans(&self.sweep) {
                journal.write(&format!("{name}.toml"), &plan.to_toml()?)?;
            }
        }
        if all {
            let text = serde_json::to_string_pretty(&report).map_err(io::Error::from);
            let text = text.map_err(|source| JournalError::Io {
                path: REPORT.into(),
                source,
            })?;
            journal.write(REPORT, &(text + "\n"))?;
        }
        Ok(())
    }
}
