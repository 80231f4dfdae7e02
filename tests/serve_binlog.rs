//! `cutover serve-binlog` as scripts and people meet it; `lab/tests/peers.rs` has what it serves.

use std::process::{Command, Stdio};

fn cutover(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    command.args(args).stdin(Stdio::null());
    command
}

/// Bad input: status 2, nothing on standard output, what helps on standard error.
fn refused(args: &[&str], said: &str) {
    let output = cutover(args).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
    assert!(output.stdout.is_empty(), "{args:?}");
    assert!(text.contains(said), "{args:?} does not say {said}:\n{text}");
}

#[test]
#[cfg(not(feature = "lab"))]
fn without_the_feature_it_says_how_to_build_with_it_whatever_is_asked() {
    let said = "cargo build --release --features lab";
    refused(&["serve-binlog"], said);
    refused(
        &["serve-binlog", "DIR", "--port", "0", "--until-served"],
        said,
    );
}

#[cfg(feature = "lab")]
mod with_the_feature {
    use super::*;
    use cutover::lab::receiver::{Ask, Receiver};
    use std::{
        io::{BufRead, BufReader},
        net::TcpListener,
        process::Child,
    };

    const CAPTURE: &str = "tests/captures/tagged-mysql97";

    /// The command, and the port on which it says that it listens.
    fn serving(args: &[&str]) -> (Child, u16) {
        let mut words = vec!["serve-binlog", CAPTURE, "--port", "0", "--format", "json"];
        words.extend(args);
        let mut child = cutover(&words)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let value = line
                .trim()
                .strip_prefix("\"port\": ")?
                .trim_end_matches(',');
            value.parse().ok()
        });
        (child, port.expect("a port"))
    }

    /// Asks for everything, and does not wait at the end.
    fn take_everything(port: u16, user: &str, password: &str) {
        let mut receiver = Receiver::connect(port, user, password).unwrap();
        receiver
            .query("SET @source_binlog_checksum = 'CRC32'")
            .unwrap();
        let everything = Ask::Position {
            file: String::new(),
            pos: 4,
        };
        receiver.ask(&everything, 1, 9).unwrap();
        while receiver.packet().unwrap().first() == Some(&0) {}
    }

    #[test]
    fn what_cannot_be_served_is_bad_input() {
        refused(
            &["serve-binlog", "/nowhere/at/all"],
            "name the folder that holds the binlog files",
        );
        refused(&["serve-binlog", "src"], "no binlog file in this folder");
        refused(
            &["serve-binlog", CAPTURE, "--server-uuid", "x"],
            "--server-uuid",
        );
        refused(&["serve-binlog", CAPTURE, "--user", "x"], "--password-file");
        let no_password = ["--user", "x", "--password-file", "/nowhere"];
        let args = [&["serve-binlog", CAPTURE][..], &no_password[..]].concat();
        refused(&args, "name a file whose first line is the password");
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        refused(
            &["serve-binlog", CAPTURE, "--port", &port],
            "choose another port with --port",
        );
    }

    #[test]
    fn ctrl_c_ends_it_with_130_though_somebody_is_connected() {
        let (mut child, port) = serving(&[]);
        let receiver = Receiver::connect(port, "any", "").unwrap();
        let id = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(child.wait().unwrap().code(), Some(130));
        drop(receiver);
    }

    #[test]
    fn it_ends_with_0_once_a_replica_had_everything_if_it_is_to() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "geheim\nnot this\n").unwrap();
        let file = file.display().to_string();
        let (mut child, port) =
            serving(&["--until-served", "--user", "repl", "--password-file", &file]);
        assert!(Receiver::connect(port, "repl", "").is_err());
        take_everything(port, "repl", "geheim");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}
