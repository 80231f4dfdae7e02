//! The table of experiments: how the two sides compare, and the page that says it.

use crate::script::{Asked, Experiment, Line};
use std::{collections::BTreeMap, fmt::Write as _};

/// What came of the lines of an experiment, in order.
pub type Outcomes = Vec<String>;

/// An experiment's outcomes by version: the model's, and the server's where it was asked.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub model: BTreeMap<Asked, Outcomes>,
    pub server: BTreeMap<Asked, Outcomes>,
}

/// What is wrong with a version's outcomes: differences that nobody stated, statements that do not hold.
pub fn wrong(
    experiment: &Experiment,
    asked: Asked,
    model: &[String],
    server: &[String],
) -> Vec<String> {
    let mut wrong = Vec::new();
    for ((line, model), server) in experiment.lines.iter().zip(model).zip(server) {
        let stated = line
            .differences
            .iter()
            .find(|d| d.versions.contains(&asked));
        match stated {
            None if model == server => {}
            None => wrong.push(format!(
                "{}\n    model:  {model}\n    server: {server}",
                line.text
            )),
            Some(stated) => {
                for (who, stated, is) in [
                    ("the model", &stated.model, model),
                    ("the server", &stated.server, server),
                ] {
                    if !fits(stated, is) {
                        wrong.push(format!(
                            "{}\n    the stated difference does not hold: {who} was to say\n      {stated}\n    and says\n      {is}",
                            line.text
                        ));
                    }
                }
                if model == server {
                    wrong.push(format!(
                        "{}\n    a difference is stated, and there is none",
                        line.text
                    ));
                }
            }
        }
    }
    wrong
}

