//! Servers that are given: they run already, and go on when the rehearsal is over.
//!
//! What is demanded of them is looked at before anything is changed, all of it. What is made there is made under a mark,
//! a schema of the lab's own: where it stands, whatever the lab makes is its own and is taken away, now or at the
//! beginning of the next rehearsal, should this one be killed.

use super::{
    ACCOUNTS, Door,
    demands::{OLDEST, SETTINGS, is_too_old, missing},
    kill,
    place::Address,
};
use crate::rehearsal::LabError;
use cutover_sim::{environment::Environment, runbook::Host, workload::orders::SCHEMA_NAME};
use mysql::{Conn, Row, prelude::Queryable};
use std::collections::{BTreeMap, BTreeSet};

/// Where it stands, the lab's things are the lab's.
const MARK: &str = "cutover_lab";
/// Schemas that every server has.
const SYSTEM: [&str; 4] = ["mysql", "information_schema", "performance_schema", "sys"];
/// Two servers that are given.
#[derive(Debug)]
pub struct Pair {
    source: Held,
    target: Held,
    /// Where the target finds the source, if elsewhere than the lab does.
    pub replicate_from: Option<Address>,
}

/// One of them, which no other rehearsal takes meanwhile.
struct Held {
    host: Host,
    door: Door,
    found: Found,
    /// Looks, and holds the lock as long as it is open.
    session: Conn,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}: {:?}", self.door, self.found)
    }
}

/// What a look at a server shows.
#[derive(Debug, Default)]
struct Found {
    version: String,
    id: String,
    uuid: String,
    /// Schemas that are not MySQL's.
    schemas: BTreeSet<String>,
}

impl Found {
    /// An earlier rehearsal was killed.
    fn marked(&self) -> bool {
        self.schemas.contains(MARK)
    }

    /// Schemas that are neither MySQL's nor the lab's.
    fn others(&self) -> Vec<&str> {
        let lab: &[&str] = if self.marked() {
            &[MARK, SCHEMA_NAME]
        } else {
            &[]
        };
        let all = self.schemas.iter().map(String::as_str);
        all.filter(|name| !lab.contains(name)).collect()
    }
}

impl Pair {
    /// Looks at both servers, and changes nothing.
    ///
    /// # Errors
    /// All that is wrong with one of them.
    pub fn open(
        [source, target]: [Door; 2],
        environment: &Environment,
        allow_schemas: bool,
    ) -> Result<Self, LabError> {
        let modes = [environment.source.gtid_mode, environment.target_has_gtids()];
        let source = Held::take(Host::Source, source, modes[0], allow_schemas)?;
        let target = Held::take(Host::Target, target, modes[1], allow_schemas)?;
        for (what, both) in [
            ("server_uuid", [&source.found.uuid, &target.found.uuid]),
            ("server_id", [&source.found.id, &target.found.id]),
        ] {
            if both[0] == both[1] {
                return Err(target.no(&[format!(
                    "it has the source's {what}, {}: two servers are needed",
                    both[0]
                )]));
            }
        }
        let mut pair = Self {
            source,
            target,
            replicate_from: None,
        };
        pair.source.lock()?;
        pair.target.lock()?;
        Ok(pair)
    }

    fn of(&self, host: Host) -> &Held {
        match host {
            Host::Source => &self.source,
            Host::Target | Host::Replica => &self.target,
        }
    }

    /// What the lab is going to do to them, for whoever gave them.
    pub fn intent(&self) -> String {
        let accounts = ACCOUNTS.join(", ");
        let mut text = String::new();
        for held in [&self.source, &self.target] {
            let what = match held.host {
                Host::Source => {
                    "gets rows and clients, rotates and purges its binlog, and is read-only while the runbook says so"
                }
                _ => {
                    "gets a copy of the rows, replicates from the source, and gets the clients in its turn"
                }
            };
            let Found {
                version, schemas, ..
            } = &held.found;
            text.push_str(&format!(
                "{} {:?}, MySQL {version}: {what}\n",
                held.host.name(),
                held.door
            ));
            if schemas.contains(MARK) {
                text.push_str(
                    "  what a rehearsal that was killed has left there is taken away first\n",
                );
            }
            let others = held.found.others();
            if !others.is_empty() {
                text.push_str(&format!("  stays as it is: {}\n", others.join(", ")));
            }
        }
        text.push_str(&format!(
            "on both: binlogs, GTIDs and replication are RESET, at the beginning and at the end; the schemas {SCHEMA_NAME} and \
             {MARK} and the accounts {accounts} are made, and dropped at the end or after Ctrl-C\n"
        ));
        text
    }

