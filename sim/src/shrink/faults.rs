//! Fewer faults, and each shorter, tied to an earlier occurrence, at a rounder time, with smaller parameters.

use super::{
    Enough, Shrinking,
    ladder::{rounder, shorter, smaller},
};
use crate::{
    faults::{Fault, Occasion, On},
    plan::Plan,
    units::Micros,
};
use toml::{Table, Value};

/// An occurrence that one can count without a trace.
const EARLY: u32 = 3;

impl Shrinking<'_> {
    pub(super) fn fewer_faults(&mut self) -> Result<bool, Enough> {
        let faults = self.best.plan.faults.clone();
        self.leave_out(faults, usize::MAX, |plan, faults| {
            Some(Plan {
                faults: faults.to_vec(),
                ..plan.clone()
            })
        })
    }

    /// Faults that are tied to a late occurrence (the 151st commit) fire at the time at which they did. Otherwise no
    /// transaction before it could be left out.
    pub(super) fn untie_faults(&mut self) -> Result<bool, Enough> {
        let mut untied = self.best.plan.clone();
        for seen in &self.best.outcome.faults {
            let Some(fault) = untied.faults.get_mut(usize::from(seen.fault)) else {
                continue;
            };
            if fault.on.is_some_and(|on| on.nth > EARLY) {
                let at = seen.at.0.saturating_sub(untied.clock.start.0);
                (fault.on, fault.at) = (None, Some(Micros(at)));
            }
        }
        let taken = self.take_first(1, |_, _| Some(untied.clone()))?;
        Ok(taken.is_some())
    }

    pub(super) fn simpler_faults(&mut self) -> Result<bool, Enough> {
        let occasions = self.occasions.clone();
        self.take_all(|plan| {
            let numbered = plan.faults.iter().enumerate();
            let simpler = numbered.flat_map(|(i, fault)| {
                retied(fault, &occasions)
                    .chain(simpler(fault))
                    .map(move |fault| {
                        let mut plan = plan.clone();
                        plan.faults[i] = fault;
                        plan
                    })
            });
            simpler.collect()
        })
    }
}

/// An early occurrence says more than a time: of what the faults of the first plan were tied to.
fn retied(fault: &Fault, occasions: &[Occasion]) -> impl Iterator<Item = Fault> {
    let occasions = if fault.at.is_some() { occasions } else { &[] };
    tied(fault, occasions, &[Micros::ZERO])
}

/// The fault tied to early occurrences, and fired so long after them.
pub(super) fn tied(
    fault: &Fault,
    occasions: &[Occasion],
    after: &[Micros],
) -> impl Iterator<Item = Fault> {
    let early = occasions.iter().flat_map(move |event| {
        (1..=EARLY).flat_map(move |nth| {
            after.iter().map(move |after| On {
                event: *event,
                nth,
                after: *after,
            })
        })
    });
    early.map(|on| Fault {
        at: None,
        on: Some(on),
        ..fault.clone()
    })
}

/// The fault with one of its kind's lengths or numbers so many times as large.
pub(super) fn stronger(fault: &Fault) -> impl Iterator<Item = Fault> {
    const TIMES: [u64; 2] = [10, 100];
    let larger = |number: u64| TIMES.map(|times| number.saturating_mul(times)).into_iter();
    with_other_parameters(fault, larger, move |length| larger(length.0).map(Micros)).into_iter()
}

fn simpler(fault: &Fault) -> impl Iterator<Item = Fault> {
    let with = |change: &dyn Fn(&mut Fault)| {
        let mut fault = fault.clone();
        change(&mut fault);
        fault
    };
    let mut all = Vec::new();
    if let Some(on) = fault.on {
        all.extend(
            smaller(on.nth.into())
                .skip(1)
                .map(|nth| with(&|f| f.on.iter_mut().for_each(|on| on.nth = nth as u32))),
        );
        let after = [Micros::ZERO].into_iter().chain(shorter(on.after));
        all.extend(
            after
                .filter(|after| *after < on.after)
                .map(|after| with(&|f| f.on.iter_mut().for_each(|on| on.after = after))),
        );
    }
    if let Some(lasts) = fault.lasts {
        all.extend(shorter(lasts).map(|lasts| with(&|f| f.lasts = Some(lasts))));
    }
    // 0 is no smaller fault, but none or another.
    all.extend(with_other_parameters(
        fault,
        |number| smaller(number).skip(1),
        shorter,
    ));
    if let Some(at) = fault.at {
        all.extend(rounder(at).map(|at| with(&|f| f.at = Some(at))));
    }
    all.into_iter()
}

/// The fault with one of its kind's numbers or lengths replaced by each of others. Through its text, which has them
/// all, whatever the kind.
fn with_other_parameters<N, L>(
    fault: &Fault,
    numbers: impl Fn(u64) -> N,
    lengths: impl Fn(Micros) -> L,
) -> Vec<Fault>
where
    N: Iterator<Item = u64>,
    L: Iterator<Item = Micros>,
{
    let Ok(table) = Table::try_from(fault) else {
        return Vec::new();
    };
    let others = |value: &Value| -> Vec<Value> {
        match value {
            Value::Integer(number) => numbers(u64::try_from(*number).unwrap_or(0))
                .filter_map(|n| i64::try_from(n).ok())
                .map(Value::Integer)
                .collect(),
            Value::String(text) => match text.parse::<Micros>() {
                Ok(length) => lengths(length)
                    .map(|l| Value::String(l.to_string()))
                    .collect(),
                Err(_) => Vec::new(),
            },
            _ => Vec::new(),
        }
    };
    let mut all = Vec::new();
    for (kind, parameters) in &table {
        let (Value::Table(parameters), false) = (parameters, kind == "on") else {
            continue;
        };
        for (name, value) in parameters {
            for value in others(value) {
                let mut table = table.clone();
                if let Some(Value::Table(parameters)) = table.get_mut(kind) {
                    parameters.insert(name.clone(), value);
                }
                all.extend(table.try_into::<Fault>());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{AsyncFailover, Harm};

    #[test]
    fn every_part_of_a_fault_gets_smaller_by_itself() {
        let mut fault = Harm::AsyncFailover(AsyncFailover {
            behind: Micros::ms(100),
        })
        .into_fault();
        fault.lasts = Some(Micros::ms(10));
        fault.on = Some(On {
            event: Occasion::StepEnds,
            nth: 3,
            after: Micros::ms(1),
        });
        let all: Vec<_> = simpler(&fault)
            .map(|f| {
                let (on, behind) = (f.on.unwrap(), f.async_failover.unwrap().behind);
                (on.nth, on.after.0, f.lasts.unwrap().0, behind.0)
            })
            .collect();
        let expected = [
            (1, 1_000, 10_000, 100_000),
            (2, 1_000, 10_000, 100_000),
            (3, 0, 10_000, 100_000),
            (3, 1_000, 1_000, 100_000),
            (3, 1_000, 10_000, 1_000),
            (3, 1_000, 10_000, 10_000),
        ];
        assert_eq!(all, expected);
    }
}
