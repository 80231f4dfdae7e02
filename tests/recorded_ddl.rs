//! A recording from its very beginning: its DDL reaches the target by the binlog, in events of the modelled source, whose
//! version is another one than the recorded server's, and the target must declare the same.

use std::process::Command;

#[test]
fn ddl_of_a_recording_declares_the_same_on_the_target_whatever_the_version_it_is_of() {
    for capture in [
        "orders-mysql56",
        "types-mysql56",
        "cascade-mysql56",
        "ddl-mysql56",
        "orders-mysql97",
        "ddl-mysql97",
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_cutover"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["run", "orders-small", "--format", "json", "--workload"])
            .arg(format!("binlog:tests/captures/{capture}"))
            .args(["--set", "workload.start_after=0"])
            .args(["--set", "workload.stretch=true"])
            .output()
            .expect("the command runs");
        let told: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{capture}: {error}"));
        let (verdict, violations) = (&told["verdict"], &told["violations"]);
        assert_eq!(verdict, "safe", "{capture}: {violations}");
    }
}
