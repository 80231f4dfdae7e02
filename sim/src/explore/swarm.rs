//! The swarm: what a seed makes of a scenario.
//!
//! A run in which every fault is possible at any time hides those that need others to be absent (Groce et al., *Swarm
//! Testing*, 2012). So each seed first decides what there is at all, a random subset of the kinds of faults and of the
//! operations of the workload, and how much of it; the rest is off. One seed in eight has no fault. Faults are mostly
//! tied to occasions, because times drawn at random almost never meet the windows that matter.
//!
//! A plan is a function of the base plan, the options, the seed and the bias of its round. The faults have a stream of
//! their own, so that what is drawn here moves nothing else of a run.

use super::{
    drawer::{self, pick},
    scales::Scales,
    steer::Bias,
};
use crate::{
    faults::{CATALOGUE, Class, Fault, Kind, Occasion, On, class},
    plan::Plan,
    preconditions::{EASY_LOAD, applier_load},
    stream::{Stream, stream_seed},
    units::Micros,
    workload_spec::{self, Mix, Workload},
};
use serde::{Deserialize, Serialize};

/// Whether there is anything that a fault of the kind strikes: without a DMS task there is none to be lost.
fn has_a_victim(kind: Kind, base: &Plan) -> bool {
    let mut steps = base.runbook.steps.iter();
    match kind {
        Kind::DmsTaskCrash | Kind::DmsInstanceFailover => {
            steps.any(|step| step.create_dms_task.is_some())
        }
        _ => true,
    }
}

/// The control plane is so many times as slow at the most, whatever comes together: a restore would outlast the limit.
const MOST_SLOWNESS: u32 = 64;

/// Keeps faults that multiply one another below [`MOST_SLOWNESS`] together.
fn share_slowness(faults: &mut Vec<Fault>) {
    let mut left = MOST_SLOWNESS;
    faults.retain_mut(|fault| match &mut fault.control_plane_slow {
        None => true,
        Some(_) if left < 2 => false,
        Some(slow) => {
            slow.times = slow.times.min(left);
            left /= slow.times.max(1);
            true
        }
    });
}

/// Draws that a kind gets to show that it can be drawn.
const TRIALS: u64 = 16;

/// Which faults are drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// Those that the strategy promises to survive.
    #[default]
    Contract,
    /// Those, and in each plan at most one kind that breaks an assumption: what comes of it has one cause then.
    Hazards,
    /// These kinds, by their keys.
    These(Vec<String>),
}

/// Makes plans of seeds.
#[derive(Clone, Debug)]
pub struct Swarm {
    base: Plan,
    most: u32,
    scales: Scales,
    contract: Vec<Kind>,
    hazards: Vec<Kind>,
    /// What an applier may have to do: no less than the base plan asks of it; none where none applies.
    most_load: Option<f64>,
}

impl Swarm {
    /// Of a plan, whose own faults stay; with at most `most` faults more.
    pub fn new(base: &Plan, choice: &Choice, most: u32) -> Self {
        let mut swarm = Self {
            base: base.clone(),
            most,
            scales: Scales::of(base),
            contract: Vec::new(),
            hazards: Vec::new(),
            most_load: applier_load(base).map(|load| load.max(EASY_LOAD)),
        };
        let kinds = CATALOGUE.iter().map(|facts| facts.kind);
        let kinds = kinds.filter(|kind| has_a_victim(*kind, base));
        let can = |kind: &Kind, wanted: bool| {
            let mut stream = Stream::new(*kind as u64);
            (0..TRIALS).any(|_| {
                let fault = drawer::draw(*kind, &mut stream, &swarm.scales);
                swarm.is_contract(&fault) == Some(wanted)
            })
        };
        let contract = kinds.clone().filter(|kind| can(kind, true));
        let hazards = kinds.filter(|kind| can(kind, false));
        let (contract, hazards): (Vec<_>, Vec<_>) = (contract.collect(), hazards.collect());
        match choice {
            Choice::Contract => swarm.contract = contract,
            Choice::Hazards => (swarm.contract, swarm.hazards) = (contract, hazards),
            Choice::These(keys) => {
                let named = |kind: &Kind| keys.iter().any(|key| key == kind.facts().key);
                swarm.contract = contract.into_iter().filter(named).collect();
                swarm.hazards = hazards.into_iter().filter(named).collect();
            }
        }
        swarm
    }

