//! Runs the experiments on both sides, compares, and holds the page against the run.

use crate::{
    Arguments,
    modelled::Modelled,
    real::{Real, Start},
    script::{self, Asked, Experiment},
    servers::{self, NoServer},
    table::{self, Outcomes, Seen},
};
use std::{collections::BTreeMap, path::Path, process::ExitCode, thread, time::Instant};

/// Theme, file and text.
const SCRIPTS: [(&str, &str, &str); 11] = [
    (
        "Where replication starts",
        "starts.txt",
        include_str!("../scripts/starts.txt"),
    ),
    ("GTIDs", "gtids.txt", include_str!("../scripts/gtids.txt")),
    (
        "Conflicts and missing rows",
        "conflicts.txt",
        include_str!("../scripts/conflicts.txt"),
    ),
    (
        "Threads and their status",
        "threads.txt",
        include_str!("../scripts/threads.txt"),
    ),
    (
        "Fences",
        "fences.txt",
        include_str!("../scripts/fences.txt"),
    ),
    (
        "Crashes and restarts",
        "crashes.txt",
        include_str!("../scripts/crashes.txt"),
    ),
    (
        "Applying",
        "applying.txt",
        include_str!("../scripts/applying.txt"),
    ),
    (
        "Replication filters",
        "filters.txt",
        include_str!("../scripts/filters.txt"),
    ),
    (
        "Values",
        "values.txt",
        include_str!("../scripts/values.txt"),
    ),
    (
        "Sessions",
        "sessions.txt",
        include_str!("../scripts/sessions.txt"),
    ),
    (
        "The event scheduler",
        "events.txt",
        include_str!("../scripts/events.txt"),
    ),
];

/// `Seconds_Behind_Source`, as far as two runs can agree on it.
pub fn lag(seconds: Option<u64>) -> String {
    match seconds {
        None => "NULL".into(),
        Some(0) => "0".into(),
        Some(_) => "1 or more".into(),
    }
}

/// Runs what was asked for.
pub fn run(given: &Arguments) -> ExitCode {
    let mut experiments = Vec::new();
    for (theme, file, text) in SCRIPTS {
        match script::read(theme, file, text) {
            Ok(read) => experiments.extend(read),
            Err(bad) => return crate::wrong_usage(&bad.to_string()),
        }
    }
    experiments.retain(|e| e.name.contains(&given.only));
    if given.model {
        experiments.iter().for_each(show_model);
        return ExitCode::SUCCESS;
    }
    // Both versions at once: most of the time is waiting.
    let reports: Vec<Report> = thread::scope(|scope| {
        let run = |asked: Asked| {
            let (experiments, work) = (&experiments, &given.work);
            scope.spawn(move || Report::of(asked, experiments, work))
        };
        let running = Asked::ALL.map(run);
        running
            .into_iter()
            .map(|thread| thread.join().expect("a run does not panic"))
            .collect()
    });
    finish(given, &experiments, &reports)
}

fn show_model(experiment: &Experiment) {
    for asked in &experiment.on {
        println!("= {} (as {})", experiment.name, asked.name());
        for (line, outcome) in experiment.lines.iter().zip(on_model(experiment, *asked)) {
            println!("  {}\n      {outcome}", line.text);
        }
    }
}

fn on_model(experiment: &Experiment, asked: Asked) -> Outcomes {
    let mut pair = Modelled::new(asked, &experiment.settings);
    experiment.lines.iter().map(|line| pair.run(line)).collect()
}

/// What came of all experiments on a version.
#[derive(Debug, Default)]
struct Report {
    version: Option<String>,
    server: BTreeMap<String, Outcomes>,
    failed: usize,
    skipped: usize,
}

impl Report {
    fn of(asked: Asked, experiments: &[Experiment], work: &Path) -> Self {
        let mut report = Self::default();
        let mut mine: Vec<&Experiment> = experiments
            .iter()
            .filter(|e| e.on.contains(&asked))
            .collect();
        // Those that a pair can be used for again come one after the other.
        mine.sort_by_key(|e| Start::of(&e.settings));
        for asked in [Asked::V9_7, asked] {
            if let Err(NoServer::NotHad(what) | NoServer::Failed(what)) = servers::fetch(asked) {
                println!("SKIP  {} experiments: {what}", mine.len());
                report.skipped = mine.len();
                return report;
            }
        }
        let mut pair: Option<(Start, Real)> = None;
        for (index, experiment) in mine.iter().enumerate() {
            let began = Instant::now();
            let start = Start::of(&experiment.settings);
            if pair
                .as_ref()
                .is_none_or(|(s, real)| *s != start || real.spoilt)
            {
                drop(pair.take());
                let folder = work.join(format!("pair-{}-{index}", asked.name()));
                match std::fs::create_dir_all(&folder)
                    .map_err(|e| NoServer::Failed(e.to_string()))
                    .and_then(|()| Real::new(asked, &folder, &start))
                {
                    Ok(real) => pair = Some((start, real)),
                    Err(error) => {
                        report.give_up(experiment, asked, error);
                        continue;
                    }
                }
            }
            let Some((_, real)) = &mut pair else { continue };
            report.version.get_or_insert_with(|| real.version());
            match on_server(experiment, real) {
                Ok(outcomes) => report.judge(experiment, asked, outcomes, began),
                Err(error) => {
                    real.spoilt = true;
                    report.give_up(experiment, asked, error);
                }
            }
        }
        report
    }

