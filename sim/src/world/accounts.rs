//! The application's account: who has it, and with which password.
//!
//! An account is in the schema `mysql`. A snapshot carries it, a cluster that is created empty has none, and DMS migrates
//! none [D `CHAP_Introduction`]. A statement that changes its password is in the binlog like any other and has a GTID; an RDS
//! read replica applies it, and Aurora MySQL 3 does not: "Passwords and accounts aren't replicated by binlog replication"
//! [D `AuroraMySQL.Replication.MySQL`]. Connections that are there go on; who connects anew is asked for the password that the
//! server has (error 1045, seen on 9.7.4 and 5.6.24).

use super::{Due, NO_TARGET, World, side};
use crate::{
    evidence::KeepsOut,
    faults::Occasion,
    history::NO_COMMIT,
    probes::Probe,
    runbook::Host,
    stream::{Stream, stream_seed},
};
use cutover_model::server::{Committed, Privilege, Reply, Server, SessionId, Version};
use std::sync::Arc;

/// The account that the application logs in with.
pub(super) const APPLICATION: &str = "'app'@'%'";

/// Who changes a password and finds no server tries again so much later, in µs [K].
const TRIES_AGAIN_US: u64 = 1_000_000;

/// The statement of the version for another password, and the authentication string in it.
fn statement(version: Version, number: u64) -> (String, String) {
    let authentication = authentication(version, number);
    let sql = if version.at_least(80_400) {
        format!(
            "ALTER USER {APPLICATION} IDENTIFIED WITH 'caching_sha2_password' AS '{authentication}'"
        )
    } else if version.at_least(50_706) {
        format!(
            "ALTER USER {APPLICATION} IDENTIFIED WITH 'mysql_native_password' AS '{authentication}'"
        )
    } else {
        format!("SET PASSWORD FOR {APPLICATION}='{authentication}'")
    };
    (sql, authentication)
}

/// What a server keeps of the application's password with this number, in the form of the plugin that RDS has as its default:
/// `caching_sha2_password` from 8.4 on, `mysql_native_password` before. No password is behind it, only another one for
/// each number.
fn authentication(version: Version, number: u64) -> String {
    const HEX: &[u8] = b"0123456789ABCDEF";
    const CRYPT: &[u8] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut stream = Stream::member(stream_seed(number, "passwords"), number);
    let mut drawn = |length: usize, from: &[u8]| -> String {
        let letters =
            (0..length).map(|_| char::from(from[stream.below(from.len() as u64) as usize]));
        letters.collect()
    };
    match version.at_least(80_400) {
        // A salt of 20 characters and a digest of 43.
        true => format!("$A$005${}", drawn(63, CRYPT)),
        false => format!("*{}", drawn(40, HEX)),
    }
}

/// The application's password, and who is changing it.
#[derive(Debug)]
pub(super) struct Password {
    /// What a server has that knows it.
    known_by: Arc<str>,
    /// So many times it was changed.
    changes: u64,
    /// Who changes it, where, and what a server that knows the new one has.
    changing: Option<(Host, SessionId, Arc<str>)>,
    /// It is still to be changed.
    asked: bool,
    /// The hosts that have refused it, as far as that was told.
    refused_by: [bool; Host::ALL.len()],
}

impl Password {
    /// The one that a source of this version has at the beginning.
    pub(super) fn of(version: Version) -> Self {
        Self {
            known_by: authentication(version, 0).into(),
            changes: 0,
            changing: None,
            asked: false,
            refused_by: [false; Host::ALL.len()],
        }
    }

    /// What a server has that knows it.
    pub(super) fn known_by(&self) -> &Arc<str> {
        &self.known_by
    }
}

impl World {
    /// Somebody asks for another password of the application.
    pub(super) fn password_is_asked_for(&mut self) {
        self.password.asked = true;
        self.password_goes_on();
    }

    /// It is changed on the server that the application is pointed at, as soon as that is there.
    pub(super) fn password_goes_on(&mut self) {
        if !self.password.asked || self.password.changing.is_some() {
            return;
        }
        let host = self.points_at();
        let suspended = match host {
            Host::Source => self.source_suspended_until,
            _ => 0,
        };
        if !self.is_up(host) || self.now < suspended {
            // Who tries again comes when the server has read its parameter group.
            let there = self.down_until[host as usize].max(suspended);
            let again = there.max(self.now) + TRIES_AGAIN_US;
            self.agenda.push(again, Due::Password);
            return;
        }
        // RDS's master user is stopped by read_only as others are, Aurora's is not: see `world/sql.rs`.
        let privilege = match host {
            Host::Target => Privilege::Admin,
            _ => Privilege::Ordinary,
        };
        let number = self.password.changes + 1;
        let Some(server) = self.server_mut(host) else {
            return;
        };
        let session = server.connect(privilege);
        let (_, known_by) = statement(server.config.version, number);
        self.password.changing = Some((host, session, known_by.into()));
        self.password_statement_goes_on();
    }

