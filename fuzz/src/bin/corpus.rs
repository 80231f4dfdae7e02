//! Lists the targets, or writes the inputs to start from, `FOLDER/TARGET/NUMBER` each.

use cutover_fuzz::TARGETS;
use std::{fs, io, path::PathBuf};

fn main() -> io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        TARGETS
            .iter()
            .for_each(|target| println!("{}", target.name));
        return Ok(());
    };
    for target in TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:04}")), seed)?;
        }
    }
    Ok(())
}
