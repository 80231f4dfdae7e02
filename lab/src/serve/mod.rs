//! Binlog files served to a real replica, as the source that wrote them would: an unmodified `mysqld` runs
//! CHANGE REPLICATION SOURCE TO …, by position or by GTID, and replicates.
//!
//! ```text
//! login ── queries ── COM_REGISTER_SLAVE ── COM_BINLOG_DUMP(_GTID)          a session, on a thread of its own
//!                                               │
//!                    folder (which files, GTIDs, who wrote them) ── events ── dump
//! ```
//!
//! It listens on 127.0.0.1 alone. What is refused is refused in the model's words
//! ([`cutover_model::replica::refusal`]), which are a server's.

mod dump;
mod events;
mod folder;
mod link;
mod login;
mod queries;
mod request;
mod session;

pub use cutover_model::replica::refusal::GtidMode;
pub use folder::{Identity, View};

use crate::wire::WireError;
use cutover_model::{binlog::Checksum, gtid::Uuid, replica::refusal::Source};
use folder::{Contents, Folder};
use link::Link;
use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

/// How often the server looks up from waiting for peers.
const LOOK_UP: Duration = Duration::from_millis(20);
/// Peers at a time; one more is told so, and sent away.
const PEERS_MAX: u32 = 32;

/// Why files are not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The folder cannot be read.
    #[error("{}: {source}; name the folder that holds the binlog files", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It has no binlog files.
    #[error(
        "{}: no binlog file in this folder: name one that holds files like binlog.000001, which begin with fe 62 69 6e",
        .0.display()
    )]
    Empty(PathBuf),
    /// It has those of several servers, or none of the one that was named.
    #[error(
        "{}: the binlog files in this folder have other names than that, or several: {bases}; say which with --base",
        path.display()
    )]
    Bases {
        /// The folder.
        path: PathBuf,
        /// The bases that there are.
        bases: String,
    },
    /// A file cannot be read, or is no binlog file.
    #[error("{}: {source}; cutover binlog verify tells more", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nobody can connect.
    #[error("127.0.0.1:{port}: {source}; choose another port with --port (0: any that is free)")]
    Listen {
        /// The port.
        port: u16,
        /// Why.
        source: io::Error,
    },
}

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub user: String,
    /// Its password, in clear.
    pub password: String,
}

/// How files are served. What is `None` is what the files tell.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Port on 127.0.0.1; 0 is any that is free.
    pub port: u16,
    /// The name of the files without their numbers.
    pub base: Option<String>,
    /// `server_id`.
    pub server_id: Option<u32>,
    /// `server_uuid`.
    pub uuid: Option<Uuid>,
    /// `gtid_mode`.
    pub gtid_mode: Option<GtidMode>,
    /// Who is let in; everybody without.
    pub account: Option<Account>,
    /// End when a replica that was sent everything has left.
    pub until_served: bool,
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As `until_served` says.
    Served,
    /// It was told to.
    Stopped,
}

/// A source made of files.
#[derive(Debug)]
pub struct FileSource {
    listener: TcpListener,
    address: SocketAddr,
    folder: Folder,
    identity: Identity,
    contents: Mutex<Contents>,
    options: Options,
}

/// What all sessions share.
struct Shared<'s> {
    folder: Folder,
    identity: Identity,
    options: Options,
    contents: Mutex<Contents>,
    /// By identity, what tells a replica's thread that another has taken its place.
    replicas: Mutex<BTreeMap<String, Arc<AtomicBool>>>,
    stop: AtomicBool,
    served: AtomicBool,
    peers: AtomicU32,
    say: &'s (dyn Fn(&str) + Sync),
}

