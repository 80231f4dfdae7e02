//! Where a process runs. Nothing of it may show in what the process writes.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

/// The two kinds of surroundings that are compared.
#[derive(Clone, Copy, Debug)]
pub enum Surroundings {
    /// No environment variables, in the folder of the outputs.
    Bare,
    /// Another time zone, language, home and folder, and variables that libraries look for.
    Strange,
}

impl Surroundings {
    /// Puts a command into them.
    pub fn around(self, command: &mut Command, folder: &Path) {
        command.env_clear();
        match self {
            Self::Bare => command.current_dir(folder),
            Self::Strange => command.current_dir("/").envs([
                ("TZ", "Asia/Kathmandu"),
                ("LANG", "tr_TR.UTF-8"),
                ("LC_ALL", "tr_TR.UTF-8"),
                ("HOME", "/nonexistent"),
                ("USER", "someone-else"),
                ("COLUMNS", "20"),
                ("RUST_LOG", "trace"),
                ("RUST_BACKTRACE", "1"),
                ("MADSIM_TEST_SEED", "99"),
                ("MADSIM_TEST_NUM", "3"),
            ]),
        };
    }
}

/// A process that keeps every core busy with other rehearsals until it is dropped.
#[derive(Debug)]
pub struct Neighbour(Child);

impl Neighbour {
    /// Starts it.
    pub fn busy() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command
            .args(["compare", "orders-small", "--all", "--seeds", "200"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(command.spawn().expect("the command starts"))
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
