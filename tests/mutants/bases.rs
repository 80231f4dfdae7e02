//! What each mutant is explored in: a small rehearsal in which its bug can matter, the swarm of faults that every
//! sweep draws, and, where the window is so narrow that the swarm alone would need hundreds of plans to meet it, a
//! lead: one more fault in every other plan. Without its mutant each of these plans is sound.

use cutover::{
    model::mutant::Mutant,
    scenarios::load_scenario,
    sim::{
        explore::{Bias, Choice, Swarm},
        faults::{
            AuroraFailover, BadPlace, CorruptEvent, DmsTaskCrash, Fault, Harm, Latency, Occasion,
            On, Reset, SlowApply, SlowFsync, SourceCrash, SourceFailover, TargetCrash, Wire,
        },
        plan::Plan,
        runbook::{Host, OnFailure, Policy, PrefixStrength, Role, RunSql, Step},
        stream::{Stream, stream_seed},
        units::Micros,
    },
};

/// The runbook with everything that it takes.
const GTID: &str = "snapshot-binlog-gtid";
/// The same by file and position.
const POSITION: &str = "snapshot-binlog-position";
/// AWS DMS, full load and capture.
const DMS: &str = "dms-full-load-cdc";
/// Orders in one task, their lines in another.
const DMS_SPLIT: &str = "scenarios/hazards/dms-multi-task-split.runbook.toml";
/// A replication instance that is there at once, and new orders alone.
const DMS_SOON: &[&str] = &[APPEND, "dms.start=2s", "dms.metrics_every=5s"];
/// The same, and it applies slowly.
const DMS_SLOW: &[&str] = &[
    APPEND,
    "dms.start=2s",
    "dms.metrics_every=5s",
    "dms.apply_transaction=30ms",
];
/// Nothing but new orders: what is missing shows no error.
const APPEND: &str =
    "workload.mix={place=80,pay=0,transfer=0,cancel=0,read=20,rollback=0,draft=0,amend=0}";
/// Nothing but transfers: what comes twice shows no error.
const TRANSFERS: &str =
    "workload.mix={place=0,pay=0,transfer=80,cancel=0,read=20,rollback=0,draft=0,amend=0}";
/// How long a step of the operator may take.
const PATIENCE: Micros = Micros::mins(3);
/// Writes by which all sorts of moments are counted: those before the snapshot, and those before the cutover.
const BEFORE_SNAPSHOT: u64 = 150;
const IN_ALL: u64 = 1_200;

/// Faults of the swarm in a plan, at most.
const MOST_FAULTS: u32 = 3;

/// Plans for a mutant, or for the same without it.
#[derive(Debug)]
pub struct Plans {
    mutant: Mutant,
    swarm: Swarm,
}

impl Plans {
    pub fn of(mutant: Mutant) -> Self {
        // Where the promise of a short downtime is what breaks, faults would break it too.
        let most = match mutant.facts().caught_by {
            "P17" => 0,
            _ => MOST_FAULTS,
        };
        let swarm = Swarm::new(&base(mutant).plan(), &Choice::Contract, most);
        Self { mutant, swarm }
    }

    /// The plan that nobody has to explain: no fault, no mutant.
    pub fn reference(&self) -> &Plan {
        self.swarm.base()
    }

    /// The plan of a seed, the mutant switched on.
    pub fn plan(&self, seed: u64) -> Plan {
        let mut plan = self.swarm.plan(seed, &Bias::none());
        let mut draw = Draw(Stream::new(stream_seed(seed, "lead")));
        if draw.0.chance(1, 2) {
            plan.faults.extend(leads(self.mutant, &mut draw));
        }
        plan.mutants = vec![self.mutant.facts().name.into()];
        plan
    }
}

/// A scenario with what differs in it, and changes of the plan that no key of a scenario makes.
struct Base {
    strategy: &'static str,
    sets: &'static [&'static str],
    change: fn(&mut Plan),
}