    /// The kinds that are drawn, in the order of the catalogue.
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = self.contract.iter().chain(&self.hazards).copied().collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// The plan that the swarm was made of.
    pub fn base(&self) -> &Plan {
        &self.base
    }

    /// The plan of a seed.
    pub fn plan(&self, seed: u64, bias: &Bias) -> Plan {
        let mut plan = self.base.of_seed(seed);
        if plan.workload.kind == workload_spec::Kind::Orders {
            let mut stream = Stream::new(stream_seed(seed, "swarm of the workload"));
            let privileged = plan.environment.clients.privileged;
            vary(&mut plan.workload, privileged, &mut stream);
            self.spare_the_applier(&mut plan);
        }
        let mut stream = Stream::new(stream_seed(seed, "faults"));
        let mut drawn = self.faults(&mut stream, bias);
        share_slowness(&mut drawn);
        let heals_in: u64 = drawn
            .iter()
            .filter_map(|fault| fault.lasts)
            .map(|l| l.0)
            .sum();
        let room = self.scales.migration_us * 4 + heals_in;
        plan.clock.limit = Micros(plan.clock.limit.0.max(room));
        plan.faults.extend(drawn);
        plan
    }

    /// Lowers the rate of traffic that no applier of this target keeps up with, but for that of the base plan: that a
    /// migration does not end then is no news of the strategy.
    fn spare_the_applier(&self, plan: &mut Plan) {
        if let (Some(most), Some(load)) = (self.most_load, applier_load(plan))
            && load > most
        {
            plan.workload.rate_per_s *= most / load;
        }
    }

    fn faults(&self, stream: &mut Stream, bias: &Bias) -> Vec<Fault> {
        let on = |kind: &Kind, stream: &mut Stream| stream.chance(1, 2).then_some(*kind);
        let contract: Vec<Kind> = self.contract.iter().filter_map(|k| on(k, stream)).collect();
        let contract = match (contract.is_empty(), self.contract.is_empty()) {
            (true, false) => vec![*pick(stream, &self.contract)],
            _ => contract,
        };
        if stream.chance(1, 8) || self.most == 0 {
            return Vec::new();
        }
        let count = 1 + stream.below(self.most.into());
        let mut faults = Vec::new();
        if !self.hazards.is_empty() {
            let (kinds, occasions) = self.led(stream, bias, &self.hazards, &self.hazards);
            let kind = *pick(stream, &kinds);
            // Mostly one: of several, the first that counts hides the others.
            let times = 1 + u64::from(count > 1 && stream.chance(1, 4));
            let drawn = (0..times).map(|_| self.one_of(stream, &[kind], occasions, false));
            faults.extend(drawn.flatten());
        }
        while (faults.len() as u64) < count && !contract.is_empty() {
            let (kinds, occasions) = self.led(stream, bias, &self.contract, &contract);
            match self.one_of(stream, &kinds, occasions, true) {
                Some(fault) => faults.push(fault),
                None => break,
            }
        }
        faults
    }

    /// Where the next fault is looked for: at what the bias leads to, as far as it is `possible`; else anywhere among
    /// `usual` kinds.
    fn led(
        &self,
        stream: &mut Stream,
        bias: &Bias,
        possible: &[Kind],
        usual: &[Kind],
    ) -> (Vec<Kind>, &[Occasion]) {
        let lead = bias.lead(stream);
        let kinds = lead.kinds.iter().filter(|kind| possible.contains(kind));
        let kinds: Vec<Kind> = kinds.copied().collect();
        match (kinds.is_empty(), lead.occasions) {
            (true, _) => (usual.to_vec(), &self.scales.occasions),
            (false, []) => (kinds, &self.scales.occasions),
            (false, occasions) => (kinds, occasions),
        }
    }

