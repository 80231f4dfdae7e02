//! The commands `cutover check` and `cutover new`.

use std::process::Command;

fn cutover(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cutover"))
        .args(arguments)
        .output()
        .expect("the command runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    (output.status.code(), text)
}

#[test]
fn the_command_exits_with_1_on_a_fail_and_says_reason_and_statement() {
    assert_eq!(cutover(&["check", "orders-small"]).0, Some(0));
    let sets = [
        "--set",
        "source.binlog_retention=24h",
        "--set",
        "source.data_size=3TiB",
    ];
    let strategy = ["--strategy", "snapshot-binlog-gtid-no-retention"];
    let (status, text) = cutover(&[&["check", "orders"], &sets[..], &strategy[..]].concat());
    assert_eq!(status, Some(0), "{text}");
    let sets = [
        "--set",
        "source.binlog_retention=8h",
        "--set",
        "source.data_size=3TiB",
    ];
    let (status, text) = cutover(&[&["check", "orders"], &sets[..], &strategy[..]].concat());
    assert_eq!(status, Some(1), "{text}");
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "retention 8h < ",
        "error 1236",
        "CALL mysql.rds_set_configuration('binlog retention hours', ",
    ] {
        assert!(flat.contains(said), "{said}: {text}");
    }
    assert_eq!(cutover(&["check", "nowhere"]).0, Some(2));
}

#[test]
fn a_new_scenario_checks_and_runs_as_it_is_and_is_never_overwritten_by_accident() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.toml");
    let path = file.to_str().unwrap();
    let new = |more: &[&str]| cutover(&[&["new", "our-shop", "--out", path], more].concat());
    assert_eq!(new(&[]).0, Some(0));
    assert_eq!(cutover(&["check", path]).0, Some(0));
    let faster = [
        "--set",
        "workload.rate_per_s=1",
        "--set",
        "workload.existing_rows=100",
    ];
    let (status, story) = cutover(&[&["run", path], &faster[..]].concat());
    assert_eq!(status, Some(0), "{story}");
    std::fs::write(&file, "mine").unwrap();
    assert_eq!(new(&[]).0, Some(2), "it is there already");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(new(&["--force"]).0, Some(0));
    assert!(std::fs::read_to_string(&file).unwrap().contains("our-shop"));
    assert_eq!(cutover(&["new", "a b"]).0, Some(2));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing half-written is left");
}
