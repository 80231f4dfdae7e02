//! One peer's conversation: login, its queries, its request for the binlog.

use super::{
    Shared,
    dump::{Dump, Stop, Terms},
    link::Link,
    login,
    queries::{Answer, Variables},
    request::{DumpRequest, From},
};
use crate::{wall, wire::WireError};
use cutover_model::{
    binlog::Checksum,
    replica::refusal::{FATAL_ERRNO, Progress, Refusal, Source},
};
use mysql_common::{io::ParseBuf, packets::ComRegisterSlave, proto::MyDeserialize};
use std::{
    net::{SocketAddr, TcpStream},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

/// How long a login may take.
const LOGIN: Duration = Duration::from_secs(10);
/// How long a peer may say nothing between two commands.
const IDLE: Duration = Duration::from_secs(60);
/// The longest command: a set of GTIDs is the only long thing that a replica sends.
const COMMAND_MAX: usize = 16 << 20;

/// Serves a peer until it goes or the server ends; whether it had been sent everything.
pub fn serve(shared: &Shared<'_>, stream: TcpStream, peer: SocketAddr, id: u32) -> bool {
    let mut session = match Link::new(stream, &shared.stop) {
        Ok(link) => Session {
            shared,
            link,
            peer,
            served: false,
        },
        Err(error) => {
            shared.say(&format!("{peer}: {error}"));
            return false;
        }
    };
    if let Err(error) = session.converse(id) {
        let over = session.link.is_over() || is_end(&error);
        if !over {
            shared.say(&format!("{peer}: the connection ends: {error}"));
        }
    }
    session.served
}

/// The peer closed the connection without a word, as a replica that is stopped does.
fn is_end(error: &WireError) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error, WireError::Io(e) if matches!(e.kind(), BrokenPipe | ConnectionReset | UnexpectedEof))
}

struct Session<'a, 's> {
    shared: &'a Shared<'s>,
    link: Link<'a>,
    peer: SocketAddr,
    served: bool,
}

impl Session<'_, '_> {
    fn converse(&mut self, id: u32) -> Result<(), WireError> {
        let shared = self.shared;
        self.link.patience(LOGIN);
        let account = shared.options.account.as_ref();
        if login::log_in(&mut self.link, &shared.identity, account, id)?.is_none() {
            shared.say(&format!("{}: sent away at the login", self.peer));
            return Ok(());
        }
        let mut variables = Variables::new(shared.variables()?);
        loop {
            self.link.new_command();
            self.link.patience(IDLE);
            let command = self.link.read(COMMAND_MAX)?;
            let Some((code, body)) = command.split_first() else {
                return Err(WireError::Malformed("an empty command".into()));
            };
            match code {
                0x01 => return Ok(()),
                0x02 | 0x0e | 0x1f => self.link.ok()?,
                0x03 => {
                    variables.now_s = wall::unix_us() / 1_000_000;
                    self.answer(variables.answer(&String::from_utf8_lossy(body)))?;
                }
                0x15 => match ComRegisterSlave::deserialize((), &mut ParseBuf(&command)) {
                    Ok(_) => self.link.ok()?,
                    Err(_) => self.malformed()?,
                },
                0x12 | 0x1e => {
                    let request = match code {
                        0x12 => DumpRequest::by_position(body),
                        _ => DumpRequest::by_gtids(body),
                    };
                    match request {
                        Ok(request) => {
                            if !self.dump(&request, &variables)? {
                                return Ok(());
                            }
                        }
                        Err(error) => {
                            shared.say(&format!("{}: {error}", self.peer));
                            self.malformed()?;
                        }
                    }
                }
                _ => self.link.error(1047, "08S01", "Unknown command")?,
            }
        }
    }

    fn malformed(&mut self) -> Result<(), WireError> {
        Ok(self
            .link
            .error(1835, "HY000", "Malformed communication packet.")?)
    }

