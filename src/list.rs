//! `cutover list`: what there is.

use crate::{
    args::Format,
    exit::Status,
    failure::Failure,
    output::{self, json, table},
};
use clap::ValueEnum;
use cutover::{
    scenarios::{Hazard, hazards, scenarios, strategies},
    sim::{
        faults,
        mutant::{self, Mutants},
        probes,
        properties::CATALOGUE,
    },
};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  cutover list strategies
  cutover list properties --format json | jq -r '.properties[].id'";

/// What there is: strategies, scenarios, hazards, faults, occasions, properties, probes, mutants.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to list
    #[arg(value_enum, value_name = "WHAT")]
    what: What,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Runbooks that come with cutover: what an operator does, step by step
    Strategies,
    /// Environments and traffic that come with cutover
    Scenarios,
    /// Scenarios that cross a limit and are caught, each with its remedy
    Hazards,
    /// What can go wrong in a run: `[[fault]]` in a scenario or a plan
    Faults,
    /// What a fault can be tied to: `on = { event = … }`
    Occasions,
    /// What every run is checked for
    Properties,
    /// Rare paths that a sweep must reach
    Probes,
    /// Known bugs that a plan can switch on, in a build that has them
    Mutants,
}

/// Lists, as JSON has them.
#[derive(Debug, Serialize)]
pub struct Lists {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    strategies: Option<Vec<Strategy>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scenarios: Option<Vec<Named>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hazards: Option<Vec<HazardJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    faults: Option<Vec<Fault>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occasions: Option<Vec<Named>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Vec<Property>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probes: Option<Vec<Named>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mutants: Option<Vec<Mutant>>,
}

#[derive(Debug, Serialize)]
struct Strategy {
    name: String,
    about: String,
    naive: bool,
}

#[derive(Debug, Serialize)]
struct Named {
    name: String,
    about: String,
}

#[derive(Debug, Serialize)]
struct HazardJson {
    name: String,
    about: String,
    caught_by: Vec<String>,
    remedy: String,
    file: String,
}

