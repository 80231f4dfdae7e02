//! P10, gate soundness: when the gate lets through, the target has every commit of the source from before
//! the fence took effect, those included that came between a gate that was too early and its fence.

use super::{Property, absent, found};
use crate::{evidence::Evidence, explain::commit, outcome::Finding};

pub(super) const PROPERTY: Property = Property {
    id: "P10",
    name: "Gate soundness",
    says: "When the gate opens, the target has everything that the source committed before the fence.",
    check,
};

fn check(e: &Evidence<'_>) -> Finding {
    let Some(gate) = e.marks.gate else {
        return absent(match e.has_gate {
            true => "the runbook never came to its gate",
            false => "the runbook has no gate",
        });
    };
    let Some(fence) = e.marks.fence else {
        return absent("there is no fence that says what the gate had to wait for");
    };
    let (missing, oldest) = e
        .had(e.applied_at_gate)
        .missing_below(e.source_commits_by(fence));
    found(missing, || {
        let oldest = oldest.unwrap_or_default();
        let early = if gate < fence {
            "; the fence came after the gate"
        } else {
            ""
        };
        let lag = if e.gate_on_lag {
            "; Seconds_Behind_Source counts what was received, not what the source has"
        } else {
            ""
        };
        format!(
            "the gate let through at {} without {}{early}{lag}",
            e.clock(gate),
            commit(e, oldest)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{super::made::*, *};
    use crate::runbook::Host;

    #[test]
    fn a_gate_that_lets_through_too_early_is_unsound() {
        let mut made = Made::sound();
        assert_eq!(made.violations(&PROPERTY), 0);
        made.applied_at_gate = 1;
        assert_eq!(made.violations(&PROPERTY), 1);
    }

    #[test]
    fn what_comes_between_an_early_gate_and_its_fence_counts() {
        let mut made = Made::sound();
        made.marks.gate = Some(90 * S);
        made.place(Host::Source, 3, 9, 95 * S);
        made.apply(made.history.source.len() as u32 - 1, 96 * S);
        assert_eq!(made.violations(&PROPERTY), 1, "applied, but after the gate");
    }

    #[test]
    fn what_comes_through_the_fence_is_not_the_gates_affair() {
        let mut made = Made::sound();
        made.place(Host::Source, 3, 9, 101 * S);
        assert_eq!(made.violations(&PROPERTY), 0);
    }

    #[test]
    fn without_gate_or_fence_it_is_absent() {
        let mut made = Made::sound();
        made.marks.fence = None;
        assert!(made.is_absent(&PROPERTY));
        made.marks.gate = None;
        assert!(made.is_absent(&PROPERTY));
    }
}
