//! The two real servers of a rehearsal: [`own`] ones, which are got and started for it, or [`given`] ones.
//!
//! Either way a rehearsal begins with empty tables of the shop, accounts of its own, and no binlog and no GTIDs of before.

mod demands;
pub mod given;
mod own;
pub mod place;

use super::{LabError, shop};
use cutover_sim::{plan::Plan, runbook::Host};
use mysql::{Conn, OptsBuilder, Row, prelude::Queryable};
use place::Address;
use std::{fmt, time::Duration};

/// A server that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(30);
/// The accounts of clients, of privileged clients, and of the replica.
pub const ACCOUNTS: [&str; 3] = ["cutover_lab_app", "cutover_lab_admin", "cutover_lab_repl"];

/// Of those, the clients.
pub const CLIENTS: [&str; 2] = [ACCOUNTS[0], ACCOUNTS[1]];

/// How one gets in.
#[derive(Clone)]
pub struct Door {
    /// Where.
    pub address: Address,
    /// As whom.
    pub user: String,
    /// Empty for none.
    pub password: String,
}

/// Without the password.
impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, self.address)
    }
}

impl Door {
    /// A connection. Times are in UTC.
    pub fn connect(&self) -> Result<Conn, mysql::Error> {
        let options = OptsBuilder::new()
            .ip_or_hostname(Some(&self.address.host))
            .tcp_port(self.address.port)
            .user(Some(&self.user))
            .pass(Some(&self.password))
            .prefer_socket(false)
            .tcp_connect_timeout(Some(SILENCE))
            .read_timeout(Some(SILENCE))
            .write_timeout(Some(SILENCE));
        let mut connection = Conn::new(options)?;
        connection.query_drop("SET time_zone = '+00:00'")?;
        Ok(connection)
    }
}

/// Where servers come from.
#[derive(Debug)]
pub enum Servers<'a> {
    /// They are got and started, and end with this.
    Own(own::Folder),
    /// They run already.
    Given(&'a given::Pair),
}

/// A server with the shop's tables and the lab's accounts.
#[derive(Debug)]
pub struct Server {
    /// Who may do everything.
    pub root: Door,
    /// Clients.
    pub app: Door,
    /// Clients that `read_only` does not stop.
    pub admin: Door,
    /// The replica.
    pub repl: Door,
    /// `server_id`.
    pub id: u32,
    _process: Option<own::Process>,
}

impl Servers<'_> {
    /// Those of a rehearsal.
    ///
    /// # Errors
    /// There is no place for data.
    pub fn new(given: Option<&given::Pair>) -> Result<Servers<'_>, LabError> {
        Ok(match given {
            Some(pair) => Servers::Given(pair),
            None => Servers::Own(own::Folder::new()?),
        })
    }

    /// The source or the target, fresh, and a connection that logs nothing.
    ///
    /// # Errors
    /// It is not to be had, or does not do what it is asked.
    pub fn fresh(&self, host: Host, plan: &Plan) -> Result<(Server, Conn), LabError> {
        let (root, process) = match self {
            Servers::Own(folder) => {
                let (door, process) = folder.start(host, plan)?;
                (door, Some(process))
            }
            Servers::Given(pair) => (pair.begin(host)?, None),
        };
        let mut connection = root.connect()?;
        connection.query_drop("SET sql_log_bin = 0")?;
        shop::create(&mut connection)?;
        let [app, admin, repl] = accounts(&mut connection, &root)?;
        connection.query_drop("RESET BINARY LOGS AND GTIDS")?;
        let id: Option<u32> = connection.query_first("SELECT @@server_id")?;
        let server = Server {
            root,
            app,
            admin,
            repl,
            id: id.unwrap_or(0),
            _process: process,
        };
        Ok((server, connection))
    }

    /// Where the target finds the source.
    pub fn source_for_target(&self, source: &Server) -> Address {
        let named = match self {
            Servers::Own(_) => None,
            Servers::Given(pair) => pair.replicate_from.clone(),
        };
        named.unwrap_or_else(|| source.root.address.clone())
    }

    /// Takes away what was made on servers that go on without the lab.
    ///
    /// # Errors
    /// What is left there.
    pub fn clean_up(&self) -> Result<(), LabError> {
        match self {
            Servers::Own(_) => Ok(()),
            Servers::Given(pair) => pair.clean_up(),
        }
    }
}

/// Makes the accounts, with passwords that the server chooses.
fn accounts(connection: &mut Conn, root: &Door) -> Result<[Door; 3], LabError> {
    let mut doors = Vec::new();
    for user in ACCOUNTS {
        let made: Option<Row> = connection.query_first(format!(
            "CREATE USER {user}@'%' IDENTIFIED WITH caching_sha2_password BY RANDOM PASSWORD"
        ))?;
        let password = made.and_then(|row| row.get::<String, _>("generated password"));
        doors.push(Door {
            address: root.address.clone(),
            user: user.to_string(),
            password: password.unwrap_or_default(),
        });
    }
    let [app, admin, repl] = ACCOUNTS;
    for sql in [
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON shop.* TO {app}@'%', {admin}@'%'"),
        format!("GRANT CONNECTION_ADMIN ON *.* TO {admin}@'%'"),
        format!("GRANT REPLICATION SLAVE ON *.* TO {repl}@'%'"),
    ] {
        connection.query_drop(sql)?;
    }
    doors.try_into().map_err(|_| LabError::Server {
        said: "it makes no accounts".into(),
    })
}

/// Breaks every connection of these accounts.
///
/// # Errors
/// The server does not say which there are.
pub fn kill(connection: &mut Conn, accounts: &[&str]) -> Result<(), mysql::Error> {
    let names = accounts.join("', '");
    let ids: Vec<u64> = connection.query(format!(
        "SELECT id FROM performance_schema.processlist WHERE user IN ('{names}')"
    ))?;
    for id in ids {
        // It may have gone by itself.
        let _ = connection.query_drop(format!("KILL {id}"));
    }
    Ok(())
}