    fn judge(&mut self, experiment: &Experiment, asked: Asked, outcomes: Outcomes, began: Instant) {
        let model = on_model(experiment, asked);
        let wrong = table::wrong(experiment, asked, &model, &outcomes);
        let took = began.elapsed().as_secs_f32();
        let verdict = if wrong.is_empty() { "PASS" } else { "FAIL" };
        let mut text = format!(
            "{verdict}  {} on {} ({took:.1} s)",
            experiment.name,
            asked.name()
        );
        for wrong in &wrong {
            text.push_str(&format!("\n  {wrong}"));
        }
        println!("{text}");
        self.failed += usize::from(!wrong.is_empty());
        self.server.insert(experiment.name.clone(), outcomes);
    }

    fn give_up(&mut self, experiment: &Experiment, asked: Asked, error: NoServer) {
        match error {
            NoServer::NotHad(what) => {
                println!("SKIP  {} on {}: {what}", experiment.name, asked.name());
                self.skipped += 1;
            }
            NoServer::Failed(what) => {
                println!("FAIL  {} on {}: {what}", experiment.name, asked.name());
                self.failed += 1;
            }
        }
    }
}

fn on_server(experiment: &Experiment, pair: &mut Real) -> Result<Outcomes, NoServer> {
    pair.reset(&experiment.settings)?;
    experiment.lines.iter().map(|line| pair.run(line)).collect()
}

fn finish(given: &Arguments, chosen: &[Experiment], reports: &[Report]) -> ExitCode {
    let count: usize = chosen.iter().map(|e| e.on.len()).sum();
    let mut failed: usize = reports.iter().map(|r| r.failed).sum();
    let skipped: usize = reports.iter().map(|r| r.skipped).sum();
    let mut passed = count - failed - skipped;
    if skipped == 0 && given.only.is_empty() {
        match page_is_right(given, chosen, reports) {
            Ok(()) => {
                passed += 1;
                println!("PASS  docs/experiments.md is what this run says");
            }
            Err(what) => {
                failed += 1;
                println!("FAIL  docs/experiments.md: {what}");
            }
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed > 0 {
        return ExitCode::from(1);
    }
    if skipped > 0 {
        println!("NOT JUDGED: {skipped} experiments were not run (see above)");
        return ExitCode::from(3);
    }
    ExitCode::SUCCESS
}

fn page_is_right(
    given: &Arguments,
    experiments: &[Experiment],
    reports: &[Report],
) -> Result<(), String> {
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    let mut versions = BTreeMap::new();
    for experiment in experiments {
        let of = seen.entry(experiment.name.clone()).or_default();
        for (asked, report) in Asked::ALL.into_iter().zip(reports) {
            if let Some(outcomes) = report.server.get(&experiment.name) {
                of.model.insert(asked, on_model(experiment, asked));
                of.server.insert(asked, outcomes.clone());
            }
        }
    }
    for (asked, report) in Asked::ALL.into_iter().zip(reports) {
        versions.extend(report.version.clone().map(|v| (asked, v)));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/experiments.md");
    if given.write {
        let page = table::page(experiments, &seen, &versions);
        return std::fs::write(path, page).map_err(|e| e.to_string());
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    // A newer server that does the same needs no new page.
    versions.extend(table::versions_of(&committed).into_iter().flatten());
    let page = table::page(experiments, &seen, &versions);
    match committed == page {
        true => Ok(()),
        false => {
            Err("it is not what this run says; `tests/real/table --write` writes it anew".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a server: what the scripts state of the model is what the model does.
    #[test]
    fn the_model_says_what_every_stated_difference_says_of_it() {
        let mut stated = 0;
        for (theme, file, text) in SCRIPTS {
            let read = script::read(theme, file, text).unwrap_or_else(|bad| panic!("{bad}"));
            for experiment in &read {
                for asked in &experiment.on {
                    let outcomes = on_model(experiment, *asked);
                    for (line, outcome) in experiment.lines.iter().zip(&outcomes) {
                        let of = line.differences.iter();
                        for difference in of.filter(|d| d.versions.contains(asked)) {
                            stated += 1;
                            assert!(
                                table::fits(&difference.model, outcome),
                                "{}: {}: {outcome}",
                                experiment.name,
                                line.text
                            );
                        }
                    }
                }
            }
        }
        assert!(stated > 0);
    }
}
