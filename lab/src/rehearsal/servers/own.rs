//! Servers for the length of a rehearsal: `tests/real/servers.sh` gets, starts and stops them.
//!
//! Nothing is installed; what is fetched is kept in the folder that the script names. A server's data lie in a
//! temporary folder.

use super::{Door, place::Address};
use crate::rehearsal::LabError;
use cutover_sim::{plan::Plan, runbook::Host};
use std::{fs, path::PathBuf, process::Command};

const SCRIPT: &str = include_str!("../../../../tests/real/servers.sh");
/// The status with which the script says that a server could not be had.
const NOT_TO_BE_HAD: i32 = 3;

/// The script, and a place for data.
#[derive(Debug)]
pub struct Folder {
    folder: tempfile::TempDir,
    script: PathBuf,
}

/// A running server; ends with it.
#[derive(Debug)]
pub struct Process {
    script: PathBuf,
    pid: String,
}

impl Folder {
    /// Writes the script into a fresh folder.
    pub fn new() -> Result<Self, LabError> {
        let failed = |source| LabError::Folder { source };
        let folder = tempfile::Builder::new()
            .prefix("cutover-lab-")
            .tempdir()
            .map_err(failed)?;
        let script = folder.path().join("servers.sh");
        fs::write(&script, SCRIPT).map_err(failed)?;
        Ok(Self { folder, script })
    }

    /// Starts a fresh server.
    pub fn start(&self, host: Host, plan: &Plan) -> Result<(Door, Process), LabError> {
        let environment = &plan.environment;
        let (source, target) = (environment.source.gtid_mode, environment.target_has_gtids());
        let (name, options) = match host {
            Host::Source => ("source", options(1, "mysql-bin-changelog", plan, source)),
            Host::Target | Host::Replica => ("target", options(2, "aurora", plan, target)),
        };
        let data = self.folder.path().join(name);
        let said = run(&self.script, |command| {
            command.args(["start", "9.7"]).arg(&data).args(options);
        })?;
        let address = said.split_whitespace().collect::<Vec<_>>();
        let [pid, port] = address[..] else {
            return Err(LabError::Server { said });
        };
        let process = Process {
            script: self.script.clone(),
            pid: pid.to_string(),
        };
        let port = port
            .parse()
            .map_err(|_| LabError::Server { said: said.clone() })?;
        let door = Door {
            address: Address {
                host: "127.0.0.1".into(),
                port,
            },
            user: "root".into(),
            password: String::new(),
        };
        Ok((door, process))
    }
}

/// Options of a server.
fn options(server_id: u32, base: &str, plan: &Plan, gtid_mode: bool) -> Vec<String> {
    let source = &plan.environment.source;
    let gtids = if gtid_mode { "ON" } else { "OFF" };
    vec![
        format!("--server-id={server_id}"),
        format!("--log-bin={base}"),
        format!("--gtid-mode={gtids}"),
        format!("--enforce-gtid-consistency={gtids}"),
        format!("--sync-binlog={}", source.sync_binlog),
        format!(
            "--innodb-flush-log-at-trx-commit={}",
            source.innodb_flush_log_at_trx_commit
        ),
        format!(
            "--max-binlog-size={}",
            source.max_binlog_size.0.clamp(4_096, 1 << 30)
        ),
        "--skip-replica-start".into(),
    ]
}

fn run(script: &PathBuf, arguments: impl FnOnce(&mut Command)) -> Result<String, LabError> {
    let mut command = Command::new("bash");
    command.arg(script);
    arguments(&mut command);
    let output = command
        .output()
        .map_err(|source| LabError::Script { source })?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_string();
    match output.status.code() {
        Some(0) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Some(NOT_TO_BE_HAD) => Err(LabError::NotToBeHad { said }),
        _ => Err(LabError::Server { said }),
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It ends with the folder's removal at the latest; there is nobody to tell.
        let _ = run(&self.script, |command| {
            command.args(["kill", &self.pid]);
        });
    }
}
