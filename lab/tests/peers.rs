//! What peers of every kind get, without a real server: `tests/real/serve` holds the same against real ones.

use cutover_lab::{
    receiver::{Ask, Receiver, text},
    serve::{Account, Ended, FileSource, GtidMode, Options, ServeError},
};
use cutover_model::gtid::GtidSet;
use std::{
    fs::{self, OpenOptions},
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// In the first byte of the type of an event in a packet, behind the packet's 0.
const TYPE: usize = 5;
const ROTATE: u8 = 4;
const FORMAT_DESCRIPTION: u8 = 15;
const HEARTBEAT: u8 = 27;
/// Do not wait at the end.
const NON_BLOCK: u16 = 1;

/// Folders of real servers' files.
fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/captures");
    let mut folders: Vec<_> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("binlog.000001").exists())
        .collect();
    folders.sort();
    assert!(folders.len() > 10, "{folders:?}");
    folders
}

fn capture(name: &str) -> PathBuf {
    let found = captures().into_iter().find(|c| c.ends_with(name));
    found.unwrap_or_else(|| panic!("there is a capture {name}"))
}

/// Names and bytes of a folder's files.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains("binlog.0"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// Serves a folder while `peer` speaks to it on its port; what was said, and how it ended.
fn serving(folder: &Path, options: Options, peer: impl FnOnce(u16)) -> (Ended, String) {
    let source = FileSource::open(folder, options).unwrap_or_else(|e| panic!("{e}"));
    let port = source.address().port();
    let (stop, said) = (AtomicBool::new(false), Mutex::new(String::new()));
    let ended = thread::scope(|scope| {
        let say = |what: &str| {
            let mut said = said.lock().unwrap();
            said.push_str(what);
            said.push('\n');
        };
        let server = thread::Builder::new()
            .spawn_scoped(scope, {
                let stop = &stop;
                move || source.run(|| stop.load(Ordering::SeqCst), &say)
            })
            .unwrap();
        // A peer that fails must not leave a server that never ends.
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| peer(port)));
        stop.store(true, Ordering::SeqCst);
        let ended = server.join().unwrap().unwrap();
        if let Err(panic) = told {
            std::panic::resume_unwind(panic);
        }
        ended
    });
    (ended, said.into_inner().unwrap())
}

/// A receiver that has said what a server says of itself.
fn receiver(port: u16) -> Receiver {
    let mut receiver = Receiver::connect(port, "any", "").unwrap();
    for sql in [
        "SET @source_binlog_checksum = 'CRC32', @master_binlog_checksum = 'CRC32'",
        "SET @source_heartbeat_period = 50000000",
    ] {
        assert_eq!(receiver.query(sql).unwrap().len(), 1);
    }
    receiver
}

fn from(file: &str, pos: u32) -> Ask {
    Ask::Position {
        file: file.into(),
        pos,
    }
}

/// Events up to the packet that is none, and that packet.
fn dump(receiver: &mut Receiver, ask: &Ask, flags: u16) -> (Vec<Vec<u8>>, Vec<u8>) {
    receiver.ask(ask, flags, 9).unwrap();
    let mut events = Vec::new();
    loop {
        let packet = receiver.packet().unwrap();
        if packet.first() != Some(&0) {
            return (events, packet);
        }
        events.push(packet);
    }
}

/// The next packet that is no heartbeat.
fn next(receiver: &mut Receiver) -> Vec<u8> {
    loop {
        let packet = receiver.packet().unwrap();
        if packet.get(TYPE) != Some(&HEARTBEAT) {
            return packet;
        }
    }
}

#[test]
fn every_capture_of_a_real_server_is_sent_event_by_event_as_it_is() {
    for folder in captures() {
        let options = Options {
            gtid_mode: Some(GtidMode::OnPermissive),
            ..Options::default()
        };
        serving(&folder, options, |port| {
            let (events, end) = dump(&mut receiver(port), &from("", 4), NON_BLOCK);
            assert_eq!(
                end.first(),
                Some(&0xfe),
                "{}: {}",
                folder.display(),
                text(&end)
            );
            let mut sent: Vec<(String, Vec<u8>)> = Vec::new();
            for event in &events {
                let event = &event[1..];
                // Made up by the sender: it has no time and no position.
                if event[4] == ROTATE && event[..4] == [0; 4] {
                    // A made-up event before the first file has the checksum that the receiver knows.
                    let name = String::from_utf8_lossy(&event[27..40]).into_owned();
                    sent.push((name, b"\xfebin".to_vec()));
                } else {
                    sent.last_mut().unwrap().1.extend_from_slice(event);
                }
            }
            let mut written = files(&folder);
            for (_, bytes) in &mut written {
                // Nobody writes a file that is sent.
                assert_eq!(bytes[4 + 4], FORMAT_DESCRIPTION);
                bytes[4 + 17] &= !1;
            }
            assert_eq!(sent.len(), written.len(), "{}", folder.display());
            for (sent, written) in sent.iter().zip(&written) {
                assert_eq!(sent.0, written.0, "{}", folder.display());
                assert!(sent.1 == written.1, "{}: {}", folder.display(), sent.0);
            }
        });
    }
}

