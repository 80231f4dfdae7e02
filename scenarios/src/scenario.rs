//! Scenario files: an environment, a workload, a strategy, expectations.

use crate::{
    LoadError, WorkloadArg, catalogue,
    check::{self, Problem, keys},
    document::{Document, Part, same_major},
    files,
    kind::Kind,
    known_keys,
    runbook::{load_runbook_near, unknown},
    sets::Set,
};
use cutover_sim::{
    environment::{Clients, ControlPlane, Dms, Environment, Names, Network, Source, Target},
    explore::Exploring,
    faults::Fault,
    plan::{Clock, Expect},
    runbook::Runbook,
    workload_spec::Workload,
};
use serde::Deserialize;
use std::path::Path;

/// The version of the scenario file's format.
pub const SCENARIO_SCHEMA: &str = "1.0";

/// A scenario: everything that a plan is made of, but the seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// One or two sentences.
    pub about: String,
    /// The strategy that it is rehearsed with unless somebody chooses another.
    pub runbook: Runbook,
    /// The clock and the run's limit.
    pub clock: Clock,
    /// The environment.
    pub environment: Environment,
    /// The traffic.
    pub workload: Workload,
    /// What goes wrong, whatever the seed.
    pub faults: Vec<Fault>,
    /// What its author expects.
    pub expect: Expect,
    /// What its author says of sweeps.
    pub explore: Exploring,
}

/// The top level of a scenario file. Everything may be left out here, so that a `--set` can be read as a
/// scenario too; what a scenario must say is checked afterwards.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ScenarioFile {
    schema: Option<String>,
    name: Option<String>,
    about: Option<String>,
    strategy: Option<String>,
    clock: Clock,
    source: Source,
    target: Target,
    network: Network,
    names: Names,
    clients: Clients,
    control_plane: ControlPlane,
    dms: Dms,
    workload: Workload,
    fault: Vec<Fault>,
    expect: Expect,
    explore: Exploring,
}

/// Loads a scenario: a built-in by its name, or a file by its path, with `KEY=VALUE`s laid over it in
/// order. Paths in a file start at its folder, those in a `KEY=VALUE` at the current folder.
///
/// # Errors
/// [`LoadError`] when there is none of that name, or when something is wrong with it or a `KEY=VALUE`.
pub fn load_scenario(name_or_path: &str, sets: &[String]) -> Result<Scenario, LoadError> {
    load_scenario_with(name_or_path, sets, None)
}

/// As [`load_scenario`], with another workload than the scenario's own, where one is given.
///
/// # Errors
/// As there.
pub fn load_scenario_with(
    name_or_path: &str,
    sets: &[String],
    workload: Option<&WorkloadArg>,
) -> Result<Scenario, LoadError> {
    if let Some(file) = catalogue::find(catalogue::SCENARIOS, name_or_path) {
        let document = Document::new(file.name, file.text);
        return read(&document, Path::new(""), sets, workload);
    }
    let path = Path::new(name_or_path);
    if files::looks_like_a_path(name_or_path) || path.exists() {
        let folder = path.parent().unwrap_or(Path::new(""));
        return read(&files::read_text(path)?, folder, sets, workload);
    }
    Err(unknown("scenario", name_or_path, catalogue::SCENARIOS))
}

/// Reads a scenario from its text; `name` is for messages. Paths start at the current folder.
///
/// # Errors
/// [`LoadError`] with the place of what is wrong.
pub fn parse_scenario(name: &str, text: &str, sets: &[String]) -> Result<Scenario, LoadError> {
    read(&Document::new(name, text), Path::new(""), sets, None)
}

fn read(
    document: &Document,
    folder: &Path,
    sets: &[String],
    workload: Option<&WorkloadArg>,
) -> Result<Scenario, LoadError> {
    document.check_head(Kind::Scenario, SCENARIO_SCHEMA)?;
    document
        .read::<ScenarioFile>()
        .map_err(in_the_wrong_table)?;
    let sets: Vec<Set> = sets
        .iter()
        .map(|set| Set::read(set))
        .collect::<Result<_, _>>()?;
    let layers = Layers { document, sets };
    let file = layers.merged()?;
    layers.finish(file, folder, workload)
}

/// An unknown key that is a known one of another table.
fn in_the_wrong_table(error: LoadError) -> LoadError {
    let key = error.span().and_then(|span| error.source_text().get(span));
    match key.and_then(known_keys::elsewhere) {
        Some(elsewhere) if error.message().starts_with("unknown key") => error.help(elsewhere),
        _ => error,
    }
}

/// A file and the `--set`s over it.
struct Layers<'a> {
    document: &'a Document,
    sets: Vec<Set>,
}