    /// A fault of one of the kinds that is as harmless, or not, as is wanted.
    fn one_of(
        &self,
        stream: &mut Stream,
        kinds: &[Kind],
        occasions: &[Occasion],
        contract: bool,
    ) -> Option<Fault> {
        if kinds.is_empty() {
            return None;
        }
        let kind = *pick(stream, kinds);
        let mut drawn = (0..TRIALS).map(|_| drawer::draw(kind, stream, &self.scales));
        let mut fault = drawn.find(|fault| self.is_contract(fault) == Some(contract))?;
        if occasions.is_empty() || stream.chance(1, 4) {
            fault.at = Some(Micros(stream.below(self.scales.migration_us)));
        } else {
            let event = *pick(stream, occasions);
            fault.on = Some(On {
                event,
                nth: self.scales.nth(stream, event),
                after: match stream.chance(1, 2) {
                    true => Micros::ZERO,
                    false => Micros(super::scales::log_uniform(
                        stream,
                        1,
                        self.scales.migration_us / 4,
                    )),
                },
            });
        }
        Some(fault)
    }

    fn is_contract(&self, fault: &Fault) -> Option<bool> {
        Some(class(fault, &self.base)? == Class::Contract)
    }
}

/// The largest weight and the highest rate that a plan may have.
const MOST_WEIGHT: u32 = 1_000_000;
const MOST_PER_S: f64 = 1e6;

/// Other traffic of the same shop: some of the operations off, but always one that writes; more or fewer of them, by
/// more or fewer clients.
fn vary(workload: &mut Workload, privileged: u32, stream: &mut Stream) {
    if !stream.chance(1, 8) {
        workload.mix = some_of(&workload.mix, stream);
    }
    let rate = workload.rate_per_s * *pick(stream, &[0.25, 0.5, 1.0, 1.0, 2.0]);
    workload.rate_per_s = rate.min(MOST_PER_S);
    let half = (workload.clients / 2).max(privileged).max(1);
    workload.clients = *pick(stream, &[half, workload.clients, workload.clients]);
}

fn some_of(mix: &Mix, stream: &mut Stream) -> Mix {
    let mut keep = |weight: u32| match stream.below(4) {
        0 | 1 => 0,
        2 => weight,
        _ => weight.saturating_mul(3).min(MOST_WEIGHT),
    };
    let some = Mix {
        place: keep(mix.place),
        pay: keep(mix.pay),
        transfer: keep(mix.transfer),
        cancel: keep(mix.cancel),
        read: keep(mix.read),
        rollback: keep(mix.rollback),
        draft: keep(mix.draft),
        amend: keep(mix.amend),
    };
    // Payments and cancellations end when nobody orders any more.
    match some.place + some.transfer + some.draft {
        0 if mix.place + mix.transfer + mix.draft == 0 => *mix,
        0 => Mix {
            place: mix.place,
            transfer: mix.transfer,
            draft: mix.draft,
            ..some
        },
        _ => some,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{ControlPlaneSlow, Harm, RetentionLost};

    #[test]
    fn slow_control_planes_are_no_slower_together_than_one_may_be() {
        let slow = |times| Harm::ControlPlaneSlow(ControlPlaneSlow { times }).into_fault();
        let other = Harm::RetentionLost(RetentionLost {}).into_fault();
        let mut faults = vec![slow(4), other.clone(), slow(64), slow(2)];
        share_slowness(&mut faults);
        assert_eq!(faults, [slow(4), other, slow(16)]);
        let mut faults = vec![slow(64)];
        share_slowness(&mut faults);
        assert_eq!(faults, [slow(64)]);
    }
}
