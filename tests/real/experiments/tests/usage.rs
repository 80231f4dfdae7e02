//! The program says what is wrong with how it was called, before it asks for a server.

use std::process::Command;

#[test]
fn a_command_that_there_is_not_is_refused_with_status_2() {
    for arguments in [
        &[][..],
        &["experimnts", "--model"],
        &["experiments", "--onyl", "XA"],
    ] {
        let program = env!("CARGO_BIN_EXE_cutover-experiments");
        let output = Command::new(program).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(!said.is_empty(), "{arguments:?}");
    }
}
