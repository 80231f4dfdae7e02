//! Real servers: started by `tests/real/servers.sh`, spoken to over their protocol.

use crate::{outcome::Outcome, script::Asked};
use mysql::{Conn, OptsBuilder, Row, Value, consts::ColumnType, prelude::Queryable};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

/// Why there is no server.
#[derive(Debug)]
pub enum NoServer {
    /// It could not be had: nothing is judged.
    NotHad(String),
    /// It did not do what it was asked.
    Failed(String),
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../servers.sh")
}

/// Gets a version, from the cache or the network.
///
/// # Errors
/// It is not to be had.
pub fn fetch(asked: Asked) -> Result<(), NoServer> {
    let status = Command::new(script())
        .args(["fetch", asked.name()])
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => Err(NoServer::NotHad(format!(
            "MySQL {} could not be had",
            asked.name()
        ))),
    }
}

/// A server, or its data while it is down.
#[derive(Debug)]
pub struct Server {
    asked: Asked,
    datadir: PathBuf,
    options: Vec<String>,
    /// 0 while it is down.
    pid: u32,
    pub port: u16,
}

impl Server {
    /// Starts one on an empty folder, or on the data that it has there.
    ///
    /// # Errors
    /// [`NoServer`].
    pub fn start(asked: Asked, datadir: PathBuf, options: Vec<String>) -> Result<Self, NoServer> {
        let mut server = Self {
            asked,
            datadir,
            options,
            pid: 0,
            port: 0,
        };
        server.restart()?;
        Ok(server)
    }

    /// Starts it again.
    ///
    /// # Errors
    /// [`NoServer`].
    pub fn restart(&mut self) -> Result<(), NoServer> {
        let failed = |what: String| NoServer::Failed(format!("{}: {what}", self.datadir.display()));
        // The server outlives the shell that starts it, and must not keep our pipe.
        let reply = self.datadir.with_extension("started");
        let out = std::fs::File::create(&reply).map_err(|e| failed(e.to_string()))?;
        let status = Command::new(script())
            .args(["start", self.asked.name()])
            .arg(&self.datadir)
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(out)
            .status()
            .map_err(|e| failed(e.to_string()))?;
        match status.code() {
            Some(0) => {}
            Some(3) => return Err(NoServer::NotHad(format!("MySQL {}", self.asked.name()))),
            _ => return Err(failed("it does not start".into())),
        }
        let reply = std::fs::read_to_string(&reply).map_err(|e| failed(e.to_string()))?;
        let mut words = reply.split_whitespace();
        let mut number = || words.next().and_then(|w| w.parse::<u32>().ok());
        let (Some(pid), Some(port)) = (number(), number()) else {
            return Err(failed(format!("`{reply}` is no pid and port")));
        };
        (self.pid, self.port) = (pid, port as u16);
        Ok(())
    }

    /// Ends the process of this one server at once.
    pub fn kill(&mut self) {
        if self.pid != 0 {
            let _ = Command::new("kill")
                .args(["-9", &self.pid.to_string()])
                .status();
            // Whatever the process still holds is gone when it is.
            while std::fs::read_link(format!("/proc/{}/exe", self.pid)).is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
            self.pid = 0;
            // Where nobody waits for it, the process stays known and its lock is taken for one that holds.
            for left in ["mysql.sock.lock", "mysql.sock"] {
                let _ = std::fs::remove_file(self.datadir.join(left));
            }
        }
    }

    /// Where its data is.
    pub fn datadir(&self) -> &Path {
        &self.datadir
    }

    /// Whether it runs, as far as we know.
    pub fn runs(&self) -> bool {
        self.pid != 0
    }

    /// A connection.
    ///
    /// # Errors
    /// The server's.
    pub fn connect(&self, user: &str) -> mysql::Result<Conn> {
        let opts = OptsBuilder::new()
            .ip_or_hostname(Some("127.0.0.1"))
            .tcp_port(self.port)
            .user(Some(user))
            .prefer_socket(false)
            .init(vec!["SET time_zone = '+00:00'", "SET NAMES utf8mb4"]);
        Conn::new(opts)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody needs the data.
        self.kill();
    }
}

/// Runs a statement on a connection.
pub fn run(conn: &mut Conn, sql: &str) -> Outcome {
    match conn.query_iter(sql) {
        Err(error) => failed(error),
        Ok(mut result) => {
            let mut rows = Vec::new();
            let with_rows = !result.columns().as_ref().is_empty();
            for row in result.by_ref() {
                match row {
                    Ok(row) => rows.push(texts(&row)),
                    Err(error) => return failed(error),
                }
            }
            if with_rows {
                Outcome::Rows(rows)
            } else {
                Outcome::Ok
            }
        }
    }
}

fn failed(error: mysql::Error) -> Outcome {
    match error {
        mysql::Error::MySqlError(e) => Outcome::Error(e.code.into(), e.message),
        // However the client library calls it.
        _ => Outcome::Error(2013, "Lost connection to MySQL server during query".into()),
    }
}

/// The texts of a row; what is bytes in hex.
pub fn texts(row: &Row) -> Vec<Option<String>> {
    let columns = row.columns();
    let value = |i: usize| match row.as_ref(i) {
        Some(Value::Bytes(bytes)) => {
            let column = &columns[i];
            // Character set 63 is none; numbers and moments have it too.
            let is_bytes = column.character_set() == 63
                && matches!(
                    column.column_type(),
                    ColumnType::MYSQL_TYPE_STRING
                        | ColumnType::MYSQL_TYPE_VAR_STRING
                        | ColumnType::MYSQL_TYPE_BLOB
                        | ColumnType::MYSQL_TYPE_BIT
                        | ColumnType::MYSQL_TYPE_GEOMETRY
                );
            Some(match is_bytes {
                true => bytes.iter().map(|b| format!("{b:02X}")).collect(),
                false => String::from_utf8_lossy(bytes).into_owned(),
            })
        }
        _ => None,
    };
    (0..columns.len()).map(value).collect()
}

/// A connection that can be left waiting.
#[derive(Debug)]
pub struct Session {
    orders: Sender<String>,
    outcomes: Receiver<Outcome>,
}

impl Session {
    /// Opens one.
    ///
    /// # Errors
    /// The server's.
    pub fn open(server: &Server, user: &str, schema: &str) -> mysql::Result<Self> {
        let mut conn = server.connect(user)?;
        conn.query_drop(format!("USE {schema}"))?;
        let (orders, taken) = channel::<String>();
        let (sent, outcomes) = channel();
        thread::spawn(move || {
            while let Ok(sql) = taken.recv() {
                if sent.send(run(&mut conn, &sql)).is_err() {
                    return;
                }
            }
        });
        Ok(Self { orders, outcomes })
    }

    /// Runs a statement, and waits for what comes of it no longer than this.
    pub fn run(&self, sql: &str, patience: Duration) -> Outcome {
        let _ = self.orders.send(sql.to_owned());
        self.result(patience)
    }

    /// What came of the statement that waited.
    pub fn result(&self, patience: Duration) -> Outcome {
        match self.outcomes.recv_timeout(patience) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => Outcome::Waits,
            Err(RecvTimeoutError::Disconnected) => {
                Outcome::Error(2013, "Lost connection to MySQL server during query".into())
            }
        }
    }
}
