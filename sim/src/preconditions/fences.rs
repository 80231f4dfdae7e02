//! Who may write where, step by step: what keeps a host's clients from writing is asked for, takes effect, and is lifted.

use super::scene::{Scene, Timed};
use crate::runbook::{DmsUntil, Host, OnFailure, Op, Until, Wait};

/// By what a host's clients are kept from writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// `read_only`.
    ReadOnly,
    /// The security group, and killed connections.
    Door,
}

/// A fence of a host, from the step that asks for it to the one that lifts it.
#[derive(Clone, Copy, Debug)]
pub struct Fence<'s, 'p> {
    /// Of which host.
    pub host: Host,
    /// By what.
    pub by: By,
    /// The step that asks for it.
    pub asked: &'s Timed<'p>,
    /// The step that lifts it, where there is one.
    pub lifted: Option<&'s Timed<'p>>,
    /// When it has taken effect, at the earliest, in µs since the runbook began; none: it never does.
    pub effective: Option<u64>,
}

impl Fence<'_, '_> {
    /// Whether it was asked for before a step, and is not lifted by then.
    pub fn stands_before(&self, step: &Timed<'_>) -> bool {
        self.asked.number < step.number && self.lifted.is_none_or(|l| l.number >= step.number)
    }

    /// Whether the server itself is made read-only or writable later than it is asked to be.
    pub fn arrives_late(&self) -> bool {
        match self.asked.op {
            Op::SetReadOnly(o) => o.on == Host::Source || o.lasting,
            _ => false,
        }
    }
}

/// What a step does to a host's fences: the one that it asks for, or lifts.
fn does(op: &Op<'_>, host: Host) -> Option<(By, bool)> {
    match op {
        Op::SetReadOnly(o) if o.on == host => Some((By::ReadOnly, o.value)),
        Op::AdmitClients(o) if o.on == host => Some((By::Door, !o.value)),
        _ => None,
    }
}

impl<'p> Scene<'p> {
    /// A host's fences, in the order in which they are asked for. One that is asked for twice is one.
    pub fn fences(&self, host: Host) -> Vec<Fence<'_, 'p>> {
        let mut fences: Vec<Fence<'_, 'p>> = Vec::new();
        for timed in &self.steps {
            let standing = |fences: &[Fence<'_, 'p>], by| {
                let mut all = fences.iter();
                all.position(|f| f.by == by && f.lifted.is_none())
            };
            match does(&timed.op, host) {
                Some((by, true)) if standing(&fences, by).is_none() => fences.push(Fence {
                    host,
                    by,
                    asked: timed,
                    lifted: None,
                    effective: None,
                }),
                Some((by, false)) => {
                    if let Some(at) = standing(&fences, by) {
                        fences[at].lifted = Some(timed);
                    }
                }
                // A restart forgets what `mysql.rds_set_read_only` has set.
                None if host == Host::Target && matches!(timed.op, Op::EnableBinlog) => {
                    if let Some(at) = standing(&fences, By::ReadOnly)
                        && !fences[at].arrives_late()
                    {
                        fences[at].lifted = Some(timed);
                    }
                }
                _ => {}
            }
        }
        for fence in &mut fences {
            fence.effective = self.effective(fence);
        }
        fences
    }

    fn effective(&self, fence: &Fence<'_, '_>) -> Option<u64> {
        match fence.by {
            By::ReadOnly if fence.arrives_late() => {
                Some(fence.asked.ends + self.plan.environment.source.parameter_delay.0)
            }
            By::ReadOnly => Some(fence.asked.ends),
            By::Door => self.killed(fence).map(|killed| killed.ends),
        }
    }