    fn answer(&mut self, answer: Answer) -> Result<(), WireError> {
        match answer {
            Answer::Ok => self.link.ok()?,
            Answer::Rows { columns, row } => self.link.rows(&columns, row.as_deref())?,
            Answer::Error(code, state, text) => self.link.error(code, state, &text)?,
        }
        Ok(())
    }

    /// Sends the binlog; whether the conversation goes on.
    fn dump(&mut self, request: &DumpRequest, variables: &Variables) -> Result<bool, WireError> {
        let shared = self.shared;
        let uuid = variables.user(["replica_uuid", "slave_uuid"]);
        let key = match uuid {
            Some(uuid) => uuid.to_string(),
            None => format!("server_id {}", request.server_id),
        };
        let peer = self.peer;
        let view = match shared.view() {
            Ok(view) => view,
            Err(error) => {
                shared.say(&format!("{peer}: {error}"));
                self.link.error(FATAL_ERRNO, "HY000", &error.to_string())?;
                return Ok(true);
            }
        };
        shared.say(&format!(
            "{peer}: replica {} asks for {}",
            request.server_id,
            wanted(request)
        ));
        let replaced = Arc::new(AtomicBool::new(false));
        shared.announce(&key, &replaced);
        let mut dump = Dump {
            link: &mut self.link,
            folder: &shared.folder,
            server_id: shared.identity.server_id,
            version: shared.identity.version,
            gtid_mode: view.gtid_mode(),
            terms: terms(variables),
            replaced: &replaced,
            progress: Progress::default(),
            sent: 0,
            served: false,
        };
        let stop = dump.run(&view, request);
        let (sent, served, progress) = (dump.sent, dump.served, dump.progress);
        shared.forget(&key, &replaced);
        self.served |= served;
        self.ended(stop, sent, &progress)
    }

    fn ended(&mut self, stop: Stop, sent: u64, progress: &Progress) -> Result<bool, WireError> {
        let (shared, peer) = (self.shared, self.peer);
        let say = |how: &str| shared.say(&format!("{peer}: {how} after {sent} events"));
        match stop {
            Stop::AtTheEnd => {
                self.link.eof()?;
                self.link.flush()?;
                say("has everything");
                return Ok(true);
            }
            Stop::Gone => say("has left"),
            Stop::Over => {}
            // Before 5.7 it only hears that there is no more.
            Stop::Refused(Refusal::Replaced) if !shared.identity.version.at_least(50_700) => {
                self.link.eof()?;
                self.link.flush()?;
                say("was replaced by a replica with the same identity");
            }
            Stop::Refused(refusal) => {
                let text = refusal.text(shared.identity.version, progress);
                self.link.error(FATAL_ERRNO, "HY000", &text)?;
                say(&format!("refused ({text})"));
                return Ok(true);
            }
            Stop::Wire(error) => {
                say("has left");
                return Err(error);
            }
            Stop::File(name, error) => {
                say(&format!("{name} cannot be read ({error})"));
                let text = format!("could not open log file {name}: {error}");
                self.link.error(FATAL_ERRNO, "HY000", &text)?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What a receiver said of itself in user variables.
fn terms(variables: &Variables) -> Terms {
    let checksum = variables.user(["source_binlog_checksum", "master_binlog_checksum"]);
    let heartbeat = variables.user(["source_heartbeat_period", "master_heartbeat_period"]);
    Terms {
        checksum: match checksum {
            Some(name) if name.eq_ignore_ascii_case("CRC32") => Some(Checksum::Crc32),
            Some(name) if name.eq_ignore_ascii_case("NONE") => Some(Checksum::None),
            _ => None,
        },
        heartbeat: heartbeat
            .and_then(|ns| ns.parse().ok())
            .filter(|ns| *ns > 0)
            .map(Duration::from_nanos),
    }
}

fn wanted(request: &DumpRequest) -> String {
    match &request.from {
        From::Position(file, pos) => format!("everything from {file}:{pos} on"),
        From::Gtids(known) if known.is_empty() => "everything, by GTID".into(),
        From::Gtids(known) => format!("everything but {known}"),
    }
}