impl Base {
    fn plan(&self) -> Plan {
        let mut sets = vec![format!("strategy={}", self.strategy)];
        sets.extend(self.sets.iter().map(ToString::to_string));
        let scenario = load_scenario("orders-small", &sets).expect("a valid scenario");
        let mut plan = scenario.plan(0, None);
        // Nobody waits for an hour where a bug keeps a gate from ever letting through.
        for step in &mut plan.runbook.steps {
            step.timeout = step.timeout.map(|t| t.min(PATIENCE));
        }
        (self.change)(&mut plan);
        plan
    }
}

fn base(mutant: Mutant) -> Base {
    use Mutant as M;
    let of = |strategy, sets| Base {
        strategy,
        sets,
        change: |_| {},
    };
    match mutant {
        M::RecoveryCommitsUnlogged | M::PositionAheadOfReceive => {
            of(POSITION, &["target.connect_retry=5s"])
        }
        M::CheckpointAheadOfApply => of(
            POSITION,
            &[
                APPEND,
                "target.connect_retry=5s",
                "target.apply_transaction=15ms",
            ],
        ),
        M::GtidAtBegin => of(GTID, &["target.connect_retry=5s"]),
        M::CoordinatesTooLate => of(POSITION, &[APPEND]),
        M::SnapshotTorn | M::GtidExcess => of(GTID, &[APPEND]),
        M::FenceAdmitsOpenTransactions | M::FenceOvertakesCommits => Base {
            change: fenced_by_read_only_alone,
            ..of(GTID, &[])
        },
        M::FenceSparesOldSessions => of(GTID, &["clients.max_lifetime=60s"]),
        M::RelayLogNotRecovered => of(POSITION, &[APPEND, "source.gtid_mode=false"]),
        M::GtidHole => of(GTID, &[TRANSFERS]),
        M::PositionBehindApply => of(
            POSITION,
            &[
                TRANSFERS,
                "source.gtid_mode=false",
                "target.connect_retry=5s",
                "target.apply_transaction=15ms",
            ],
        ),
        M::PositionSavedApart => of(
            POSITION,
            &[
                TRANSFERS,
                "source.gtid_mode=false",
                "target.connect_retry=5s",
            ],
        ),
        M::AutoIncrementForgotten => of(
            GTID,
            &[
                "workload.mix={place=40,pay=0,transfer=0,cancel=60,read=0,rollback=0,draft=0,amend=0}",
            ],
        ),
        M::RecoveryKeepsOpen => of(
            GTID,
            &[
                "workload.mix={place=10,pay=0,transfer=10,cancel=0,read=0,rollback=80,draft=0,amend=0}",
            ],
        ),
        M::SameServerId => of(
            "snapshot-binlog-position-rollback",
            &["control_plane.reboot=2s"],
        ),
        M::ReplicaRunsEvents => Base {
            change: with_an_event_made_meanwhile,
            ..of(GTID, &[])
        },
        M::AbortNeverArrives => Base {
            change: without_time_at_the_gate,
            ..of(GTID, &["target.apply_transaction=45ms"])
        },
        M::PurgedNotChecked => of("snapshot-binlog-gtid-no-retention", &[]),
        M::StepsOverPurgedFiles => Base {
            change: without_retention,
            ..of(POSITION, &[APPEND])
        },
        M::ApplierIdempotent => Base {
            change: with_a_quick_ticket,
            ..of(
                "naive-early-coordinates",
                &[APPEND, "source.gtid_mode=false"],
            )
        },
        M::DependencyLost | M::ClockNotReset | M::GtidHull => Base {
            change: dependency_closed,
            ..of(
                GTID,
                &[
                    "target.replica_preserve_commit_order=false",
                    "source.fsync=40ms",
                    "workload.existing_rows=10",
                    "workload.rate_per_s=60",
                    "workload.clients=8",
                    "target.apply_transaction=2ms",
                    "target.apply_row=4ms",
                ],
            )
        },
        M::ExecutedCountsReceived => of(GTID, &["target.apply_transaction=15ms"]),
        M::LagFrozen | M::ResolverIgnoresTtl => Base {
            change: |plan| plan.runbook.promises.downtime = Some(Micros::secs(20)),
            ..of(GTID, &[])
        },
        M::CaptureIsCheckpoint => Base {
            change: without_validation,
            ..of(DMS, DMS_SLOW)
        },
        M::CachedChangeLost | M::ValueTruncated => Base {
            change: without_validation,
            ..of(DMS, DMS_SOON)
        },
        M::BatchOutOfOrder => Base {
            change: in_batches,
            ..of(DMS, DMS_SOON)
        },
        M::ErrorsIgnored => Base {
            change: stopped_by_errors,
            ..of(DMS_SPLIT, DMS_SOON)
        },
        _ => of(GTID, &[]),
    }
}