    /// The step that kills the connections which a closed security group leaves.
    fn killed(&self, fence: &Fence<'_, '_>) -> Option<&Timed<'p>> {
        let until = fence.lifted.map_or(usize::MAX, |lifted| lifted.number);
        let mut within = self.behind(fence.asked).iter();
        within.find(|timed| timed.op == Op::KillConnections(fence.host) && timed.number < until)
    }

    /// The fence of a host that stands when a step begins: of several the one that takes effect first. One that was lifted
    /// only when another had taken its place goes on in that.
    pub fn fence_before(&self, host: Host, step: &Timed<'_>) -> Option<Fence<'_, 'p>> {
        let fences = self.fences(host);
        let standing = fences.iter().filter(|fence| fence.stands_before(step));
        let takes_effect = |fence: &&Fence<'_, '_>| fence.effective.unwrap_or(u64::MAX);
        let standing = *standing.min_by_key(takes_effect)?;
        let Some(awaited) = self.awaited(&standing) else {
            return Some(standing);
        };
        let handed_over = |fence: &&Fence<'_, '_>| {
            let over = fence
                .lifted
                .is_some_and(|lifted| lifted.number > awaited.number);
            over && fence.asked.number < standing.asked.number
        };
        let earlier = fences.iter().filter(handed_over).min_by_key(takes_effect);
        Some(earlier.map_or(standing, |earlier| Fence {
            lifted: standing.lifted,
            ..*earlier
        }))
    }

    /// The source's fence that stands when the whole application is pointed at the target; at the end, where it never is.
    pub fn fence(&self) -> Option<Fence<'_, 'p>> {
        self.fence_before(Host::Source, self.repoints().or(self.steps.last())?)
    }

    /// The last of the source's fences that is lifted before the name moves, where none stands then.
    pub fn unfenced(&self) -> Option<Fence<'_, 'p>> {
        let repoint = self.repoints()?;
        if self.fence().is_some() {
            return None;
        }
        let fences = self.fences(Host::Source).into_iter();
        let earlier = fences.filter(|fence| fence.asked.number < repoint.number);
        earlier.max_by_key(|fence| fence.lifted.map(|lifted| lifted.number))
    }

    /// When a server takes writes again, at the earliest, that a step has let in.
    pub fn opens_at(&self, fence: &Fence<'_, '_>) -> Option<u64> {
        let lifted = fence.lifted?;
        let delay = self.plan.environment.source.parameter_delay.0;
        Some(match lifted.op {
            Op::SetReadOnly(o) if o.on == Host::Source || o.lasting => lifted.ends + delay,
            _ => lifted.ends,
        })
    }

    /// The step by which a fence has surely taken effect: the server says so, or the connections are killed. One that goes
    /// on when it fails says nothing.
    pub fn awaited<'s>(&'s self, fence: &Fence<'s, 'p>) -> Option<&'s Timed<'p>> {
        match fence.by {
            By::Door => self.killed(fence),
            By::ReadOnly if fence.arrives_late() => {
                self.waits_behind(fence.asked, Until::ReadOnly(fence.host))
            }
            By::ReadOnly => Some(fence.asked),
        }
    }

    /// The step from which on nothing is open any more that was begun before a fence.
    pub fn drained<'s>(&'s self, fence: &Fence<'s, 'p>) -> Option<&'s Timed<'p>> {
        self.waits_behind(self.awaited(fence)?, Until::NoOpenTransactions(fence.host))
    }

    /// The first step behind another that waits until something holds, and does not go on when that fails.
    fn waits_behind(&self, step: &Timed<'_>, until: Until<'_>) -> Option<&Timed<'p>> {
        let mut behind = self.behind(step).iter();
        behind.find(|timed| timed.waits_until(until) && timed.decides())
    }

    /// The steps behind a step.
    pub fn behind(&self, step: &Timed<'_>) -> &[Timed<'p>] {
        &self.steps[(step.number + 1).min(self.steps.len())..]
    }
}

impl Timed<'_> {
    /// Whether it waits for such a condition.
    pub fn waits_until(&self, until: Until<'_>) -> bool {
        matches!(self.op, Op::Wait(wait) if wait.until.kind() == Ok(until))
    }

    /// Whether it waits for such a condition of a DMS task.
    pub fn waits_for_task(&self, id: &str, until: DmsUntil<'_>) -> bool {
        let of_task = |wait: &Wait| match wait.until.kind() {
            Ok(Until::Dms(dms)) => dms.task == id && dms.kind() == Ok(until),
            _ => false,
        };
        matches!(self.op, Op::Wait(wait) if of_task(wait))
    }

    /// Whether the runbook goes on only when it has succeeded.
    pub fn decides(&self) -> bool {
        self.step.on_failure != OnFailure::Continue
    }
}