impl Layers<'_> {
    fn merged(&self) -> Result<ScenarioFile, LoadError> {
        if self.sets.is_empty() {
            return self.document.read();
        }
        let mut table: toml::Table = self.document.read()?;
        for set in &self.sets {
            set.apply(&mut table);
        }
        // Each layer was read before, so every value has its type.
        table
            .try_into()
            .map_err(|error: toml::de::Error| LoadError::new(&self.document.name, error.message()))
    }

    fn finish(
        &self,
        file: ScenarioFile,
        folder: &Path,
        workload: Option<&WorkloadArg>,
    ) -> Result<Scenario, LoadError> {
        if !file
            .schema
            .as_deref()
            .is_some_and(|text| same_major(text, SCENARIO_SCHEMA))
        {
            return Err(self.problem(&Problem::new(
                keys(&["schema"]),
                format!(
                    "this version of the format is not known; this cutover reads {SCENARIO_SCHEMA}"
                ),
                format!("write `schema = \"{SCENARIO_SCHEMA}\"`"),
            )));
        }
        let needed = |value: Option<String>, key: &'static str, like: &str| {
            value.filter(|text| !text.trim().is_empty()).ok_or_else(|| {
                self.problem(&Problem::new(
                    keys(&[key]),
                    format!("the key `{key}` is missing or empty"),
                    format!("add `{key} = \"{like}\"` above the first [table]"),
                ))
            })
        };
        let name = needed(file.name, "name", "my-scenario")?;
        let about = needed(file.about, "about", "What it shows, in a sentence.")?;
        let strategy = needed(file.strategy, "strategy", "snapshot-binlog-gtid")?;
        let strategy_from = match self.said(&["strategy"]) {
            Some(_) => Path::new(""),
            None => folder,
        };
        let runbook = self.strategy(&strategy, strategy_from)?;
        let mut scenario = Scenario {
            name,
            about,
            runbook,
            clock: file.clock,
            environment: Environment {
                source: file.source,
                target: file.target,
                network: file.network,
                names: file.names,
                clients: file.clients,
                control_plane: file.control_plane,
                dms: file.dms,
            },
            workload: file.workload,
            faults: file.fault,
            expect: file.expect,
            explore: file.explore,
        };
        if self.said(&["workload", "paths"]).is_none() {
            for path in &mut scenario.workload.paths {
                *path = folder.join(&*path);
            }
        }
        if self.said(&["workload", "schema"]).is_none()
            && let Some(path) = &mut scenario.workload.schema
        {
            *path = folder.join(&*path);
        }
        if let Some(workload) = workload {
            workload.apply(&mut scenario.workload);
        }
        check_scenario(&scenario).map_err(|problem| self.problem(&problem))?;
        Ok(scenario)
    }

    /// A name that is not known is an error of the place that says it; what is wrong inside of a runbook
    /// is an error of the runbook's file.
    fn strategy(&self, strategy: &str, folder: &Path) -> Result<Runbook, LoadError> {
        load_runbook_near(strategy, folder).map_err(|error| {
            if error.span().is_some() {
                return error;
            }
            self.problem(&Problem::new(
                keys(&["strategy"]),
                format!("{}: {}", error.name(), error.message()),
                error.help_text().unwrap_or("name a runbook"),
            ))
        })
    }

    /// The last `--set` that says the path.
    fn said(&self, path: &[&'static str]) -> Option<&Set> {
        let path = keys(path);
        self.sets.iter().rev().find(|set| set.says(&path))
    }

    /// A problem, at the place that says it: the last `--set` that says its key or the key that it is with,
    /// or the file.
    fn problem(&self, problem: &Problem) -> LoadError {
        let says = |path: &[Part]| self.sets.iter().rev().find(|set| set.says(path));
        let rival = || Some(&problem.rival).filter(|path| !path.is_empty());
        match says(&problem.path).or_else(|| says(rival()?)) {
            Some(set) => set.problem(problem),
            None => self.document.problem(problem),
        }
    }
}

/// Everything but the runbook, which was checked when it was loaded.
fn check_scenario(scenario: &Scenario) -> Result<(), Problem> {
    check::clock(&scenario.clock).map_err(|p| p.under("clock"))?;
    check::environment(&scenario.environment)?;
    let privileged = scenario.environment.clients.privileged;
    check::workload(&scenario.workload, privileged, scenario.clock.limit)
        .map_err(|p| p.under("workload"))?;
    check::faults(&scenario.faults)?;
    check::exploring(&scenario.explore).map_err(|p| p.under("explore"))?;
    check::expect(&scenario.expect).map_err(|p| p.under("expect"))
}