#[test]
fn a_file_that_grows_and_one_that_appears_are_sent_on_but_no_torn_transaction() {
    let written = files(&capture("anonymous-mysql97"));
    let ((first, bytes), (second, more)) = (&written[0], &written[1]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(first);
    let options = Options {
        gtid_mode: Some(GtidMode::Off),
        ..Options::default()
    };
    // The first transaction starts behind FORMAT_DESCRIPTION and PREVIOUS_GTIDS.
    let length_at =
        |at: usize| u32::from_le_bytes(bytes[at + 9..at + 13].try_into().unwrap()) as usize;
    let head = 4 + length_at(4);
    let head = head + length_at(head);
    let gtid_end = head + length_at(head);
    // Its GTID is there, and half of what follows.
    fs::write(&path, &bytes[..gtid_end + 10]).unwrap();
    serving(folder.path(), options, |port| {
        let mut receiver = receiver(port);
        receiver.ask(&from(first, 4), 0, 9).unwrap();
        for expected in [ROTATE, FORMAT_DESCRIPTION, 35] {
            assert_eq!(next(&mut receiver)[TYPE], expected);
        }
        // Not its GTID: a heartbeat comes, and the position is that of the last whole thing.
        let heartbeat = receiver.packet().unwrap();
        assert_eq!(heartbeat[TYPE], HEARTBEAT);
        assert_eq!(heartbeat[1 + 13..1 + 17], (head as u32).to_le_bytes());
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&bytes[gtid_end + 10..]).unwrap();
        fs::write(folder.path().join(second), more).unwrap();
        let mut got = Vec::new();
        let wanted = bytes.len() - head;
        while got.len() < wanted {
            got.extend_from_slice(&next(&mut receiver)[1..]);
        }
        assert!(got == bytes[head..]);
        let rotate = next(&mut receiver);
        assert_eq!(rotate[TYPE], ROTATE);
        assert!(text(&rotate).contains(second.as_str()));
    });
}

#[test]
fn a_hole_in_the_numbers_of_the_files_is_refused_and_not_stepped_over() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files(&capture("nochecksum-mysql97")) {
        if name != "binlog.000003" {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
    }
    let (_, said) = serving(folder.path(), Options::default(), |port| {
        let (events, end) = dump(&mut receiver(port), &from("binlog.000001", 4), NON_BLOCK);
        assert!(events.len() > 10);
        assert!(
            text(&end).contains("could not find next log; the first event 'binlog.000001' at 4"),
            "{}",
            text(&end)
        );
    });
    assert!(said.contains("refused (could not find next log"), "{said}");
}

#[test]
fn only_the_account_is_let_in_with_its_password_alone() {
    let options = || Options {
        account: Some(Account {
            user: "repl".into(),
            password: "geheim".into(),
        }),
        ..Options::default()
    };
    serving(&capture("tagged-mysql97"), options(), |port| {
        for (user, password) in [
            ("repl", ""),
            ("repl", "Geheim"),
            ("root", "geheim"),
            ("", ""),
        ] {
            let error = Receiver::connect(port, user, password)
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("Access denied for user"),
                "{user}/{password}: {error}"
            );
        }
        Receiver::connect(port, "repl", "geheim").unwrap();
    });
}

#[test]
fn a_receiver_of_the_same_identity_takes_the_place_of_the_first() {
    serving(&capture("tagged-mysql97"), Options::default(), |port| {
        let (mut first, mut second) = (receiver(port), receiver(port));
        let (mut other, ask) = (receiver(port), Ask::Gtids(GtidSet::new()));
        for (receiver, uuid) in [(&mut first, "a"), (&mut other, "b"), (&mut second, "a")] {
            receiver
                .query(&format!("SET @replica_uuid = '{uuid}'"))
                .unwrap();
            receiver.ask(&ask, 0, 9).unwrap();
            // Once it hears heartbeats, it has been let in.
            while receiver.packet().unwrap()[TYPE] != HEARTBEAT {}
        }
        let told = next(&mut first);
        assert!(
            text(&told).contains("same server_uuid/server_id"),
            "{}",
            text(&told)
        );
        for receiver in [&mut second, &mut other] {
            assert_eq!(receiver.packet().unwrap()[TYPE], HEARTBEAT);
        }
    });
}

