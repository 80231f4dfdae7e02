//! Real servers for the length of a rehearsal: `tests/real/servers.sh` gets, starts and stops them.
//!
//! Nothing is installed; what is fetched is kept in the folder that the script names. A server's data lie in a
//! temporary folder.

use super::LabError;
use mysql::{Conn, OptsBuilder, prelude::Queryable};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const SCRIPT: &str = include_str!("../../../tests/real/servers.sh");
/// The status with which the script says that a server could not be had.
const NOT_TO_BE_HAD: i32 = 3;
/// A server that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(30);

/// The script, and a place for data.
#[derive(Debug)]
pub struct Servers {
    folder: tempfile::TempDir,
    script: PathBuf,
}

/// A running server; ends with it.
#[derive(Debug)]
pub struct Server {
    script: PathBuf,
    pid: String,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its data.
    pub data: PathBuf,
}

impl Servers {
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

    /// Where files may be put.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a fresh server with these options.
    pub fn start(&self, name: &str, options: &[String]) -> Result<Server, LabError> {
        let data = self.folder.path().join(name);
        let said = run(&self.script, |command| {
            command.args(["start", "9.7"]).arg(&data).args(options);
        })?;
        let address = said.split_whitespace().collect::<Vec<_>>();
        let [pid, port] = address[..] else {
            return Err(LabError::Server { said });
        };
        let port = port
            .parse()
            .map_err(|_| LabError::Server { said: said.clone() })?;
        Ok(Server {
            script: self.script.clone(),
            pid: pid.to_string(),
            port,
            data,
        })
    }
}

fn run(script: &Path, arguments: impl FnOnce(&mut Command)) -> Result<String, LabError> {
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

impl Server {
    /// A connection with an account without a password.
    pub fn connect(&self, user: &str) -> Result<Conn, mysql::Error> {
        connect(self.port, user)
    }
}

/// A connection to a port of 127.0.0.1. Times are in UTC.
pub fn connect(port: u16, user: &str) -> Result<Conn, mysql::Error> {
    let options = OptsBuilder::new()
        .ip_or_hostname(Some("127.0.0.1"))
        .tcp_port(port)
        .user(Some(user))
        .prefer_socket(false)
        .tcp_connect_timeout(Some(SILENCE))
        .read_timeout(Some(SILENCE))
        .write_timeout(Some(SILENCE));
    let mut connection = Conn::new(options)?;
    connection.query_drop("SET time_zone = '+00:00'")?;
    Ok(connection)
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with the folder's removal at the latest; there is nobody to tell.
        let _ = run(&self.script, |command| {
            command.args(["stop", &self.pid]);
        });
    }
}
