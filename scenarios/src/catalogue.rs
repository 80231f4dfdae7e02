//! The built-in runbooks and scenarios: files of this crate, no more privileged than a user's.
//!
//! To add one, add the file and its line; to remove one, remove both. Nothing else names them.

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

macro_rules! embedded {
    ($folder:literal: $($name:literal,)*) => {
        &[$(Builtin {
            name: $name,
            text: include_str!(concat!("../", $folder, "/", $name, ".toml")),
        },)*]
    };
}

/// The built-in strategies, in the order in which they are listed: sound ones, then naive ones.
pub const RUNBOOKS: &[Builtin] = embedded!("runbooks":
    "snapshot-binlog-gtid",
    "snapshot-binlog-position",
    "replica-binlog-position",
    "snapshot-freeze",
    "wizard-read-replica",
    "wizard-migrate-snapshot-frozen",
    "snapshot-binlog-gtid-rollback",
    "snapshot-binlog-position-rollback",
    "wizard-read-replica-rollback",
    "snapshot-only",
    "wizard-migrate-snapshot",
    "dms-full-load-cdc",
    "dms-full-load",
    "snapshot-binlog-gtid-no-retention",
    "naive-lag-gate",
    "naive-no-fence",
    "naive-no-retention",
    "naive-show-master-status",
    "naive-early-coordinates",
    "naive-coordinates-from-target",
    "naive-wizard-lag-gate",
    "naive-wizard-promote-early",
    "naive-rollback-late-coordinates",
    "naive-rollback-without-replication",
    "naive-dms-live-load",
    "naive-dms-defaults",
);

/// The built-in scenarios.
pub const SCENARIOS: &[Builtin] = embedded!("scenarios":
    "orders",
    "orders-small",
    "orders-append",
    "orders-jvm-dns",
);

/// The files of the folder `hazards`, by their names: `build.rs` lists them.
const HAZARD_FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/hazards.rs"));

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
    let head = |name: &str| -> Option<Head> {
        let (_, text) = HAZARD_FILES.iter().find(|(file, _)| *file == name)?;
        toml::from_str(text).ok()
    };
    let hazard = |(name, _): &(&str, &str)| {
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
    HAZARD_FILES.iter().filter_map(hazard).collect()
}

/// Every built-in strategy.
pub fn strategies() -> Vec<Listed> {
    let listed = RUNBOOKS
        .iter()
        .filter_map(|file| crate::runbook::list(file.name, file.text).ok());
    listed.collect()
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
        let scenarios = HAZARD_FILES.iter().filter(|(n, _)| !n.ends_with(".remedy"));
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
    fn every_file_in_the_folders_is_in_the_catalogue() {
        for (folder, files) in [("runbooks", RUNBOOKS), ("scenarios", SCENARIOS)] {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_stem().unwrap().to_str().unwrap();
                assert!(find(files, name).is_some(), "{name} has no line");
            }
        }
    }
}
