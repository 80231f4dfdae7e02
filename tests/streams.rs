//! Random streams are named by purpose: another seed for one of them, which is more than a draw added to it, leaves
//! what the others decide as it was.

use cutover::{
    scenarios::load_scenario,
    sim::{
        history::{Kind, Operation},
        outcome::Outcome,
        plan::{Hex, Plan, Streams},
        run::run,
        units::Moment,
        world::World,
    },
};

/// Before the operator does anything.
const A_MINUTE_US: u64 = 60_000_000;

fn plan(change: impl FnOnce(&mut Streams)) -> Plan {
    let mut plan = load_scenario("orders-small", &[])
        .expect("a built-in scenario")
        .plan(1, None);
    change(&mut plan.streams);
    plan
}

/// What clients did in a world without an operator.
fn operations(plan: &Plan) -> Vec<Operation> {
    let mut world = World::new(plan, None).expect("a good plan");
    world.advance_to(A_MINUTE_US);
    assert!(world.history.operations.len() > 1_000);
    world.history.operations.iter().collect()
}

/// What each of the four clients wanted, one thing after the other; for transfers also whose money.
fn wishes(operations: &[Operation]) -> [Vec<(Kind, Option<u64>)>; 4] {
    [0, 1, 2, 3].map(|client| {
        let own = operations.iter().filter(|o| o.client == client);
        let wish = |o: &Operation| (o.kind, (o.kind == Kind::Transfer).then_some(o.subject));
        own.map(wish).collect()
    })
}

fn times(operations: &[Operation]) -> Vec<(u64, u64)> {
    operations.iter().map(|o| (o.invoked, o.returned)).collect()
}

/// That both are the same as far as both go, which is far.
fn the_same_as_far_as_they_go<T: PartialEq + std::fmt::Debug>(one: &[T], other: &[T]) {
    let both = one.len().min(other.len());
    assert!(both > 200, "only {both}");
    assert_eq!(one[..both], other[..both]);
}

#[test]
fn the_links_and_the_order_of_ties_do_not_change_what_clients_want() {
    let before = operations(&plan(|_| {}));
    for change in [
        (|s: &mut Streams| s.links = Hex(99)) as fn(&mut Streams),
        |s| s.ties = Hex(99),
    ] {
        let after = operations(&plan(change));
        for (one, other) in wishes(&before).iter().zip(&wishes(&after)) {
            the_same_as_far_as_they_go(one, other);
        }
    }
    let jittered = operations(&plan(|s| s.links = Hex(99)));
    assert_ne!(times(&before), times(&jittered), "the links have changed");
}

#[test]
fn the_rows_at_the_beginning_change_neither_what_clients_want_nor_when() {
    let before = operations(&plan(|_| {}));
    let after = operations(&plan(|s| s.base = Hex(99)));
    assert_eq!(wishes(&before), wishes(&after));
    assert_eq!(times(&before), times(&after));
}

/// When the operator did what, up to the restored cluster.
fn first_steps(outcome: &Outcome) -> Vec<(Moment, &str)> {
    let own = outcome.story.iter().filter(|l| l.who == "operator");
    let until = own
        .clone()
        .position(|l| l.what.contains("is available, with what"));
    let steps = own.map(|l| (l.at, l.what.as_str()));
    steps.take(until.expect("the restore ends")).collect()
}

#[test]
fn what_clients_want_does_not_change_the_control_plane_and_the_other_way_round() {
    let outcome = |plan: &Plan| run(plan, None).expect("a good plan").outcome;
    let before = outcome(&plan(|_| {}));
    let clients = outcome(&plan(|s| s.workload = Hex(99)));
    assert_ne!(before.commits, clients.commits, "the clients have changed");
    assert_eq!(first_steps(&before), first_steps(&clients));
    let slower = outcome(&plan(|s| s.control_plane = Hex(99)));
    assert_ne!(first_steps(&before), first_steps(&slower));
    assert_eq!(
        operations(&plan(|_| {})).len(),
        operations(&plan(|s| s.control_plane = Hex(99))).len()
    );
}

#[test]
fn nothing_in_a_run_depends_on_which_task_the_runtime_polls_first() {
    let trace = |plan: &Plan| run(plan, None).expect("a good plan").trace();
    let before = trace(&plan(|_| {}));
    assert!(before.lines().count() > 3_000);
    assert!(before == trace(&plan(|s| s.madsim = Hex(99))));
}