impl FileSource {
    /// Reads who wrote the files of a folder, and listens.
    ///
    /// # Errors
    /// The folder has no files that can be served, or the port is taken.
    pub fn open(path: &Path, options: Options) -> Result<Self, ServeError> {
        let folder = Folder::open(path, options.base.as_deref())?;
        let mut contents = Contents::default();
        let mut identity = contents.identity(&folder)?;
        identity.uuid = options.uuid.unwrap_or(identity.uuid);
        identity.server_id = options.server_id.unwrap_or(identity.server_id);
        let port = options.port;
        let failed = |source| ServeError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        // So that waiting for a peer does not keep anybody from ending it.
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            address,
            folder,
            identity,
            contents: Mutex::new(contents),
            options,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whom it stands for.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What there is now.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn view(&self) -> Result<View, ServeError> {
        lock(&self.contents).view(&self.folder, &self.identity, self.options.gtid_mode)
    }

    /// Serves until `stop` says so; each thing that happens is said to `say`.
    ///
    /// # Errors
    /// Nobody can connect any more.
    pub fn run(
        self,
        stop: impl Fn() -> bool,
        say: &(dyn Fn(&str) + Sync),
    ) -> Result<Ended, ServeError> {
        let (listener, port) = (self.listener, self.address.port());
        let shared = Shared {
            folder: self.folder,
            identity: self.identity,
            options: self.options,
            contents: self.contents,
            replicas: Mutex::new(BTreeMap::new()),
            stop: AtomicBool::new(false),
            served: AtomicBool::new(false),
            peers: AtomicU32::new(0),
            say,
        };
        thread::scope(|scope| {
            let mut id = 0;
            let result = loop {
                if stop() {
                    break Ok(Ended::Stopped);
                }
                if shared.options.until_served && shared.served.load(Ordering::SeqCst) {
                    break Ok(Ended::Served);
                }
                let (stream, peer) = match listener.accept() {
                    Ok(accepted) => accepted,
                    Err(error) if is_passing(&error) => {
                        thread::sleep(LOOK_UP);
                        continue;
                    }
                    Err(source) => break Err(ServeError::Listen { port, source }),
                };
                id += 1;
                let shared = &shared;
                if shared.peers.fetch_add(1, Ordering::SeqCst) >= PEERS_MAX {
                    shared.send_away(stream);
                    continue;
                }
                let session = move || {
                    let served = session::serve(shared, stream, peer, id);
                    shared.peers.fetch_sub(1, Ordering::SeqCst);
                    shared.served.fetch_or(served, Ordering::SeqCst);
                };
                if let Err(error) = thread::Builder::new().spawn_scoped(scope, session) {
                    shared.peers.fetch_sub(1, Ordering::SeqCst);
                    shared.say(&format!("{peer}: no thread for it: {error}"));
                }
            };
            shared.stop.store(true, Ordering::SeqCst);
            result
        })
    }
}

/// Nobody is there, or somebody went before he was let in.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
    matches!(
        error.kind(),
        WouldBlock | Interrupted | ConnectionAborted | ConnectionReset
    )
}

impl Shared<'_> {
    fn say(&self, what: &str) {
        (self.say)(what);
    }

    fn view(&self) -> Result<View, ServeError> {
        lock(&self.contents).view(&self.folder, &self.identity, self.options.gtid_mode)
    }

    /// System variables, as they are when a peer connects.
    fn variables(&self) -> Result<BTreeMap<&'static str, String>, WireError> {
        let view = self
            .view()
            .map_err(|e| WireError::Malformed(e.to_string()))?;
        let checksum = match view.checksum() {
            Checksum::None => "NONE",
            Checksum::Crc32 => "CRC32",
        };
        Ok(BTreeMap::from([
            ("server_id", self.identity.server_id.to_string()),
            ("server_uuid", self.identity.uuid.to_string()),
            ("gtid_mode", view.gtid_mode().name().to_string()),
            ("gtid_executed", view.executed().to_string()),
            ("gtid_purged", view.purged().to_string()),
            ("binlog_checksum", checksum.to_string()),
            ("version", self.identity.version_text.clone()),
            (
                "version_comment",
                "binlog files served by cutover".to_string(),
            ),
        ]))
    }

    /// A replica is served; another of the same identity must go.
    fn announce(&self, key: &str, replaced: &Arc<AtomicBool>) {
        let before = lock(&self.replicas).insert(key.to_string(), Arc::clone(replaced));
        if let Some(before) = before {
            before.store(true, Ordering::SeqCst);
        }
    }

    /// A replica is not served any more.
    fn forget(&self, key: &str, replaced: &Arc<AtomicBool>) {
        let mut replicas = lock(&self.replicas);
        if replicas
            .get(key)
            .is_some_and(|now| Arc::ptr_eq(now, replaced))
        {
            replicas.remove(key);
        }
    }

    fn send_away(&self, stream: std::net::TcpStream) {
        // Whether he hears it is his affair.
        let _ = Link::new(stream, &self.stop)
            .and_then(|mut link| link.error(1040, "08004", "Too many connections"));
        self.peers.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Nothing that is locked is left half-changed by a panic.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