#[test]
fn it_ends_when_a_replica_that_had_everything_has_left_if_it_is_to() {
    let options = Options {
        until_served: true,
        ..Options::default()
    };
    let source = FileSource::open(&capture("tagged-mysql97"), options).unwrap();
    let port = source.address().port();
    let ended = thread::scope(|scope| {
        let server = thread::Builder::new()
            .spawn_scoped(scope, || source.run(|| false, &|_| {}))
            .unwrap();
        // Who asks for nothing, or is refused, has had nothing.
        drop(receiver(port));
        let (_, end) = dump(&mut receiver(port), &from("binlog.000077", 4), 0);
        assert!(text(&end).contains("Could not find first log file name"));
        assert!(!server.is_finished());
        let (events, _) = dump(&mut receiver(port), &Ask::Gtids(GtidSet::new()), NON_BLOCK);
        assert!(events.len() > 10);
        server.join().unwrap().unwrap()
    });
    assert_eq!(ended, Ended::Served);
}

#[test]
fn it_ends_when_it_is_told_to_whoever_is_connected() {
    let mut waiting = Vec::new();
    let (ended, _) = serving(&capture("tagged-mysql97"), Options::default(), |port| {
        waiting.push(receiver(port));
        let mut served = receiver(port);
        served.ask(&Ask::Gtids(GtidSet::new()), 0, 9).unwrap();
        waiting.push(served);
        // Never says a word.
        waiting.push(receiver(port));
    });
    assert_eq!(ended, Ended::Stopped);
}

/// Bytes that look random and are the same in every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn peers_that_send_nonsense_are_sent_away_and_the_next_one_is_served() {
    serving(&capture("tagged-mysql97"), Options::default(), |port| {
        let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        for seed in 0..40 {
            let length = [0, 1, 3, 4, 5, 40, 400, 70_000][seed as usize % 8];
            // Before the login: noise, and noise in a frame.
            let mut stream = connect();
            let _ = stream.write_all(&noise(seed, length));
            let mut stream = connect();
            let body = noise(seed, length.min(60_000));
            let mut frame = (body.len() as u32).to_le_bytes();
            frame[3] = 1;
            let _ = stream
                .write_all(&frame)
                .and_then(|()| stream.write_all(&body));
            // After it: every command with noise behind it, and a length that is a lie.
            let mut peer = receiver(port);
            let mut command = vec![seed as u8];
            command.extend_from_slice(&body);
            let _ = peer.command(&command);
            for dump in [0x12, 0x15, 0x1e] {
                let mut peer = receiver(port);
                command[0] = dump;
                let _ = peer.command(&command);
            }
            let mut peer = receiver(port);
            let _ = peer.send_raw(&[0xff, 0xff, 0xff, 0]);
        }
        let mut good = receiver(port);
        assert_eq!(good.query("SELECT UNIX_TIMESTAMP()").unwrap().len(), 5);
        let (events, end) = dump(&mut good, &Ask::Gtids(GtidSet::new()), NON_BLOCK);
        assert!(events.len() > 10, "{}", text(&end));
    });
}

#[test]
fn more_peers_than_there_is_room_for_are_told_so() {
    serving(&capture("tagged-mysql97"), Options::default(), |port| {
        let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let mut silent = Vec::new();
        for _ in 0..32 {
            let mut stream = connect();
            // The greeting shows that it has its place.
            stream.read_exact(&mut [0; 8]).unwrap();
            silent.push(stream);
        }
        let mut greeting = Vec::new();
        let mut late = connect();
        late.set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        late.read_to_end(&mut greeting).unwrap();
        assert!(
            text(&greeting).contains("Too many connections"),
            "{}",
            text(&greeting)
        );
    });
}

#[test]
fn a_folder_that_cannot_be_served_is_an_error_with_a_remedy() {
    let open = |path: &Path, options| FileSource::open(path, options).unwrap_err().to_string();
    let folder = tempfile::tempdir().unwrap();
    let (path, none) = (folder.path(), Options::default);
    assert!(open(&path.join("nowhere"), none()).contains("name the folder"));
    assert!(open(path, none()).contains("no binlog file in this folder"));
    fs::write(path.join("binlog.000001"), "not a binlog").unwrap();
    assert!(open(path, none()).contains("no binlog file in this folder"));
    fs::write(path.join("binlog.000001"), b"\xfebin and then nonsense").unwrap();
    let error = open(path, none());
    assert!(
        error.contains("binlog.000001") && error.contains("cutover binlog verify"),
        "{error}"
    );
    fs::write(path.join("relay.000001"), b"\xfebin").unwrap();
    assert!(open(path, none()).contains("binlog, relay; say which with --base"));
    let other = Options {
        base: Some("mysql-bin".into()),
        ..none()
    };
    assert!(open(path, other).contains("--base"));
}

#[test]
fn a_port_that_is_taken_is_an_error_with_a_remedy() {
    let folder = capture("tagged-mysql97");
    let first = FileSource::open(&folder, Options::default()).unwrap();
    let options = Options {
        port: first.address().port(),
        ..Options::default()
    };
    let error = FileSource::open(&folder, options).unwrap_err();
    assert!(matches!(error, ServeError::Listen { .. }));
    assert!(
        error
            .to_string()
            .contains("choose another port with --port"),
        "{error}"
    );
}
