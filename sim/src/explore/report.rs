//! What a sweep found: outcomes, findings, probes, and what it means when there are none.

use super::{
    confidence,
    groups::{Cheapest, Group, Key},
    sweep::{Sweep, Tally},
};
use crate::{
    faults::{CATALOGUE, Kind},
    outcome::{CalledOff, Verdict},
    plan::{Expect, Plan},
    probes::Probe,
    properties,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// A sweep's report. The same for one scenario, options and version, whatever ran beside what.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// The runbook's name.
    pub strategy: String,
    /// The first seed.
    pub from: u64,
    /// The seed after the last.
    pub to: u64,
    /// Whether every seed has ended.
    pub complete: bool,
    /// Plans that were run and judged.
    pub plans: u64,
    /// Of these, how many had each verdict; verdicts that none had are left out.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// Plans in which something could have gone wrong: all but those that exercised nothing.
    pub tried: u64,
    /// Where migrations were called off, in the order of the runbook's steps.
    pub called_off: Vec<CalledOffAt>,
    /// The findings: failures grouped by what they have in common, those of the strategy itself first, the others by
    /// the assumption that did not hold.
    pub findings: Vec<Finding>,
    /// Without findings: at most this share of the plans fails, with 95 % confidence, in percent.
    pub at_most_percent: Option<f64>,
    /// The probes of the catalogue.
    pub probes: Vec<ProbeReport>,
    /// Those that a run could reach, that none reached, and that are not exempt.
    pub missed: Vec<&'static str>,
    /// The kinds of faults that were drawn.
    pub faults: Vec<KindReport>,
    /// The assumptions that did not hold in some plan, by the faults that broke them.
    pub assumptions: Vec<Assumption>,
    /// What the scenario expects, where that is not *safe*.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
    /// Plans in which no fault fired.
    pub without_faults: u64,
    /// Seeds whose runs did not end within the time on the wall's clock that a seed is given.
    pub hung: Vec<u64>,
    /// What the sweep says nothing about.
    pub not_covered: Vec<String>,
    #[serde(skip)]
    hung_in: Vec<(u64, usize)>,
}

/// An assumption that did not hold in some plans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// The kind of the fault that broke it.
    pub kind: String,
    /// The assumption.
    pub assumption: String,
    /// Plans in which it did not hold.
    pub plans: u64,
    /// Of these, how many failed.
    pub failed: u64,
    /// And how many were called off.
    pub aborted: u64,
}

/// How a sweep compares with what the scenario expects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// What it expects.
    #[serde(flatten)]
    pub expect: Expect,
    /// Plans that came to just that.
    pub plans: u64,
    /// Failures that are something else.
    pub other_failures: u64,
}

impl Expected {
    /// Whether some plan shows what is expected, and none fails otherwise.
    pub fn holds(&self) -> bool {
        self.plans > 0 && self.other_failures == 0
    }

    fn of(expect: &Expect, tally: &Tally) -> Option<Self> {
        let safe = expect.verdict.unwrap_or(Verdict::Safe) == Verdict::Safe;
        (!(safe && expect.violates.is_empty())).then(|| Self {
            expect: expect.clone(),
            plans: tally.as_expected,
            other_failures: tally.unexpected,
        })
    }
}

/// Migrations that were called off at one step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalledOffAt {
    /// The name of the file that its plan is kept in.
    pub name: String,
    /// The step, and why it failed in the cheapest of them.
    #[serde(flatten)]
    pub at: CalledOff,
    /// How many plans.
    pub plans: u64,
    /// The cheapest of them.
    pub cheapest: Cheapest,
}

/// A group of failures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Its name, and that of the file that its plan is kept in.
    pub name: String,
    /// What failed, by id and name; none of a migration that is not live.
    pub property: Option<String>,
    /// The property's sentence, or what not live means.
    pub says: &'static str,
    /// Where the first write that is explained got lost.
    pub stage: Option<String>,
    /// The step of the runbook that was under way then.
    pub during: Option<String>,
    /// The assumptions that were broken; none when the strategy itself failed, under faults that it promises to
    /// survive.
    pub broke: BTreeMap<String, String>,
    /// How many plans.
    pub plans: u64,
    /// The cheapest of them.
    pub cheapest: Cheapest,
}

/// A probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeReport {
    /// Its name.
    pub probe: &'static str,
    /// Plans that reached it.
    pub plans: u64,
    /// How often, in all plans.
    pub times: u64,
    /// Whether a run of this sweep could reach it.
    pub reachable: bool,
    /// Why nobody asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exempt: Option<String>,
}

/// A kind of fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KindReport {
    /// Its key.
    pub kind: &'static str,
    /// Plans in which it fired.
    pub plans: u64,
    /// Of these, how many failed.
    pub failed: u64,
    /// And how many were called off.
    pub aborted: u64,
}