/// Whether a text is as stated; `…` stands for anything.
pub fn fits(stated: &str, text: &str) -> bool {
    let mut parts = stated.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

const HEAD: &str = "# The same experiments on the model and on real servers

<!-- Written by `tests/real/table --write`; `tests/real/table` fails when it is not what the servers say. -->

Each experiment is a script of a few lines (`tests/real/experiments/scripts/`) that runs on the model and on a pair of
real servers, source and replica. The outcome of every line is compared: rows, error numbers and texts, status fields, GTID
sets. The table shows the lines that observe something, and those that failed or waited. `after 3` is where the source's
binlog ended after the third statement that wrote to it; SOURCE, REPLICA and OTHER stand for server UUIDs.

*As the model* means that all lines had the same outcome. Where they had not, the difference is stated with the reason
why it does not matter to a verdict, and the run fails as soon as it is any other, or none.
";

/// The page.
pub fn page(
    experiments: &[Experiment],
    seen: &BTreeMap<String, Seen>,
    versions: &BTreeMap<Asked, String>,
) -> String {
    let mut page = HEAD.to_owned();
    let differ = experiments
        .iter()
        .filter(|e| e.lines.iter().any(|l| !l.differences.is_empty()))
        .count();
    let name = |asked: Asked| {
        versions
            .get(&asked)
            .cloned()
            .unwrap_or_else(|| asked.name().into())
    };
    let _ = write!(
        page,
        "\n{} experiments; in {} of them a difference is stated. The servers: MySQL {} and {}.\n",
        experiments.len(),
        differ,
        name(Asked::V5_6),
        name(Asked::V9_7)
    );
    let mut theme = "";
    for experiment in experiments {
        if experiment.theme != theme {
            theme = &experiment.theme;
            let _ = write!(
                page,
                "\n## {theme}\n\n| experiment | model | {} | {} | |\n| --- | --- | --- | --- | --- |\n",
                name(Asked::V5_6),
                name(Asked::V9_7)
            );
        }
        if let Some(seen) = seen.get(&experiment.name) {
            row(&mut page, experiment, seen);
        }
    }
    page
}

/// The versions that a page names.
pub fn versions_of(page: &str) -> Option<[(Asked, String); 2]> {
    let (_, rest) = page.split_once("The servers: MySQL ")?;
    let (older, rest) = rest.split_once(" and ")?;
    let (newer, _) = rest.split_once(".\n")?;
    Some([(Asked::V5_6, older.into()), (Asked::V9_7, newer.into())])
}

fn row(page: &mut String, experiment: &Experiment, seen: &Seen) {
    let newest = seen
        .model
        .get(&Asked::V9_7)
        .or(seen.model.get(&Asked::V5_6));
    let newest = newest.cloned().unwrap_or_default();
    let mut model = observations(experiment, &newest);
    if let Some(older) = seen
        .model
        .get(&Asked::V5_6)
        .filter(|older| **older != newest)
    {
        let _ = write!(
            model,
            "<br>**as 5.6:** {}",
            only(experiment, older, &newest)
        );
    }
    let cell = |asked: Asked| match (seen.model.get(&asked), seen.server.get(&asked)) {
        (Some(model), Some(server)) if model == server => "as the model".to_owned(),
        (Some(model), Some(server)) => only(experiment, server, model),
        _ => "–".to_owned(),
    };
    let mut reasons: Vec<&str> = Vec::new();
    for difference in experiment.lines.iter().flat_map(|l| &l.differences) {
        if !reasons.contains(&difference.why.as_str()) {
            reasons.push(&difference.why);
        }
    }
    let verdict = match reasons.is_empty() {
        true => "agree".to_owned(),
        false => format!("differ: {}", reasons.join("; ")),
    };
    let _ = writeln!(
        page,
        "| **{}**<br>{} | {model} | {} | {} | {} |",
        experiment.name,
        cells(&experiment.about),
        cell(Asked::V5_6),
        cell(Asked::V9_7),
        cells(&verdict)
    );
}

/// What an experiment observes.
fn observations(experiment: &Experiment, outcomes: &[String]) -> String {
    let lines = experiment.lines.iter().zip(outcomes);
    let shown = lines.filter(|(line, outcome)| line.observes() || *outcome != "ok");
    joined(shown.map(|(line, outcome)| (line, outcome.as_str())))
}

/// What differs from the other outcomes.
fn only(experiment: &Experiment, outcomes: &[String], others: &[String]) -> String {
    let lines = experiment.lines.iter().zip(outcomes).zip(others);
    let differing = lines.filter(|((_, outcome), other)| outcome != other);
    joined(differing.map(|((line, outcome), _)| (line, outcome.as_str())))
}

fn joined<'a>(lines: impl Iterator<Item = (&'a Line, &'a str)>) -> String {
    let each = lines.map(|(line, outcome)| {
        let text = match line.text.split_once(":status ") {
            Some((actor, _)) => format!("{actor}:status"),
            None => line.text.clone(),
        };
        format!("`{}` {}", cells(&text), cells(outcome))
    });
    each.collect::<Vec<_>>().join("<br>")
}

/// A text in a cell of a table.
fn cells(text: &str) -> String {
    let text = text.replace('|', "\\|").replace('<', "&lt;");
    match text.char_indices().nth(330) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script;

    fn judged(difference: &str, model: &str, server: &str) -> bool {
        let text = format!("= x\nsource SELECT * FROM t\n{difference}\n");
        let read = script::read("theme", "file", &text).expect("a script");
        let (model, server) = ([model.to_owned()], [server.to_owned()]);
        wrong(&read[0], Asked::V9_7, &model, &server).is_empty()
    }

    #[test]
    fn only_a_difference_that_is_just_as_stated_passes() {
        let stated = "! 9.7 | (1) | (2) … | why";
        assert!(judged("", "(1)", "(1)"));
        assert!(!judged("", "(1)", "(2)"), "nobody stated it");
        assert!(judged(stated, "(1)", "(2) (3)"));
        assert!(!judged(stated, "(1)", "(1)"), "it has gone");
        assert!(!judged(stated, "(0)", "(2) (3)"), "the model differs");
        assert!(!judged(stated, "(1)", "(3)"), "the server differs");
        assert!(
            !judged("! 5.6 | (1) | (2) | why", "(1)", "(2)"),
            "of another version"
        );
    }

    #[test]
    fn dots_stand_for_anything() {
        assert!(fits("a…c…", "abcd") && fits("…", "") && fits("a", "a"));
        assert!(!fits("a…c", "ab") && !fits("a", "ab") && !fits("b…", "ab"));
    }
}
