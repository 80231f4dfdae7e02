//! What `cutover audit` says each step of a runbook is for.

use std::{fs, path::Path, process::Command};

fn audit(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cutover"))
        .current_dir(folder)
        .arg("audit")
        .args(args)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn variant<'a>(
    audit: &'a serde_json::Value,
    step: u64,
    change: &str,
) -> Vec<&'a serde_json::Value> {
    let variants = audit["variants"].as_array().unwrap().iter();
    variants
        .filter(|v| v["step"] == step && v["change"] == change)
        .collect()
}

#[test]
fn the_table_of_the_small_shop_without_faults() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["orders-small", "--seeds", "2", "--most-faults", "0"];
    let (status, text, complaint) = audit(folder.path(), &args);
    assert_eq!(status, Some(0), "{complaint}");
    insta::assert_snapshot!(text);
}

/// The stream stands still when the fence is asked for: what was committed last is not on the target for a minute.
const STALLED_AT_THE_FENCE: &str = r#"
[[fault]]
on = { event = "fence-asked" }
lasts = "40s"
stall = { link = "replication" }
"#;

#[test]
fn the_gate_is_for_what_is_not_yet_on_the_target_and_its_proof_replays() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = include_str!("../scenarios/scenarios/orders-small.toml");
    let scenario = format!("{scenario}{STALLED_AT_THE_FENCE}");
    fs::write(folder.path().join("stalled.toml"), scenario).unwrap();
    let args = [
        "stalled.toml",
        "--seeds",
        "2",
        "--most-faults",
        "0",
        "--out",
        "proofs",
        "--format",
        "json",
    ];
    let (status, text, complaint) = audit(folder.path(), &args);
    assert_eq!(status, Some(0), "{complaint}");
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&told["safe"], &told["complete"]),
        (&2.into(), &true.into())
    );
    let gate = told["variants"].as_array().unwrap().iter();
    let gate = gate
        .filter(|v| v["say"] == "The target must have applied all of it")
        .find(|v| v["change"] == "without")
        .unwrap();
    assert_eq!(gate["result"], "failure", "{gate}");
    assert_eq!(gate["failure"]["what"]["property"], "P1");
    assert_eq!(gate["in_plans"], 2);
    let proof = gate["proof"].as_str().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_cutover"))
        .current_dir(folder.path())
        .args(["replay", proof, "--format", "json"])
        .output()
        .unwrap();
    let replayed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(replayed["replay"]["fingerprint_holds"], true);
    assert_eq!(replayed["verdict"], "violated");
    // A lag of 0 is no gate: what was not received does not count.
    let weaker = variant(&told, gate["step"].as_u64().unwrap(), "weaker");
    let lag = weaker
        .iter()
        .find(|v| v["weaker"].as_str().unwrap().contains("lag"));
    assert!(lag.is_some_and(|v| v["result"] == "failure"), "{weaker:?}");
}

#[test]
fn a_runbook_that_is_never_safe_says_nothing_of_its_steps() {
    let folder = tempfile::tempdir().unwrap();
    let args = [
        "orders-small",
        "--strategy",
        "snapshot-only",
        "--seeds",
        "2",
        "--most-faults",
        "0",
    ];
    let (status, text, _) = audit(folder.path(), &args);
    assert_eq!(status, Some(0));
    // Lines are broken at the terminal's width.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("safe in 0 of them: there is nothing to compare a variant with"),
        "{text}"
    );
    assert!(text.contains("nothing found in 0 plans"), "{text}");
}

#[test]
fn the_same_audit_comes_out_again_and_bad_input_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let args = [
        "orders-small",
        "--strategy",
        "snapshot-freeze",
        "--seeds",
        "3",
        "--format",
        "json",
    ];
    let once = audit(folder.path(), &args);
    assert_eq!(once, audit(folder.path(), &args));
    let (status, _, complaint) = audit(folder.path(), &["orders-smal"]);
    assert_eq!(status, Some(2));
    assert!(complaint.contains("orders-small"), "{complaint}");
    fs::write(folder.path().join("file"), "").unwrap();
    let (status, _, complaint) = audit(folder.path(), &["orders-small", "--out", "file"]);
    assert_eq!(status, Some(2));
    assert!(complaint.contains("file"), "{complaint}");
}
