//! Strategies, scenarios and hazards are whatever files their folders have: to add one, add its file; to remove one,
//! remove it. Nothing else names them.

use std::{env, error::Error, fs, path::Path};

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script so where to read and write; a target folder may be another checkout's"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let (here, out) = (env::var("CARGO_MANIFEST_DIR")?, env::var("OUT_DIR")?);
    for folder in ["runbooks", "scenarios", "hazards"] {
        println!("cargo::rerun-if-changed={folder}");
        let list = list_of(&Path::new(&here).join(folder))?;
        fs::write(Path::new(&out).join(format!("{folder}.rs")), list)?;
    }
    Ok(())
}

/// The names of a folder's files, without `.toml`, each with its text, in the order of their names. A hazard's own
/// runbook is none of the strategies.
fn list_of(folder: &Path) -> Result<String, Box<dyn Error>> {
    let mut names = Vec::new();
    for file in fs::read_dir(folder)? {
        let name = file?.file_name().to_string_lossy().into_owned();
        let listed = name
            .strip_suffix(".toml")
            .filter(|n| !n.ends_with(".runbook"));
        names.extend(listed.map(str::to_string));
    }
    names.sort();
    let mut list = String::from("&[\n");
    for name in names {
        let path = folder.join(format!("{name}.toml"));
        list.push_str(&format!(
            "Builtin {{ name: {name:?}, text: include_str!({path:?}) }},\n"
        ));
    }
    list.push_str("]\n");
    Ok(list)
}
