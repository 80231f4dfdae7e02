//! A plan as the checks see it: when each step begins and ends at the earliest, and how much is written meanwhile.

use crate::{
    environment::Retention,
    plan::Plan,
    recording::Recording,
    runbook::{
        CoordinatesFrom, DmsUntil, Host, Migrates, OnFailure, Op, Role, Step, TaskAction, Until,
        Wait,
    },
    units::{LONGEST_US, Micros},
    workload_spec::{Kind, Workload},
    world::runbook_start_us,
};

/// A step with its times, in µs since the runbook began.
#[derive(Clone, Copy, Debug)]
pub struct Timed<'p> {
    /// Its place among the steps, from 0 on.
    pub number: usize,
    /// The step.
    pub step: &'p Step,
    /// Its operation.
    pub op: Op<'p>,
    /// When it begins, at the earliest.
    pub begins: u64,
    /// When it ends, at the earliest.
    pub ends: u64,
}

/// A plan, with what follows from it without a run.
#[derive(Debug)]
pub struct Scene<'p> {
    /// The plan.
    pub plan: &'p Plan,
    /// Its traffic, where that is a recording and is at hand.
    pub recording: Option<&'p Recording>,
    /// The steps.
    pub steps: Vec<Timed<'p>>,
    /// When the source takes no writes any more, at the earliest, behind the fence that stands when the name moves: it is
    /// read-only, or lets no client in and has none any more.
    pub fenced: Option<u64>,
    /// When the snapshot is cut that the target is made of.
    pub cut: Option<u64>,
    /// The value of `read_only` that a host was given last, and when it has it at the earliest; none: nobody knows.
    delivered: [Option<(bool, u64)>; 3],
}

/// What an order is written as, on average: its row, two and a half lines, the customer's.
const ROWS_OF_PLACE: f64 = 4.5;
/// The shop's own (customers, orders, their lines), and one of the operator's.
const SHOP_TABLES: u64 = 4;

impl<'p> Scene<'p> {
    /// Works the times out.
    pub fn of(plan: &'p Plan) -> Self {
        let mut scene = Self {
            plan,
            recording: None,
            steps: Vec::new(),
            fenced: None,
            cut: None,
            delivered: [Some((false, 0)), Some((false, 0)), None],
        };
        let mut at = 0;
        for step in &plan.runbook.steps {
            let Ok(op) = step.op() else { continue };
            let begins = at;
            at += match step.on_failure {
                // Whatever it takes, it goes on then.
                OnFailure::Continue => scene
                    .takes(&op, at)
                    .min(step.timeout.map_or(u64::MAX, |t| t.0)),
                _ => scene.takes(&op, at),
            };
            scene.note(&op, begins);
            scene.steps.push(Timed {
                number: scene.steps.len(),
                step,
                op,
                begins,
                ends: at,
            });
        }
        scene.fenced = scene.fence().and_then(|fence| fence.effective);
        scene
    }

    fn note(&mut self, op: &Op<'_>, at: u64) {
        let environment = &self.plan.environment;
        match op {
            Op::CreateSnapshot(_) | Op::CreateAuroraReplica => {
                let start = environment.control_plane.snapshot_start.0;
                self.cut
                    .get_or_insert(at + environment.control_plane.api_call.0 + start);
            }
            Op::SetReadOnly(o) if o.on == Host::Source || o.lasting => {
                let call = environment.control_plane.api_call.0;
                let arrival = at + call + environment.source.parameter_delay.0;
                self.deliver(o.on, o.value, at, arrival);
            }
            Op::SetReadOnly(o) => self.deliver(o.on, o.value, at, at),
            // It starts with what its parameter group says, whatever it was set to.
            Op::EnableBinlog => {
                let given = &mut self.delivered[Host::Target as usize];
                *given = given.filter(|(read_only, _)| !read_only);
            }
            _ => {}
        }
    }

    /// A host is given a value of `read_only`, which it may have already.
    fn deliver(&mut self, host: Host, value: bool, at: u64, arrival: u64) {
        let given = &mut self.delivered[host as usize];
        *given = match *given {
            Some((was, since)) if was == value => Some((value, since.min(arrival))),
            Some(_) => Some((value, arrival)),
            None => Some((value, at)),
        };
    }