    /// The statement begins, or goes on behind what it waited for.
    pub(super) fn password_statement_goes_on(&mut self) {
        let Some((host, session, _)) = self.password.changing.clone() else {
            return;
        };
        let (now, number) = (self.now, self.password.changes + 1);
        let server = match (host, &mut self.target) {
            (Host::Target, Some(target)) => &mut target.server,
            _ => &mut self.source,
        };
        let (sql, _) = statement(server.config.version, number);
        let reply = server.execute_ddl(&mut self.arena, now, session, "mysql", &sql);
        match reply {
            Ok(Reply::Waiting | Reply::Committing) => {}
            Ok(Reply::Failed(error)) => self.password_is_kept(&error.to_string()),
            Ok(Reply::Ok | Reply::NoRow) => self.password_is_kept("the server does nothing"),
            Err(error) => self.password_is_kept(&error.to_string()),
        }
    }

    /// Whether a session is the one that changes the password.
    #[inline]
    pub(super) fn changes_password(&self, host: Host, session: SessionId) -> bool {
        let changing = self.password.changing.as_ref();
        changing.is_some_and(|(on, s, _)| (*on, *s) == (host, session))
    }

    /// The server refuses the statement: the application goes on with the password that it has.
    pub(super) fn password_is_kept(&mut self, why: &str) {
        let Some((host, session, _)) = self.password.changing.take() else {
            return;
        };
        self.password.asked = false;
        self.disconnect(host, session);
        let text = format!("refuses to change the application's password, which stays: {why}");
        self.tell(side(host), text, Vec::new());
    }

    /// The server has committed it: the application has the new password from now on.
    pub(super) fn password_is_committed(&mut self, host: Host, done: Committed) {
        self.note_commit(host, NO_COMMIT, done);
        if host == Host::Target {
            self.note_typed(done);
        }
        let Some((_, session, known_by)) = self.password.changing.take() else {
            return;
        };
        self.disconnect(host, session);
        let password = &mut self.password;
        password.known_by = known_by;
        password.changes += 1;
        password.asked = false;
        password.refused_by = [false; Host::ALL.len()];
        let text = "has another password of the application, who connects with it from now on";
        self.tell(side(host), text.into(), Vec::new());
        if host == Host::Source {
            self.occurs(Occasion::SourceCommits);
        }
    }

    /// A host has lost its sessions: who was changing the password begins again.
    pub(super) fn password_is_lost(&mut self, host: Host) {
        if let Some((on, ..)) = &self.password.changing
            && *on == host
        {
            self.password.changing = None;
            self.agenda.push(self.now, Due::Password);
        }
    }

    /// Whether a host lets the application in: it has its account, with the password that the application has.
    pub(super) fn knows_application(&self, host: Host) -> bool {
        let known = |server: &Server| {
            server.database.authentication(APPLICATION) == Some(&self.password.known_by)
        };
        self.server(host).is_some_and(known)
    }

    /// Whether a host has the application's account, whatever its password.
    pub(super) fn has_accounts(&self, host: Host) -> bool {
        let server = self.server(host);
        server.is_some_and(|s| s.database.authentication(APPLICATION).is_some())
    }

    /// Why a host keeps the application out, whether or not it is up; none when it does not.
    pub fn keeps_out(&self, host: Host) -> Option<KeepsOut> {
        if self.is_closed(host) {
            Some(KeepsOut::Closed)
        } else if self.is_read_only(host) {
            Some(KeepsOut::ReadOnly)
        } else if !self.has_accounts(host) {
            Some(KeepsOut::NoAccount)
        } else if !self.knows_application(host) {
            Some(KeepsOut::OtherPassword)
        } else {
            None
        }
    }

    /// A host refuses a client's password.
    pub(super) fn refuses_password(&mut self, host: Host) {
        self.probes.reach(Probe::AccessDenied);
        if std::mem::replace(&mut self.password.refused_by[host as usize], true) {
            return;
        }
        let why = match self.has_accounts(host) {
            true => "its password is not the one that this server has",
            false => "this server has no such account",
        };
        let text = format!(
            "refuses the application: 1045 (28000) Access denied for user 'app'@'10.0.0.1' (using password: YES): {why}"
        );
        self.tell(side(host), text, Vec::new());
    }

    /// The source's accounts are copied to the target, with their passwords as they are.
    ///
    /// # Errors
    /// No cluster.
    pub fn copy_users(&mut self) -> Result<(), String> {
        let target = self.target.as_mut().ok_or(NO_TARGET)?;
        target.server.database.copy_accounts(&self.source.database);
        self.password.refused_by[Host::Target as usize] = false;
        Ok(())
    }
}