/// What looks at every row would call the migration off before the cutover.
fn without_validation(plan: &mut Plan) {
    plan.runbook.steps.retain(|step| {
        let dms = step.wait.as_ref().and_then(|wait| wait.until.dms.as_ref());
        dms.is_none_or(|dms| dms.validated.is_none())
    });
}

/// Batches that break no foreign key, because those come last.
fn in_batches(plan: &mut Plan) {
    without_validation(plan);
    let steps = &mut plan.runbook.steps;
    let adds = |step: &Step| step.add_constraints.is_some();
    let ends = |step: &Step| step.raise_auto_increment.is_some();
    let (from, to) = (steps.iter().position(adds), steps.iter().position(ends));
    if let (Some(from), Some(to)) = (from, to) {
        steps[from..to].rotate_left(1);
    }
    for task in steps
        .iter_mut()
        .filter_map(|step| step.create_dms_task.as_mut())
    {
        task.batch_apply = true;
    }
}

/// Two tasks for one transaction, which stop when one is ahead of the other.
fn stopped_by_errors(plan: &mut Plan) {
    let steps = plan.runbook.steps.iter_mut();
    for task in steps.filter_map(|step| step.create_dms_task.as_mut()) {
        (task.insert_errors, task.update_errors) = (Policy::StopTask, Policy::StopTask);
        (task.delete_errors, task.data_errors) = (Policy::StopTask, Policy::StopTask);
        task.recovery_table = true;
    }
}

/// An event that is created while the target follows, and enabled there once the application is.
fn with_an_event_made_meanwhile(plan: &mut Plan) {
    let types = |on, sql: &str| Step {
        say: "An event".into(),
        run_sql: Some(RunSql {
            on,
            sql: sql.into(),
        }),
        ..Step::default()
    };
    let steps = &mut plan.runbook.steps;
    let table = "CREATE TABLE IF NOT EXISTS jobs (id INT AUTO_INCREMENT PRIMARY KEY, job INT)";
    let event = "CREATE EVENT IF NOT EXISTS job ON SCHEDULE EVERY 1 SECOND DO INSERT INTO jobs (job) VALUES (1)";
    let catches_up = |step: &Step| {
        step.wait
            .as_ref()
            .is_some_and(|w| w.until.caught_up.is_some())
    };
    let before_it = steps.iter().position(catches_up).unwrap_or_default();
    steps.insert(before_it, types(Host::Source, event));
    steps.insert(0, types(Host::Source, table));
    steps.push(Step {
        on_failure: OnFailure::Insist,
        ..types(Host::Target, "ALTER EVENT job ENABLE")
    });
}

fn without_retention(plan: &mut Plan) {
    plan.runbook
        .steps
        .retain(|step| step.set_binlog_retention.is_none());
}

/// A gate that gives up at once, so that the migration is called off behind its fence.
fn without_time_at_the_gate(plan: &mut Plan) {
    for step in &mut plan.runbook.steps {
        let catches_up = step
            .wait
            .as_ref()
            .is_some_and(|w| w.until.caught_up.is_some());
        if catches_up {
            step.timeout = Some(Micros::secs(1));
            step.on_failure = OnFailure::Continue;
        }
        if step.role == Some(Role::Gate) {
            step.timeout = Some(Micros::ms(20));
        }
    }
}

