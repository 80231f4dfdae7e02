//! `cutover lab`: the same runbook on two real servers, beside the model's run.

use super::given::GivenArgs;
use crate::{
    again,
    args::Format,
    exit::Status,
    failure::Failure,
    interrupt::Interrupt,
    output::{
        self, json,
        paint::{BAD, GOOD, STRONG, hang, paint, tame},
    },
    scenario_args::ScenarioArgs,
    wall::Stopwatch,
};
use clap::value_parser;
use cutover::{
    lab::rehearsal::{BY_CHANCE, JUDGED, LabOutcome, rehearse, supported, violated},
    scenarios::load_runbook,
    sim::{
        explain::Causes,
        outcome::{Explanation, Outcome, Stage, Verdict},
        plan::Plan,
        run::run,
    },
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

const EXAMPLES: &str = "\
Examples:
  cutover lab orders-small
  cutover lab orders-small --strategy snapshot-only --strategy naive-no-fence
  cutover lab orders --set workload.existing_rows=1000 --speed 3600
  CUTOVER_SOURCE_PASSWORD=… CUTOVER_TARGET_PASSWORD=… \\
    cutover lab orders-small --source root@10.0.0.5 --target root@10.0.0.6:3307

Exit status: 0 model and servers agree on every strategy: verdict, violated properties, and the stages at which writes \
get lost; 1 they do not; 2 bad input, or no servers are to be had; 130 interrupted.";

/// Carry the same runbook out on two real servers, under the same workload, and judge it alike
///
/// Gets MySQL 9.7 without installing it, starts a source and a target on 127.0.0.1, and compares with the model's run:
/// which verdict, which properties are violated, and at which stage writes get lost. Time goes faster than the plan's,
/// and what the cloud does (snapshot, restore, parameter group, purge) is played. Scratch servers can be given instead:
/// what is wrong with them is said before anything is changed, and what was made there is taken away at the end.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Which of the possible courses of events: any number
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Whose runbook, instead of the scenario's own; may be given several times
    #[arg(long = "strategy", value_name = "NAME|FILE")]
    strategies: Vec<String>,
    /// How many times faster than the plan's the clock of the real servers goes
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = value_parser!(u32).range(1..=100_000))]
    speed: u32,
    #[command(flatten)]
    given: GivenArgs,
}

#[derive(Debug, Serialize)]
struct LabJson {
    schema: &'static str,
    scenario: String,
    seed: u64,
    speed: u32,
    source: Option<String>,
    target: Option<String>,
    agree: bool,
    judged: Vec<&'static str>,
    strategies: Vec<StrategyJson>,
}

#[derive(Debug, Serialize)]
struct StrategyJson {
    strategy: String,
    agree: bool,
    model: SideJson,
    servers: SideJson,
}

/// What one side came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct SideJson {
    verdict: Verdict,
    violated: BTreeSet<&'static str>,
    #[serde(flatten)]
    causes: Causes,
    writes: u64,
    lost_writes: u64,
    phantom_writes: u64,
    duplicate_writes: u64,
    wall_ms: u64,
    first: Option<String>,
}

/// Does it.
pub fn execute(args: &Args, format: Format, interrupt: &Interrupt) -> Result<Status, Failure> {
    let scenario = args.scenario.load()?;
    let runbooks = match &args.strategies[..] {
        [] => vec![None],
        named => named
            .iter()
            .map(|name| load_runbook(name).map(Some))
            .collect::<Result<_, _>>()?,
    };
    let plans = runbooks
        .iter()
        .map(|runbook| scenario.plan(args.seed, runbook.as_ref()));
    let plans: Vec<Plan> = plans.collect();
    plans.iter().try_for_each(supported)?;
    let given = match plans.first() {
        Some(plan) => args.given.open(plan)?,
        None => None,
    };
    let mut strategies = Vec::new();
    for plan in &plans {
        let name = plan.runbook.name.clone();
        output::complain(&format!("{name}: on two real servers…\n"));
        let (watch, held) = (Stopwatch::start(), interrupt.hold());
        let servers = rehearse(plan, args.speed, given.as_ref(), &|| interrupt.asked())?;
        let wall = watch.elapsed();
        drop(held);
        let watch = Stopwatch::start();
        let mut model = run(plan, None)?;
        let wall_of_model = watch.elapsed();
        let causes = model.causes(plan);
        let model_side = of_model(&model.outcome, causes, wall_of_model);
        let servers_side = of_servers(&servers, wall);
        strategies.push(StrategyJson {
            strategy: name,
            agree: agree(&model_side, &servers_side),
            model: model_side,
            servers: servers_side,
        });
    }
    let [source, target] = args.given.named();
    let told = LabJson {
        source,
        target,
        schema: json::SCHEMA,
        scenario: scenario.name().to_string(),
        seed: args.seed,
        speed: args.speed,
        agree: strategies.iter().all(|s| s.agree),
        judged: JUDGED.to_vec(),
        strategies,
    };
    output::print(&match format {
        Format::Json => json::text(&told),
        Format::Text => text(&told, args, output::width()),
    })?;
    Ok(if told.agree {
        Status::Holds
    } else {
        Status::Fails
    })
}