    /// How long an operation takes at the least, in µs.
    pub fn takes(&self, op: &Op<'_>, at: u64) -> u64 {
        let environment = &self.plan.environment;
        let control = &environment.control_plane;
        let statement = 2 * environment.network.operator_latency.0;
        match op {
            Op::CreateSnapshot(o) => {
                let copying = match o.wait {
                    true => control.snapshot_fixed.0 + self.for_data(control.snapshot_per_tib),
                    false => 0,
                };
                control.api_call.0 + control.snapshot_start.0 + copying
            }
            Op::CreateAuroraReplica => {
                control.api_call.0
                    + control.snapshot_start.0
                    + control.snapshot_fixed.0
                    + self.for_data(control.snapshot_per_tib)
                    + control.restore_fixed.0
                    + self.for_data(control.restore_per_tib)
                    + control.create_instance.0
            }
            Op::CreateReadReplica => {
                control.api_call.0
                    + control.snapshot_start.0
                    + control.snapshot_fixed.0
                    + self.for_data(control.snapshot_per_tib)
                    + control.create_instance.0
            }
            Op::CreateCluster => control.api_call.0 + control.create_instance.0,
            Op::PromoteCluster => control.api_call.0 + control.promote.0,
            Op::EnableBinlog => control.api_call.0 + control.reboot.0,
            Op::RestoreSnapshot(_) | Op::MigrateLatestSnapshot => {
                control.api_call.0
                    + control.restore_fixed.0
                    + self.for_data(control.restore_per_tib)
                    + control.create_instance.0
            }
            Op::SetReadOnly(o) if o.on == Host::Source || o.lasting => control.api_call.0,
            Op::AdmitClients(_) | Op::SetEventScheduler(_) => control.api_call.0,
            Op::Wait(o) => match o.until.kind() {
                Ok(Until::ReadOnly(host)) => statement.max(self.arrives_in(host, true, at)),
                Ok(Until::Writable(host)) => statement.max(self.arrives_in(host, false, at)),
                Ok(Until::SnapshotAvailable(id)) => statement.max(self.available_in(id, at)),
                Ok(Until::Dms(o)) if o.kind() == Ok(DmsUntil::Validated) => {
                    statement.max(self.validated_in(&o.task, at))
                }
                Ok(Until::Applied(name)) if o.on == Host::Target => {
                    statement.max(self.altered_in(name, at))
                }
                _ => {
                    let again = u64::from(o.polls.unwrap_or(1).max(1)) - 1;
                    let every = o.every.unwrap_or(Micros::secs(1)).0.max(1);
                    let looks = self.load_needs(o).div_ceil(every);
                    statement + (again + looks) * every
                }
            },
            Op::Repoint(o) if o.share.is_some() || o.restart_clients => {
                control.api_call.0 + environment.clients.rolling_restart.0
            }
            Op::Repoint(_) => control.api_call.0 + control.dns_change.0,
            Op::Pause(o) => o.length.0,
            Op::AddConstraints(_) => statement + self.constraints_take(),
            Op::RunSql(o) => statement + self.alters_for(o.on, &o.sql),
            Op::DmsTask(o) if !matches!(o.action, TaskAction::Stop | TaskAction::Delete) => {
                environment.dms.start.0
            }
            _ => statement,
        }
    }

    /// How long it takes at the least until a host has the value of `read_only` that it was given last, if it is this one,
    /// in µs.
    fn arrives_in(&self, host: Host, value: bool, at: u64) -> u64 {
        match self.delivered[host as usize] {
            Some((set, arrival)) if set == value => arrival.saturating_sub(at),
            _ => 0,
        }
    }

    /// How long it takes at the least until a snapshot is available that was asked for and not waited for, in µs.
    fn available_in(&self, id: &str, at: u64) -> u64 {
        let control = &self.plan.environment.control_plane;
        let asked = self.first(|op| matches!(op, Op::CreateSnapshot(o) if o.id == id && !o.wait));
        let available = asked.map_or(0, |step| {
            step.ends + control.snapshot_fixed.0 + self.for_data(control.snapshot_per_tib)
        });
        available.saturating_sub(at)
    }