/// Without the wait until no transaction is open, behind which nothing is left that a leak could let through.
fn fenced_by_read_only_alone(plan: &mut Plan) {
    let waits_for = |step: &Step| step.wait.as_ref().map(|wait| wait.until.clone());
    let steps = &mut plan.runbook.steps;
    steps.retain(|step| waits_for(step).is_none_or(|until| until.no_open_transactions.is_none()));
    for step in steps {
        if waits_for(step).is_some_and(|until| until.read_only == Some(Host::Source)) {
            step.role = Some(Role::Fence);
        }
    }
}

/// The ticket of a start position that is too early waits for seconds, not minutes.
fn with_a_quick_ticket(plan: &mut Plan) {
    for step in &mut plan.runbook.steps {
        if let Some(pause) = step.pause.as_mut() {
            pause.length = Micros::ms(300);
        }
    }
}

/// What a strategy can promise whose applier does not keep the order of commits.
fn dependency_closed(plan: &mut Plan) {
    plan.runbook.promises.prefix = PrefixStrength::DependencyClosed;
}

/// Draws the parameters of faults.
struct Draw(Stream);

impl Draw {
    fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.0.below(to - from + 1)
    }

    fn ms(&mut self, from: u64, to: u64) -> Micros {
        Micros::ms(self.between(from, to))
    }

    fn us(&mut self, from: u64, to: u64) -> Micros {
        Micros(self.between(from, to))
    }

    /// Which of the run's writes.
    fn write(&mut self) -> u32 {
        self.between(BEFORE_SNAPSHOT, IN_ALL) as u32
    }
}

fn on(event: Occasion, nth: u32, after: Micros, lasts: Micros, harm: Harm) -> Fault {
    let lasts = Some(lasts).filter(|t| t.0 > 0);
    Fault {
        on: Some(On { event, nth, after }),
        lasts,
        ..harm.into_fault()
    }
}