    /// Makes a server ready for what the lab makes, and says where it is.
    pub(super) fn begin(&self, host: Host) -> Result<Door, LabError> {
        let held = self.of(host);
        held.clean_up()?;
        let mut connection = held.connect()?;
        connection.query_drop("SET sql_log_bin = 0")?;
        connection.query_drop(format!("CREATE SCHEMA {MARK}"))?;
        Ok(held.door.clone())
    }

    /// Takes away what the lab has made: at the target first, which may still read from the source.
    pub(super) fn clean_up(&self) -> Result<(), LabError> {
        let target = self.target.clean_up();
        self.source.clean_up().and(target)
    }
}

impl Held {
    fn take(
        host: Host,
        door: Door,
        gtid_mode: bool,
        allow_schemas: bool,
    ) -> Result<Self, LabError> {
        let session = door.connect().map_err(|error| LabError::Given {
            what: format!("{} {door:?}", host.name()),
            why: said(&error),
        })?;
        let mut held = Self {
            host,
            door,
            found: Found::default(),
            session,
        };
        let wrong = held.look(gtid_mode, allow_schemas)?;
        if wrong.is_empty() {
            Ok(held)
        } else {
            Err(held.no(&wrong))
        }
    }

    fn no(&self, wrong: &[String]) -> LabError {
        LabError::Given {
            what: format!("{} {:?}", self.host.name(), self.door),
            why: wrong.join("; "),
        }
    }

    fn connect(&self) -> Result<Conn, LabError> {
        Ok(self.door.connect()?)
    }

    /// As long as the session is open, the server is this rehearsal's.
    fn lock(&mut self) -> Result<(), LabError> {
        let lock = format!("SELECT GET_LOCK('{MARK}', 0)");
        let got: Option<Option<i64>> = self.session.query_first(lock)?;
        if got.flatten() == Some(1) {
            return Ok(());
        }
        Err(self.no(&["another rehearsal is using it".to_string()]))
    }

    /// Everything that speaks against this server.
    fn look(&mut self, gtid_mode: bool, allow_schemas: bool) -> Result<Vec<String>, LabError> {
        let connection = &mut self.session;
        let version: Option<String> = connection.query_first("SELECT VERSION()")?;
        let version = version.unwrap_or_default();
        if is_too_old(&version) {
            // What follows is not known there.
            return Ok(vec![format!(
                "it is {version}, and MySQL {}.{} or later is needed",
                OLDEST.0, OLDEST.1
            )]);
        }
        let mut wrong = Vec::new();
        let missing = missing(connection)?;
        if !missing.is_empty() {
            // And of the rest, not all can be seen.
            return Ok(vec![format!(
                "the account lacks {}: GRANT them to it ON *.* WITH GRANT OPTION",
                missing.join(", ")
            )]);
        }
        let settings: BTreeMap<String, String> = connection
            .query::<(String, String), _>("SHOW GLOBAL VARIABLES")?
            .into_iter()
            .collect();
        let set = |name: &str| settings.get(name).map_or("", String::as_str);
        self.found = Found {
            version,
            id: set("server_id").to_string(),
            uuid: set("server_uuid").to_string(),
            schemas: connection
                .query::<String, _>("SELECT schema_name FROM information_schema.schemata")?
                .into_iter()
                .filter(|name| !SYSTEM.contains(&name.as_str()))
                .collect(),
        };
        for (name, wanted) in SETTINGS {
            // One that was killed may have left it so.
            let left = name == "read_only" && self.found.marked();
            if !set(name).eq_ignore_ascii_case(wanted) && !left {
                wrong.push(format!("its {name} is `{}`, not `{wanted}`", set(name)));
            }
        }
        let gtids = if gtid_mode { "ON" } else { "OFF" };
        if set("gtid_mode") != gtids {
            wrong.push(format!(
                "its gtid_mode is {}, the scenario's {gtids}: change either (--set {}.gtid_mode={})",
                set("gtid_mode"),
                self.host.name(),
                !gtid_mode
            ));
        }
        if !self.found.marked() {
            wrong.extend(self.others_things(allow_schemas)?);
        }
        Ok(wrong)
    }