    /// How much longer a DMS task that was told to load everything in the step before needs at the least until it has, in
    /// µs: the tables are loaded side by side, each at the load's rate.
    fn load_needs(&self, wait: &Wait) -> u64 {
        let Some(Timed {
            op: Op::DmsTask(told),
            ..
        }) = self.steps.last()
        else {
            return 0;
        };
        let waits = match wait.until.kind() {
            Ok(Until::Dms(condition)) if condition.task == told.id => {
                matches!(condition.kind(), Ok(DmsUntil::Loaded | DmsUntil::Stopped))
            }
            _ => false,
        };
        let loads = |op: &Op<'_>| {
            matches!(op, Op::CreateDmsTask(task) if task.id == told.id && task.tables.is_empty()
                && task.migrates != Migrates::Cdc)
        };
        // A recording has tables of its own.
        let shop = self.plan.workload.kind == Kind::Orders;
        let starts = shop && told.action == TaskAction::Start;
        if !(waits && starts && self.first(loads).is_some()) {
            return 0;
        }
        let start = self.plan.environment.dms.start.0;
        self.load_takes().saturating_sub(start)
    }

    /// How long a task that loads all tables of the shop takes for that at the least, in µs.
    pub(super) fn load_takes(&self) -> u64 {
        let environment = &self.plan.environment;
        let workload = &self.plan.workload;
        let jobs = u64::from(!workload.events.is_empty());
        let tables = SHOP_TABLES + workload.tables.len() as u64 + jobs;
        let bytes = u128::from(environment.source.data_size.0);
        let us = bytes * 1_000_000 / u128::from(environment.dms.load_rate.0.max(1) * tables);
        // No limit and no timeout is longer than half of that.
        u64::try_from(us).map_or(2 * LONGEST_US, |us| us.min(2 * LONGEST_US))
    }

    fn for_data(&self, per_tib: Micros) -> u64 {
        let bytes = self.plan.environment.source.data_size.0;
        ((u128::from(per_tib.0) * u128::from(bytes)) >> 40) as u64
    }

    /// From when on the source writes again behind a snapshot's cut, which suspends I/O on Single-AZ.
    pub fn writable_behind(&self, cut: u64) -> u64 {
        let environment = &self.plan.environment;
        match environment.source.multi_az {
            true => cut,
            false => cut + environment.control_plane.snapshot_suspends_io.0,
        }
    }

    /// The first step whose operation is such.
    pub fn first(&self, is: impl Fn(&Op<'_>) -> bool) -> Option<&Timed<'p>> {
        self.steps.iter().find(|timed| is(&timed.op))
    }

    /// The first step that waits for such a condition.
    pub fn first_wait(&self, is: impl Fn(Until<'p>) -> bool) -> Option<&Timed<'p>> {
        self.steps.iter().find(|timed| match timed.op {
            Op::Wait(wait) => wait.until.kind().is_ok_and(&is),
            _ => false,
        })
    }

    /// Whether the operator has typed an ALTER TABLE of this table on the source by then that has these words in it.
    pub fn has_altered(&self, table: &str, words: &str, by_us: u64) -> bool {
        let alters = |sql: &str| {
            let sql = sql.to_ascii_uppercase();
            let mut names = sql.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            sql.trim_start().starts_with("ALTER TABLE")
                && sql.contains(words)
                && names.any(|name| name == table.to_ascii_uppercase())
        };
        self.steps.iter().any(|timed| match timed.op {
            Op::RunSql(o) => o.on == Host::Source && timed.ends <= by_us && alters(&o.sql),
            _ => false,
        })
    }

    /// Whether what replication into the target stops at may be left out.
    pub fn skips_errors(&self) -> bool {
        let skips = |op: &Op<'_>| matches!(op, Op::Wait(wait) if wait.on == Host::Target && wait.skip_errors.is_some());
        self.first(skips).is_some()
    }

    /// The step from whose end on the target replicates, where there is one: an Aurora read replica does when it is there.
    pub fn replicates(&self) -> Option<&Timed<'p>> {
        self.first(|op| {
            matches!(
                op,
                Op::StartReplication(Host::Target) | Op::CreateAuroraReplica
            )
        })
    }

    /// The step that points the whole application at the target.
    pub fn repoints(&self) -> Option<&Timed<'p>> {
        self.first(|op| matches!(op, Op::Repoint(o) if o.to == Host::Target && o.share.is_none()))
    }

    /// The step that gives some of the clients the target's address before the others.
    pub fn moves_some(&self) -> Option<&Timed<'p>> {
        self.first(|op| matches!(op, Op::Repoint(o) if o.to == Host::Target && o.share.is_some()))
    }

    /// The first step that gives the target clients, all or some.
    pub fn moves(&self) -> Option<&Timed<'p>> {
        self.first(|op| matches!(op, Op::Repoint(o) if o.to == Host::Target))
    }

    /// The step that takes the application back to the source, once it was on the target.
    pub fn returns(&self) -> Option<&Timed<'p>> {
        let mut behind = self.behind(self.moves()?).iter();
        behind.find(|timed| matches!(timed.op, Op::Repoint(o) if o.to == Host::Source))
    }

    /// The step that has a role.
    pub fn with_role(&self, role: Role) -> Option<&Timed<'p>> {
        self.steps
            .iter()
            .find(|timed| timed.step.role == Some(role))
    }

    /// The step that notes coordinates under a name, and where it reads them.
    pub fn notes(&self, name: &str) -> Option<(&Timed<'p>, CoordinatesFrom)> {
        self.steps.iter().find_map(|timed| match timed.op {
            Op::ReadCoordinates(o) if o.name == name => Some((timed, o.from)),
            _ => None,
        })
    }

    /// The last step before another that notes coordinates under a name, and where it reads them.
    pub fn noted_before(
        &self,
        name: &str,
        step: &Timed<'_>,
    ) -> Option<(&Timed<'p>, CoordinatesFrom)> {
        let before = &self.steps[..step.number];
        before.iter().rev().find_map(|timed| match timed.op {
            Op::ReadCoordinates(o) if o.name == name => Some((timed, o.from)),
            _ => None,
        })
    }

    /// How long it is at the most from the end of a step to the beginning of a later one, in µs; none where a step between
    /// them may take any time.
    pub fn at_most_between(&self, from: &Timed<'_>, to: &Timed<'_>) -> Option<u64> {
        let between = self
            .behind(from)
            .iter()
            .take_while(|t| t.number < to.number);
        between.map(|timed| self.at_most(timed)).sum()
    }

    /// How long a step takes at the most, where that is known.
    pub fn at_most(&self, timed: &Timed<'_>) -> Option<u64> {
        let takes = timed.ends - timed.begins;
        match timed.op {
            // A call takes up to a quarter longer.
            Op::SetReadOnly(_) | Op::AdmitClients(_) | Op::SetEventScheduler(_) => {
                Some(takes + takes / 4)
            }
            Op::Pause(_)
            | Op::SetBinlogRetention(_)
            | Op::ReadCoordinates(_)
            | Op::KillConnections(_)
            | Op::StopReplication(_)
            | Op::ResetExternalSource(_)
            | Op::StartReplication(_)
            | Op::SetExternalSource(_) => Some(takes),
            _ => None,
        }
    }

    /// Whether a DMS task copies tables, and nothing that is written to them later.
    pub fn loads_alone(&self, id: &str) -> bool {
        self.first(|op| matches!(op, Op::CreateDmsTask(o) if o.id == id && !o.captures()))
            .is_some()
    }

    /// The step from which on nothing carries the source's writes to the target any more; none where something does to the
    /// end.
    pub fn no_longer_carried(&self) -> Option<&Timed<'p>> {
        let replicates = |op: &Op<'_>| {
            matches!(
                op,
                Op::StopReplication(Host::Target)
                    | Op::ResetExternalSource(Host::Target)
                    | Op::PromoteCluster
            )
        };
        let tasks: Vec<&str> = self.tasks_for_changes().collect();
        let stops = |timed: &&Timed<'_>| match timed.op {
            Op::DmsTask(o) => {
                let ends = matches!(o.action, TaskAction::Stop | TaskAction::Delete);
                ends && tasks.contains(&o.id.as_str())
            }
            _ => tasks.is_empty() && replicates(&timed.op),
        };
        let mut ended = self.steps.iter().filter(stops);
        let stopped = ended
            .clone()
            .filter(|timed| matches!(timed.op, Op::DmsTask(o) if o.action == TaskAction::Stop));
        let all = match tasks.len() {
            0 => self.replicates().is_some(),
            many => stopped.count() >= many,
        };
        let last = ended.next_back().filter(|_| all)?;
        let again = self.behind(last).iter().any(|timed| match timed.op {
            Op::StartReplication(Host::Target) => true,
            Op::DmsTask(o) => !matches!(o.action, TaskAction::Stop | TaskAction::Delete),
            _ => false,
        });
        (!again).then_some(last)
    }

    /// The DMS tasks that capture changes.
    pub fn tasks_for_changes(&self) -> impl Iterator<Item = &'p str> {
        self.steps.iter().filter_map(|timed| match timed.op {
            Op::CreateDmsTask(o) if o.captures() => Some(o.id.as_str()),
            _ => None,
        })
    }

    /// `binlog retention hours` of a host as it is when a moment comes.
    pub fn retention_at(&self, host: Host, at: u64) -> Retention {
        let set = self.steps.iter().filter(|timed| timed.ends <= at);
        let mut hours = set.filter_map(|timed| match timed.op {
            Op::SetBinlogRetention(o) if o.on == host => Some(o.hours),
            _ => None,
        });
        let environment = &self.plan.environment;
        match (hours.next_back(), host) {
            (Some(hours), _) => Retention::For(Micros::hours(hours.into())),
            (None, Host::Target) => environment.target.binlog_retention,
            (None, _) => environment.source.binlog_retention,
        }
    }

    /// Transactions per second that write, on average; none for a recording, whose rate the file says.
    pub fn writes_per_s(&self) -> Option<f64> {
        let workload = &self.plan.workload;
        let drawn = workload.kind == Kind::Orders
            && workload.transactions.is_empty()
            && workload.first_order_after.is_none();
        let weights = workload.mix.weights();
        let all: u32 = weights.iter().map(|(_, w)| w).sum();
        let writing = weights
            .iter()
            .filter(|(name, _)| !matches!(*name, "read" | "rollback"));
        let writing: u32 = writing.map(|(_, w)| w).sum();
        let rate = workload.rate_per_s * self.slowest_hour();
        drawn.then(|| rate * f64::from(writing) / f64::from(all.max(1)))
    }

    /// What the rate is multiplied by in the hour of the day in which the least is done.
    pub fn slowest_hour(&self) -> f64 {
        let hours = self.plan.workload.rate_by_hour.iter();
        hours.copied().reduce(f64::min).unwrap_or(1.0)
    }

    /// So many writes, about, in a time: more than a run would miss by chance. A scenario's faults may stop them.
    pub fn surely_writes(&self, us: u64, share: f64) -> bool {
        const SURELY: f64 = 40.0;
        let rate = self.writes_per_s().unwrap_or(0.0);
        self.plan.faults.is_empty() && rate * share * us as f64 / 1e6 >= SURELY
    }

    /// When the runbook begins, in µs of the run.
    pub fn starts_us(&self) -> u64 {
        runbook_start_us(self.plan, self.recording)
    }

    /// Orders per second, and changes of orders, on average.
    pub fn orders_per_s(&self) -> (f64, f64) {
        let mix = &self.plan.workload.mix;
        let all: u32 = mix.weights().iter().map(|(_, w)| w).sum();
        let rate = self.plan.workload.rate_per_s / f64::from(all.max(1));
        (
            rate * f64::from(mix.place + mix.draft),
            rate * f64::from(mix.pay + mix.amend),
        )
    }

    /// Rows that a transaction changes, on average.
    pub fn rows_per_write(&self) -> f64 {
        let Workload { mix, tables, .. } = &self.plan.workload;
        let sides = tables.len() as f64;
        let rows = [
            (mix.place, ROWS_OF_PLACE + sides),
            (mix.pay, 1.0 + sides),
            (mix.transfer, 2.0),
            (mix.cancel, 1.0),
            (mix.draft, 1.0 + sides),
            (mix.amend, 1.0 + sides),
        ];
        let all: u32 = rows.iter().map(|(weight, _)| weight).sum();
        let sum: f64 = rows.iter().map(|(w, rows)| f64::from(*w) * rows).sum();
        sum / f64::from(all.max(1))
    }
}

/// A time in words, to the second, or to the millisecond below a minute.
pub fn about(us: u64) -> Micros {
    let unit = if us < 60_000_000 { 1_000 } else { 1_000_000 };
    Micros(us / unit * unit)
}
