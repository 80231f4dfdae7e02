//! The built-in runbooks and scenarios: files of this crate, no more privileged than a user's.
//!
//! To add one, add the file; to remove one, remove it: `build.rs` lists what the folders have.

use crate::parse_scenario;
use cutover_sim::plan::Expect;

/// A built-in file.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// The file's name without `.toml`, and the `name` in it.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// What `list` shows of a built-in file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// One or two sentences.
    pub about: String,
    /// It is there to show a mistake; never set for a scenario.
    pub naive: bool,
}

/// The built-in strategies, by their names: the folder `runbooks`.
pub const RUNBOOKS: &[Builtin] = include!(concat!(env!("OUT_DIR"), "/runbooks.rs"));

/// The built-in scenarios, by their names: the folder `scenarios`.
pub const SCENARIOS: &[Builtin] = include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

/// The hazards and their remedies, by their names: the folder `hazards`.
const HAZARDS: &[Builtin] = include!(concat!(env!("OUT_DIR"), "/hazards.rs"));

/// A scenario that crosses a limit and is caught, and its remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hazard {
    /// Its name; the files are `scenarios/hazards/NAME.toml` and `NAME.remedy.toml`.
    pub name: String,
    /// What it shows.
    pub about: String,
    /// What it is caught by: properties, or the verdict that is no safe one.
    pub caught_by: Vec<String>,
    /// What its remedy does.
    pub remedy: String,
}

/// The head of a hazard's file.
#[derive(serde::Deserialize)]
struct Head {
    about: String,
    #[serde(default)]
    expect: Expect,
}

/// Every hazard that has a remedy.
pub fn hazards() -> Vec<Hazard> {
    let head = |name: &str| -> Option<Head> { toml::from_str(find(HAZARDS, name)?.text).ok() };
    let hazard = |Builtin { name, .. }: &Builtin| {
        let (hazard, remedy) = (head(name)?, head(&format!("{name}.remedy"))?);
        let verdict = hazard
            .expect
            .verdict
            .map(|v| format!("{v:?}").to_lowercase());
        let caught_by = match hazard.expect.violates.is_empty() {
            true => verdict.into_iter().collect(),
            false => hazard.expect.violates,
        };
        Some(Hazard {
            name: name.to_string(),
            about: hazard.about,
            caught_by,
            remedy: remedy.about,
        })
    };
    HAZARDS.iter().filter_map(hazard).collect()
}

/// Every built-in strategy: those that show no mistake first, each kind in the order of the places that the files say,
/// and by name behind those.
pub fn strategies() -> Vec<Listed> {
    let listed = RUNBOOKS
        .iter()
        .filter_map(|file| crate::runbook::list(file.name, file.text).ok());
    let mut listed: Vec<(Option<u32>, Listed)> = listed.collect();
    listed.sort_by_key(|(place, l)| (l.naive, place.is_none(), *place, l.name.clone()));
    listed.into_iter().map(|(_, listed)| listed).collect()
}

/// Every built-in scenario.
pub fn scenarios() -> Vec<Listed> {
    let listed = SCENARIOS.iter().filter_map(|file| {
        let scenario = parse_scenario(file.name, file.text, &[]).ok()?;
        Some(Listed {
            name: scenario.name,
            about: scenario.about,
            naive: false,
        })
    });
    listed.collect()
}

/// The built-in file of that name.
pub(crate) fn find(files: &'static [Builtin], name: &str) -> Option<&'static Builtin> {
    files.iter().find(|file| file.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_runbook;

    #[test]
    fn every_built_in_file_is_valid_and_named_after_its_file() {
        for file in RUNBOOKS {
            match parse_runbook(file.name, file.text) {
                Ok(runbook) => assert_eq!(runbook.name, file.name),
                Err(error) => panic!("{error}"),
            }
        }
        for file in SCENARIOS {
            match parse_scenario(file.name, file.text, &[]) {
                Ok(scenario) => assert_eq!(scenario.name, file.name),
                Err(error) => panic!("{error}"),
            }
        }
        // `strategies` leaves out what it cannot read; so nothing is left out.
        assert_eq!(strategies().len(), RUNBOOKS.len());
        assert_eq!(scenarios().len(), SCENARIOS.len());
    }

    #[test]
    fn every_hazard_is_listed_with_what_it_is_caught_by_and_its_remedy() {
        let scenarios = HAZARDS.iter().filter(|f| !f.name.ends_with(".remedy"));
        let listed = hazards();
        assert_eq!(listed.len(), scenarios.count());
        for hazard in listed {
            assert!(!hazard.caught_by.is_empty(), "{}", hazard.name);
        }
    }

    #[test]
    fn only_some_runbooks_are_there_to_show_a_mistake() {
        let listed = strategies();
        let naive = listed.iter().filter(|l| l.naive).count();
        assert!(0 < naive && naive < listed.len());
        assert!(
            listed
                .iter()
                .all(|l| l.naive || !l.name.starts_with("naive-"))
        );
    }

    #[test]
    fn the_catalogue_is_what_the_folders_have_and_nothing_else() {
        for (folder, files) in [
            ("runbooks", RUNBOOKS),
            ("scenarios", SCENARIOS),
            ("hazards", HAZARDS),
        ] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let entries = std::fs::read_dir(path).unwrap();
            let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
            let mut there: Vec<String> = names
                .filter_map(|name| name.strip_suffix(".toml").map(str::to_string))
                .filter(|name| !name.ends_with(".runbook"))
                .collect();
            there.sort();
            let listed: Vec<&str> = files.iter().map(|file| file.name).collect();
            assert_eq!(listed, there, "{folder}");
        }
    }

    #[test]
    fn sound_strategies_are_listed_in_their_places_and_naive_ones_behind_them() {
        let listed = strategies();
        let naive: Vec<bool> = listed.iter().map(|l| l.naive).collect();
        assert!(naive.is_sorted(), "{naive:?}");
        let place = |name: &str| {
            let file = find(RUNBOOKS, name).unwrap();
            crate::runbook::list(file.name, file.text).unwrap().0
        };
        for pair in listed
            .windows(2)
            .filter(|pair| pair[0].naive == pair[1].naive)
        {
            let (first, second) = (place(&pair[0].name), place(&pair[1].name));
            let key = |place: Option<u32>| (place.is_none(), place);
            assert!(
                key(first) <= key(second),
                "{} {}",
                pair[0].name,
                pair[1].name
            );
        }
    }
}
