//! The hazards are whatever files the folder `hazards` has: to add one, add its files; nothing else names them.

use std::{env, error::Error, fs, path::Path};

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script so where to write"
)]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=hazards");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("hazards");
    let mut names = Vec::new();
    for file in fs::read_dir(&folder)? {
        let name = file?.file_name().to_string_lossy().into_owned();
        let scenario = name
            .strip_suffix(".toml")
            .filter(|n| !n.ends_with(".runbook"));
        names.extend(scenario.map(str::to_string));
    }
    names.sort();
    let mut list = String::from("&[\n");
    for name in names {
        let path = folder.join(format!("{name}.toml"));
        list.push_str(&format!("({name:?}, include_str!({path:?})),\n"));
    }
    list.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("hazards.rs"), list)?;
    Ok(())
}