/// What goes wrong besides: what a sound strategy survives, where the bug can matter.
fn leads(mutant: Mutant, d: &mut Draw) -> Vec<Fault> {
    use Mutant as M;
    use Occasion as O;
    const AT_ONCE: Micros = Micros::ZERO;
    let (source_crash, failover) = (
        Harm::SourceCrash(SourceCrash {}),
        Harm::SourceFailover(SourceFailover {}),
    );
    let reset = |link| Harm::Reset(Reset { link });
    let slow_clients = |add| {
        Harm::Latency(Latency {
            link: Wire::ClientsSource,
            add,
        })
    };
    let lead = match mutant {
        M::FenceAdmitsOpenTransactions => {
            let slow = slow_clients(d.ms(100, 1_000));
            on(O::FenceAsked, 1, AT_ONCE, Micros::secs(20), slow)
        }
        M::FenceOvertakesCommits => {
            let times = d.between(1_000, 8_000) as u32;
            let slow = Harm::SlowFsync(SlowFsync { times });
            on(
                O::FenceAsked,
                1,
                d.ms(500, 2_900),
                d.ms(5_000, 10_000),
                slow,
            )
        }
        M::FenceLostAtRestart => on(
            O::FencePassed,
            1,
            d.ms(0, 500),
            d.ms(500, 5_000),
            source_crash,
        ),
        M::PublishBeforeSync => {
            let nth = d.between(500, 1_000) as u32;
            on(
                O::SourcePublishes,
                nth,
                d.us(700, 890),
                d.ms(500, 5_000),
                failover,
            )
        }
        M::AutoIncrementForgotten => {
            let crash = |d: &mut Draw| {
                let (nth, after) = (d.write(), d.ms(1, 300));
                on(
                    O::SourceCommits,
                    nth,
                    after,
                    d.ms(500, 2_000),
                    source_crash.clone(),
                )
            };
            return (0..3).map(|_| crash(d)).collect();
        }
        M::RelayLogNotRecovered => {
            let crash = Harm::TargetCrash(TargetCrash {});
            on(
                O::ReceiverConnects,
                1,
                d.ms(1, 500),
                d.ms(1_000, 5_000),
                crash,
            )
        }
        M::RecoveryCommitsUnlogged | M::UnknownReportedOk => on(
            O::CommitSent,
            d.write(),
            d.us(0, 1_000),
            d.ms(2_000, 20_000),
            failover,
        ),
        M::RecoveryDropsLogged => on(
            O::SourcePublishes,
            d.write(),
            d.us(0, 40),
            d.ms(500, 10_000),
            source_crash,
        ),
        M::RecoveryTearsTransaction => {
            let nth = d.between(20, BEFORE_SNAPSHOT) as u32;
            on(
                O::SourcePublishes,
                nth,
                d.us(0, 40),
                d.ms(500, 3_000),
                source_crash,
            )
        }
        M::RecoveryKeepsOpen => {
            let slow = slow_clients(d.ms(10, 100));
            on(O::StepBegins, 2, AT_ONCE, Micros::secs(3), slow)
        }
        M::ExecutedCountsReceived => {
            let times = d.between(4, 40) as u32;
            let slow = Harm::SlowApply(SlowApply { times });
            on(O::FenceAsked, 1, AT_ONCE, Micros::secs(30), slow)
        }
        M::LagFrozen => {
            // The first transactions take long; whoever looks at the lag waits until they are applied.
            let times = d.between(100_000, 200_000) as u32;
            let slow = Harm::SlowApply(SlowApply { times });
            on(O::ReceiverConnects, 1, AT_ONCE, Micros::secs(1), slow)
        }
        M::CheckpointAheadOfApply | M::PositionBehindApply => {
            let nth = d.between(1, 200) as u32;
            on(
                O::BinlogReceived,
                nth,
                d.us(0, 10_000),
                AT_ONCE,
                reset(Wire::Replication),
            )
        }
        M::PositionAheadOfReceive | M::GtidAtBegin => {
            let nth = d.between(1, 200) as u32;
            on(
                O::BinlogSent,
                nth,
                d.us(0, 600),
                AT_ONCE,
                reset(Wire::Replication),
            )
        }
        M::CaptureIsCheckpoint => {
            let crash = Harm::DmsTaskCrash(DmsTaskCrash {});
            let nth = d.between(200, 900) as u32;
            on(
                O::BinlogReceived,
                nth,
                d.us(0, 20_000),
                d.ms(500, 3_000),
                crash,
            )
        }
        M::GtidHull => {
            let failover = Harm::AuroraFailover(AuroraFailover {});
            on(
                O::ReceiverConnects,
                1,
                d.ms(1, 5_000),
                d.ms(1_000, 5_000),
                failover,
            )
        }
        M::ChecksumsNotVerified => {
            let changed = Harm::CorruptEvent(CorruptEvent {
                place: BadPlace::RelayLog,
                byte: d.between(0, 900) as u32,
                flip: 1 << d.between(0, 7),
            });
            on(
                O::BinlogReceived,
                d.between(2, 200) as u32,
                AT_ONCE,
                AT_ONCE,
                changed,
            )
        }
        M::BlindRetry | M::UnknownReportedFailed => on(
            O::CommitSent,
            d.write(),
            d.us(0, 1_300),
            AT_ONCE,
            reset(Wire::ClientsSource),
        ),
        M::DriverContinues => {
            let slow = slow_clients(d.ms(5, 60));
            return vec![
                on(O::SnapshotCut, 1, AT_ONCE, Micros::secs(60), slow),
                on(
                    O::SnapshotCut,
                    1,
                    d.ms(1_000, 50_000),
                    AT_ONCE,
                    reset(Wire::ClientsSource),
                ),
            ];
        }
        _ => return Vec::new(),
    };
    vec![lead]
}