/// Not the numbers: which transaction meets which moment depends on the machine. The cause is the stage at which most
/// writes got lost; a real applier may be a few more behind when it is stopped.
fn agree(model: &SideJson, servers: &SideJson) -> bool {
    let compared = |side: &SideJson| {
        let violated = side.violated.iter().copied();
        let violated: BTreeSet<_> = violated.filter(|id| !BY_CHANCE.contains(id)).collect();
        let causes = (cause(&side.causes.lost_at), side.causes.stopped);
        (side.verdict, violated, causes)
    };
    compared(model) == compared(servers)
}

/// The stage at which most writes got lost.
fn cause(lost_at: &BTreeMap<Stage, u64>) -> Option<Stage> {
    let most = lost_at.iter().max_by_key(|(_, writes)| **writes);
    most.map(|(stage, _)| *stage)
}

fn first(explanations: &[Explanation]) -> Option<String> {
    explanations
        .first()
        .map(|e| format!("{}: {}", e.what, e.because))
}

fn of_model(outcome: &Outcome, causes: Causes, wall: Duration) -> SideJson {
    SideJson {
        verdict: outcome.verdict,
        violated: violated(&outcome.properties),
        causes,
        writes: outcome.commits.ok,
        lost_writes: outcome.lost_writes,
        phantom_writes: outcome.phantom_writes,
        duplicate_writes: outcome.duplicate_writes,
        wall_ms: wall.as_millis() as u64,
        first: first(&outcome.explanations),
    }
}

fn of_servers(outcome: &LabOutcome, wall: Duration) -> SideJson {
    SideJson {
        verdict: outcome.verdict,
        violated: violated(&outcome.properties),
        causes: outcome.causes.clone(),
        writes: outcome.writes,
        lost_writes: outcome.lost,
        phantom_writes: outcome.phantoms,
        duplicate_writes: outcome.repeated,
        wall_ms: wall.as_millis() as u64,
        first: first(&outcome.explanations),
    }
}

/// The model's are a thousandth of the servers'.
fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        _ => format!("{:.1} s", ms as f64 / 1e3),
    }
}

fn side(name: &str, side: &SideJson) -> String {
    let violated: Vec<&str> = side.violated.iter().copied().collect();
    let mut text = format!(
        "{name}: {}",
        format!("{:?}", side.verdict).to_ascii_uppercase()
    );
    if !violated.is_empty() {
        text.push_str(&format!(", {} violated", violated.join(", ")));
    }
    text.push_str(&format!(
        "; {} of {} writes lost, {} phantom, {} twice; {}",
        side.lost_writes,
        side.writes,
        side.phantom_writes,
        side.duplicate_writes,
        duration(side.wall_ms)
    ));
    if !side.causes.lost_at.is_empty() {
        let at = side.causes.lost_at.iter();
        let at: Vec<String> = at.map(|(stage, n)| format!("{stage:?} {n}")).collect();
        text.push_str(&format!("; lost at: {}", at.join(", ")));
    }
    if let Some(thread) = side.causes.stopped {
        text.push_str(&format!("; {thread:?} stopped with an error"));
    }
    text
}

/// The command again.
fn words(args: &Args) -> Vec<String> {
    let mut words: Vec<String> = ["cutover", "lab"]
        .into_iter()
        .chain(args.scenario.words())
        .map(str::to_string)
        .collect();
    for strategy in &args.strategies {
        words.extend(["--strategy".into(), strategy.clone()]);
    }
    for (option, value) in [("--seed", args.seed), ("--speed", args.speed.into())] {
        words.extend([option.into(), value.to_string()]);
    }
    words.extend(args.given.words());
    words
}

fn text(told: &LabJson, args: &Args, width: usize) -> String {
    let mut out = String::new();
    for strategy in &told.strategies {
        let (style, word) = if strategy.agree {
            (GOOD, "agree")
        } else {
            (BAD, "DO NOT AGREE")
        };
        out.push_str(&format!(
            "{}: model and servers {}\n",
            paint(STRONG, &tame(&strategy.strategy)),
            paint(style, word)
        ));
        for (name, of) in [("model", &strategy.model), ("servers", &strategy.servers)] {
            hang(&mut out, "  ", 4, &tame(&side(name, of)), width);
            if let Some(first) = &of.first {
                hang(&mut out, "    ", 4, &tame(first), width);
            }
        }
        out.push('\n');
    }
    let words = words(args);
    let about = format!(
        "Real servers went {} times faster than the plan; restores and other waits of the cloud are played. Judged: {}. \
         The numbers differ from run to run there; here: {}",
        told.speed,
        told.judged.join(", "),
        again::command(words.iter().map(String::as_str))
    );
    hang(&mut out, "", 0, &tame(&about), width);
    out
}

/// With every field, for the test that each is documented.
#[cfg(test)]
pub fn canned() -> impl Serialize {
    let side = SideJson {
        verdict: Verdict::Safe,
        violated: BTreeSet::new(),
        causes: Causes::default(),
        writes: 1,
        lost_writes: 0,
        phantom_writes: 0,
        duplicate_writes: 0,
        wall_ms: 1,
        first: None,
    };
    LabJson {
        schema: json::SCHEMA,
        scenario: String::new(),
        seed: 1,
        speed: 10,
        source: None,
        target: None,
        agree: true,
        judged: JUDGED.to_vec(),
        strategies: vec![StrategyJson {
            strategy: String::new(),
            agree: true,
            model: side.clone(),
            servers: side,
        }],
    }
}