impl Report {
    pub(super) fn of(sweep: &Sweep, tally: &Tally) -> Self {
        let (options, base) = (sweep.options(), sweep.swarm().base());
        let (plans, kinds) = (tally.judged(), sweep.swarm().kinds());
        let unknown = tally.verdicts.get(&Verdict::Unknown).copied();
        let tried = plans - unknown.unwrap_or(0);
        let groups = tally.groups.all().into_iter();
        let findings: Vec<Finding> = groups.map(finding).collect();
        let reachable = sweep.reachable();
        let probes: Vec<ProbeReport> = crate::probes::CATALOGUE
            .iter()
            .map(|(probe, name, _)| {
                let (plans, times) = tally.reached(*probe);
                let exempt = options.exempt.iter().find(|e| e.probe == *name);
                ProbeReport {
                    probe: name,
                    plans,
                    times,
                    reachable: reachable.contains(probe),
                    exempt: exempt.map(|e| e.because.clone()),
                }
            })
            .collect();
        let is_missed = |p: &&ProbeReport| p.reachable && p.plans == 0 && p.exempt.is_none();
        let all = options.seeds.end.saturating_sub(options.seeds.start);
        Self {
            scenario: base.scenario.clone(),
            strategy: base.runbook.name.clone(),
            from: options.seeds.start,
            to: options.seeds.end,
            complete: plans + tally.hung.len() as u64 == all,
            plans,
            verdicts: tally.verdicts.clone(),
            tried,
            called_off: tally.called_off.all().map(called_off_at).collect(),
            at_most_percent: findings
                .is_empty()
                .then(|| 100.0 * confidence::at_most(tried)),
            findings,
            missed: probes.iter().filter(is_missed).map(|p| p.probe).collect(),
            probes,
            assumptions: tally.broke.iter().map(assumption).collect(),
            expected: Expected::of(&base.expect, tally),
            faults: kinds.iter().map(|kind| kind_report(*kind, tally)).collect(),
            without_faults: tally.calm,
            hung: tally.hung.iter().map(|(seed, _)| *seed).collect(),
            not_covered: not_covered(base, &kinds),
            hung_in: tally.hung.clone(),
        }
    }

    /// Whether nothing failed, every seed has ended and every probe that could be reached was.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.hung.is_empty() && self.missed.is_empty()
    }

    /// Whether some migration came to its end, well or badly: otherwise nothing was learnt of its cutover.
    pub fn is_carried_out(&self) -> bool {
        let ended = |(verdict, plans): (&Verdict, &u64)| match verdict {
            Verdict::Safe | Verdict::Violated | Verdict::NotLive => *plans > 0,
            Verdict::Aborted | Verdict::Unknown => false,
        };
        self.verdicts.iter().any(ended)
    }

    /// The plans that are worth keeping, each with a name that can be a file's: the cheapest of each finding, those that did
    /// not end, and the cheapest of those that were called off at one step.
    pub fn plans(&self, sweep: &Sweep) -> Vec<(String, Plan)> {
        let plan = |name: &String, cheapest: &Cheapest| {
            let fingerprint = Some(cheapest.fingerprint.as_str());
            let plan = sweep.plan(cheapest.seed, cheapest.round, fingerprint);
            (name.clone(), plan)
        };
        let found = self.findings.iter().map(|f| plan(&f.name, &f.cheapest));
        let called_off = self.called_off.iter();
        let called_off = called_off.map(|c| plan(&c.name, &c.cheapest));
        let hung = self
            .hung_in
            .iter()
            .map(|(seed, round)| (format!("hung-{seed}"), sweep.plan(*seed, *round, None)));
        found.chain(hung).chain(called_off).collect()
    }
}

fn finding((name, key, group): (String, &Key, &Group)) -> Finding {
    let id = key.cause.property.as_deref();
    let property = properties::CATALOGUE.iter().find(|p| Some(p.id) == id);
    Finding {
        name,
        property: property.map(|p| format!("{} {}", p.id, p.name)),
        says: property.map_or(
            "After the faults have healed the migration ends, or is called off cleanly.",
            |p| p.says,
        ),
        stage: key.cause.stage.clone(),
        during: key.cause.during.clone(),
        broke: key.broke.clone(),
        plans: group.plans,
        cheapest: group.cheapest.clone(),
    }
}

fn called_off_at((at, group): &(CalledOff, Group)) -> CalledOffAt {
    CalledOffAt {
        name: format!("called-off-{}", at.step),
        at: at.clone(),
        plans: group.plans,
        cheapest: group.cheapest.clone(),
    }
}

fn assumption(
    (kind, (assumption, plans, failed, aborted)): (&String, &(String, u64, u64, u64)),
) -> Assumption {
    Assumption {
        kind: kind.clone(),
        assumption: assumption.clone(),
        plans: *plans,
        failed: *failed,
        aborted: *aborted,
    }
}

fn kind_report(kind: Kind, tally: &Tally) -> KindReport {
    let key = kind.facts().key;
    let (plans, failed, aborted) = tally.fired.get(key).copied().unwrap_or_default();
    KindReport {
        kind: key,
        plans,
        failed,
        aborted,
    }
}

/// What the sweep says nothing about. A reader who takes a clean sweep for a proof has not read this.
fn not_covered(base: &Plan, kinds: &[Kind]) -> Vec<String> {
    let left_out = CATALOGUE
        .iter()
        .filter(|facts| !kinds.contains(&facts.kind));
    let left_out: Vec<&str> = left_out.map(|facts| facts.key).collect();
    let mut lines = Vec::new();
    if !left_out.is_empty() {
        lines.push(format!(
            "kinds of faults that were not drawn: {}",
            left_out.join(", ")
        ));
    }
    lines.push(format!(
        "other environments than the scenario's, and steps that the runbook {} does not have",
        base.runbook.name
    ));
    lines.push(
        "errors of MySQL, RDS and Aurora that the model does not know, and data that the workload does not write".into(),
    );
    lines
}

impl ProbeReport {
    /// The probe.
    pub fn probe(&self) -> Option<Probe> {
        Probe::of_name(self.probe)
    }
}