#[derive(Debug, Serialize)]
struct Fault {
    kind: &'static str,
    about: &'static str,
    lasts: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    breaks: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Mutant {
    name: &'static str,
    about: &'static str,
    basis: &'static str,
    caught_by: &'static str,
    built: bool,
}

#[derive(Debug, Serialize)]
struct Property {
    id: &'static str,
    name: &'static str,
    says: &'static str,
}

fn runbooks() -> Vec<Strategy> {
    let listed = strategies().into_iter().map(|l| Strategy {
        name: l.name,
        about: l.about,
        naive: l.naive,
    });
    listed.collect()
}

fn environments() -> Vec<Named> {
    let listed = scenarios().into_iter().map(|l| Named {
        name: l.name,
        about: l.about,
    });
    listed.collect()
}

fn limits() -> Vec<HazardJson> {
    let listed = hazards().into_iter().map(|hazard: Hazard| HazardJson {
        file: format!("scenarios/hazards/{}.toml", hazard.name),
        name: hazard.name,
        about: hazard.about,
        caught_by: hazard.caught_by,
        remedy: hazard.remedy,
    });
    listed.collect()
}

fn kinds_of_fault() -> Vec<Fault> {
    let kinds = faults::CATALOGUE.iter().map(|k| Fault {
        kind: k.key,
        about: k.about,
        lasts: k.lasting == faults::Lasting::Lasts,
        breaks: k.breaks,
    });
    kinds.collect()
}

fn occasions() -> Vec<Named> {
    let named = faults::Occasion::ALL.iter().map(|(occasion, about)| Named {
        name: occasion.name(),
        about: (*about).to_string(),
    });
    named.collect()
}

fn rare_paths() -> Vec<Named> {
    let named = probes::CATALOGUE.iter().map(|(_, name, about)| Named {
        name: (*name).to_string(),
        about: (*about).to_string(),
    });
    named.collect()
}

fn mutants() -> Vec<Mutant> {
    let mutants = mutant::CATALOGUE.iter().map(|m| Mutant {
        name: m.name,
        about: m.about,
        basis: m.basis,
        caught_by: m.caught_by,
        built: Mutants::BUILT,
    });
    mutants.collect()
}

fn properties() -> Vec<Property> {
    let properties = CATALOGUE.iter().map(|p| Property {
        id: p.id,
        name: p.name,
        says: p.says,
    });
    properties.collect()
}

/// Every list at once, for the test that each field is documented.
#[cfg(test)]
pub fn everything() -> Lists {
    Lists {
        schema: json::SCHEMA,
        strategies: Some(runbooks()),
        scenarios: Some(environments()),
        hazards: Some(limits()),
        faults: Some(kinds_of_fault()),
        occasions: Some(occasions()),
        properties: Some(properties()),
        probes: Some(rare_paths()),
        mutants: Some(mutants()),
    }
}

/// Does it.
pub fn execute(args: &Args, format: Format) -> Result<Status, Failure> {
    let mut lists = Lists {
        schema: json::SCHEMA,
        strategies: None,
        scenarios: None,
        hazards: None,
        faults: None,
        occasions: None,
        properties: None,
        probes: None,
        mutants: None,
    };
    match args.what {
        What::Strategies => lists.strategies = Some(runbooks()),
        What::Scenarios => lists.scenarios = Some(environments()),
        What::Hazards => lists.hazards = Some(limits()),
        What::Faults => lists.faults = Some(kinds_of_fault()),
        What::Occasions => lists.occasions = Some(occasions()),
        What::Properties => lists.properties = Some(properties()),
        What::Probes => lists.probes = Some(rare_paths()),
        What::Mutants => lists.mutants = Some(mutants()),
    }
    output::print(&match format {
        Format::Json => json::text(&lists),
        Format::Text => text(&lists),
    })?;
    Ok(Status::Holds)
}

fn text(lists: &Lists) -> String {
    let width = output::width();
    let mut text = String::new();
    if let Some(strategies) = &lists.strategies {
        for (heading, naive) in [
            ("Strategies", false),
            ("Strategies that show a mistake", true),
        ] {
            let some = strategies.iter().filter(|s| s.naive == naive);
            let entries: Vec<_> = some.map(|s| (s.name.clone(), s.about.clone())).collect();
            text.push_str(&table::glossary(heading, &entries, width));
            text.push('\n');
        }
        text.push_str("Rehearse one:  cutover run orders --strategy NAME\n");
    }
    if let Some(named) = &lists.scenarios {
        let entries: Vec<_> = named
            .iter()
            .map(|n| (n.name.clone(), n.about.clone()))
            .collect();
        text.push_str(&table::glossary("Scenarios", &entries, width));
        text.push_str("\nRehearse one:  cutover run NAME\n");
    }
    if let Some(hazards) = &lists.hazards {
        let described = |h: &HazardJson| {
            let caught = h.caught_by.join(", ");
            format!("{} Caught by: {caught}. Remedy: {}", h.about, h.remedy)
        };
        let entries: Vec<_> = hazards
            .iter()
            .map(|h| (h.name.clone(), described(h)))
            .collect();
        text.push_str(&table::glossary("Hazards", &entries, width));
        text.push_str(
            "\nRehearse one:  cutover run scenarios/hazards/NAME.toml, and its remedy: NAME.remedy.toml\n",
        );
    }
    if let Some(kinds) = &lists.faults {
        for (heading, hazards) in [
            ("Faults that a sound strategy survives", false),
            ("Hazards, each with the assumption that it breaks", true),
        ] {
            let some = kinds.iter().filter(|k| k.breaks.is_some() == hazards);
            let entries: Vec<_> = some.map(|k| (k.kind.to_string(), described(k))).collect();
            text.push_str(&table::glossary(heading, &entries, width));
            text.push('\n');
        }
        text.push_str("In a scenario or a plan:  [[fault]]\n");
        text.push_str("                          on = { event = \"gate-polled\" }\n");
        text.push_str("                          lasts = \"90s\"\n");
        text.push_str("                          partition = { link = \"replication\" }\n");
    }
    for (heading, named) in [("Occasions", &lists.occasions), ("Probes", &lists.probes)] {
        if let Some(named) = named {
            let entries: Vec<_> = named
                .iter()
                .map(|n| (n.name.clone(), n.about.clone()))
                .collect();
            text.push_str(&table::glossary(heading, &entries, width));
        }
    }
    if let Some(mutants) = &lists.mutants {
        let described = |m: &Mutant| format!("{} {} must catch it.", m.about, m.caught_by);
        let entries: Vec<_> = mutants
            .iter()
            .map(|m| (m.name.to_string(), described(m)))
            .collect();
        text.push_str(&table::glossary("Mutants", &entries, width));
        text.push_str(match Mutants::BUILT {
            true => "\nSwitch one on:  cutover run orders-small --mutant NAME\n",
            false => "\nThis cutover is built without them:  cargo build --features mutants\n",
        });
    }
    if let Some(properties) = &lists.properties {
        let entries: Vec<_> = properties
            .iter()
            .map(|p| (format!("{:<4}{}", p.id, p.name), p.says.to_string()))
            .collect();
        text.push_str(&table::glossary("Properties", &entries, width));
    }
    text
}

fn described(kind: &Fault) -> String {
    match kind.breaks {
        Some(assumption) => format!("{} Breaks: {assumption}.", kind.about),
        None => kind.about.to_string(),
    }
}
