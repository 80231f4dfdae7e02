//! A sweep as a pure state machine: rounds of seeds go out, their records come back, and are merged in the order of
//! the seeds. Who runs them, how many at a time and with how many interruptions, it does not see.

use super::{
    Options,
    groups::{CalledOffs, Groups},
    record::{End, Record},
    report::Report,
    steer::Bias,
    swarm::Swarm,
};
use crate::{
    outcome::Verdict,
    plan::{Plan, Recorded},
    probes::{CATALOGUE, Probe},
};
use std::{collections::BTreeMap, ops::Range};

/// Seeds of a round. Part of what a sweep finds: another number would steer otherwise.
pub const ROUND: u64 = 256;

/// Counts over the seeds that are merged.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Plans by verdict.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// For each probe of the catalogue, the plans that reached it, and how often in all.
    pub probes: Vec<(u64, u64)>,
    /// For each kind of fault that fired, by key: plans, and those that failed and were called off among them.
    pub fired: BTreeMap<String, (u64, u64, u64)>,
    /// For each kind of fault whose firing broke an assumption, by key: the assumption, the plans, and those that
    /// failed and were called off among them.
    pub broke: BTreeMap<String, (String, u64, u64, u64)>,
    /// Plans that came to what the scenario expects, and failures that it does not expect.
    pub as_expected: u64,
    pub unexpected: u64,
    /// Plans without any fault that fired.
    pub calm: u64,
    /// The failures.
    pub groups: Groups,
    /// The migrations that were called off.
    pub called_off: CalledOffs,
    /// Seeds whose runs did not end.
    pub hung: Vec<(u64, usize)>,
}

/// A sweep.
#[derive(Clone, Debug)]
pub struct Sweep {
    swarm: Swarm,
    options: Options,
    /// The bias of each round that is merged, and of the next one.
    biases: Vec<Bias>,
    tally: Tally,
}

impl Sweep {
    /// Over the plans that the swarm draws from a base plan.
    pub fn new(base: &Plan, options: Options) -> Self {
        let swarm = Swarm::new(base, &options.faults, options.most_faults);
        Self {
            swarm,
            options,
            biases: vec![Bias::none()],
            tally: Tally::default(),
        }
    }

    /// What draws the plans.
    pub fn swarm(&self) -> &Swarm {
        &self.swarm
    }

    /// What the sweep was asked for.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Which round is next, from 0.
    pub fn round(&self) -> usize {
        self.biases.len() - 1
    }

    /// The bias of the next round.
    pub fn bias(&self) -> &Bias {
        &self.biases[self.round()]
    }

    /// The seeds of the next round; none when all are merged.
    pub fn seeds(&self) -> Range<u64> {
        let all = &self.options.seeds;
        let begin = all
            .start
            .saturating_add(self.round() as u64 * ROUND)
            .min(all.end);
        begin..begin.saturating_add(ROUND).min(all.end)
    }

    /// Takes the records of the next round, all of them and in the order of the seeds.
    pub fn merge(&mut self, records: &[Record]) {
        let round = self.round();
        for record in records {
            self.tally.add(record, round);
        }
        let bias = match self.options.steer {
            true => self.next_bias(),
            false => Bias::none(),
        };
        self.biases.push(bias);
    }

    fn next_bias(&self) -> Bias {
        let reachable = self.reachable();
        let reached: Vec<(Probe, u64)> = reachable
            .into_iter()
            .map(|probe| (probe, self.tally.reached(probe).0))
            .collect();
        Bias::towards(&reached, self.tally.judged())
    }

    /// The probes that a run of the sweep could reach.
    pub fn reachable(&self) -> Vec<Probe> {
        let kinds = self.swarm.kinds();
        let all = CATALOGUE.iter().map(|(probe, ..)| *probe);
        all.filter(|probe| probe.is_reachable(self.swarm.base(), &kinds))
            .collect()
    }

    /// What was found, in all merged rounds and in these records of the next one.
    pub fn report(&self, unmerged: &[Record]) -> Report {
        let mut tally = self.tally.clone();
        for record in unmerged {
            tally.add(record, self.round());
        }
        Report::of(self, &tally)
    }

    /// The plan of a seed that was drawn in a round. With the fingerprint that its run had.
    pub fn plan(&self, seed: u64, round: usize, fingerprint: Option<&str>) -> Plan {
        let mut plan = self.swarm.plan(seed, &self.biases[round]);
        plan.recorded = fingerprint.map(|fingerprint| Recorded {
            version: self.options.version.clone(),
            fingerprint: fingerprint.into(),
        });
        plan
    }
}

impl Tally {
    fn add(&mut self, record: &Record, round: usize) {
        let judged = match &record.end {
            End::Judged(judged) => judged,
            End::Hung => {
                self.hung.push((record.seed, round));
                return;
            }
        };
        *self.verdicts.entry(judged.verdict).or_insert(0) += 1;
        self.probes.resize(CATALOGUE.len(), (0, 0));
        for (name, count) in &judged.probes {
            if let Some(probe) = Probe::of_name(name) {
                let (plans, times) = &mut self.probes[probe as usize];
                *plans += 1;
                *times += u64::from(*count);
            }
        }
        for kind in &judged.fired {
            let (plans, failed, aborted) = self.fired.entry(kind.clone()).or_default();
            *plans += 1;
            *failed += u64::from(judged.failure.is_some());
            *aborted += u64::from(judged.verdict == Verdict::Aborted);
        }
        for (kind, assumption) in &judged.broke {
            let (_, plans, failed, aborted) = self
                .broke
                .entry(kind.clone())
                .or_insert_with(|| (assumption.clone(), 0, 0, 0));
            *plans += 1;
            *failed += u64::from(judged.failure.is_some());
            *aborted += u64::from(judged.verdict == Verdict::Aborted);
        }
        self.as_expected += u64::from(judged.as_expected);
        self.unexpected += u64::from(judged.failure.is_some() && !judged.as_expected);
        self.calm += u64::from(judged.fired.is_empty());
        self.groups.add(record.seed, round, judged);
        self.called_off.add(record.seed, round, judged);
    }

    /// Plans that were judged.
    pub fn judged(&self) -> u64 {
        self.verdicts.values().sum()
    }

    /// The plans that reached a probe, and how often in all.
    pub fn reached(&self, probe: Probe) -> (u64, u64) {
        let counts = self.probes.get(probe as usize);
        counts.copied().unwrap_or_default()
    }
}
