//! The network between replica and source: a relay on loopback whose port never changes, which can be cut and can
//! go silent.

use crate::script::Link;
use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
    thread,
    time::Duration,
};

#[derive(Debug)]
struct State {
    link: Mutex<Link>,
    target: AtomicU16,
    closed: AtomicBool,
}

impl State {
    fn link(&self) -> Link {
        *self.link.lock().expect("nobody panics with it")
    }
}

/// The relay.
#[derive(Debug)]
pub struct Proxy {
    /// Where the replica connects to.
    pub port: u16,
    state: Arc<State>,
}

impl Proxy {
    /// A relay that goes nowhere yet.
    ///
    /// # Errors
    /// No port is free.
    pub fn new() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(State {
            link: Mutex::new(Link::Up),
            target: AtomicU16::new(0),
            closed: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.closed.load(Ordering::Relaxed) {
                    return;
                }
                let target = shared.target.load(Ordering::Relaxed);
                if shared.link() == Link::Cut {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else {
                    continue;
                };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else {
                        break;
                    };
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || relay(&shared, from, to));
                }
            }
        });
        Ok(Self { port, state })
    }

    /// The server behind it.
    pub fn lead_to(&self, port: u16) {
        self.state.target.store(port, Ordering::Relaxed);
    }

    /// Cuts, silences or mends it.
    pub fn set(&self, link: Link) {
        *self.state.link.lock().expect("nobody panics with it") = link;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.closed.store(true, Ordering::Relaxed);
        self.set(Link::Cut);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn relay(state: &State, mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; 1 << 16];
    let pause = Duration::from_millis(10);
    // A read that gives up now and then sees what has become of the link.
    let _ = from.set_read_timeout(Some(pause));
    let _ = to.set_nodelay(true);
    loop {
        match state.link() {
            Link::Cut => break,
            Link::Stalled => {
                thread::sleep(pause);
                continue;
            }
            Link::Up => {}
        }
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                // What was read as the link went silent is part of what does not arrive yet.
                while state.link() == Link::Stalled {
                    thread::sleep(pause);
                }
                if state.link() == Link::Cut || to.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) => {}
            Err(_) => break,
        }
    }
    let _ = from.shutdown(std::net::Shutdown::Both);
    let _ = to.shutdown(std::net::Shutdown::Both);
}