    /// What there is that the lab has not made, and would be in its way or it in theirs.
    fn others_things(&mut self, allow_schemas: bool) -> Result<Vec<String>, LabError> {
        let (connection, others) = (&mut self.session, self.found.others());
        let mut wrong = Vec::new();
        if others.contains(&SCHEMA_NAME) {
            wrong.push(format!(
                "it has a schema {SCHEMA_NAME} that the lab has not made: it would be in the way"
            ));
        } else if !others.is_empty() && !allow_schemas {
            wrong.push(format!(
                "it holds other schemas ({}), and a scratch server is wanted, since binlogs and GTIDs are reset: give \
                 another, or --allow-schemas if nobody needs those, nor writes there meanwhile",
                others.join(", ")
            ));
        }
        for user in ACCOUNTS {
            let there: Option<u64> =
                connection.exec_first("SELECT COUNT(*) FROM mysql.user WHERE user = ?", (user,))?;
            if there != Some(0) {
                wrong.push(format!(
                    "it has an account {user} that the lab has not made"
                ));
            }
        }
        if connection
            .query_first::<Row, _>("SHOW REPLICA STATUS")?
            .is_some()
        {
            wrong.push("it is a replica (RESET REPLICA ALL, if it need not be)".into());
        }
        if connection.query_first::<Row, _>("SHOW REPLICAS")?.is_some() {
            wrong.push("a replica reads from it, which would lose its binlog".into());
        }
        Ok(wrong)
    }

    /// Takes away what the lab has made here, if it has made anything. The mark goes last.
    fn clean_up(&self) -> Result<(), LabError> {
        let left = |error: mysql::Error| LabError::LeftBehind {
            what: format!("{} {:?}", self.host.name(), self.door),
            why: said(&error),
        };
        let mut connection = self.door.connect().map_err(left)?;
        let marked: Option<String> = connection
            .exec_first(
                "SELECT schema_name FROM information_schema.schemata WHERE schema_name = ?",
                (MARK,),
            )
            .map_err(left)?;
        if marked.is_some() {
            take_away(&mut connection).map_err(left)?;
        }
        Ok(())
    }
}

/// What a server or the way to it says.
fn said(error: &mysql::Error) -> String {
    match error {
        mysql::Error::MySqlError(error) => format!("{} ({})", error.message, error.code),
        mysql::Error::DriverError(error) => error.to_string(),
        mysql::Error::IoError(error) => error.to_string(),
        other => other.to_string(),
    }
}

fn take_away(connection: &mut Conn) -> Result<(), mysql::Error> {
    connection.query_drop("SET sql_log_bin = 0")?;
    connection.query_drop("STOP REPLICA")?;
    connection.query_drop("RESET REPLICA ALL")?;
    connection.query_drop("SET GLOBAL read_only = 0")?;
    kill(connection, &ACCOUNTS)?;
    connection.query_drop(format!("DROP SCHEMA IF EXISTS {SCHEMA_NAME}"))?;
    for user in ACCOUNTS {
        connection.query_drop(format!("DROP USER IF EXISTS {user}@'%'"))?;
    }
    connection.query_drop("RESET BINARY LOGS AND GTIDS")?;
    connection.query_drop(format!("DROP SCHEMA {MARK}"))
}
