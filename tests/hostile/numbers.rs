//! Numbers that cannot be, wherever a number is read.

use crate::support::*;

#[test]
fn numbers_out_of_bounds_are_refused_with_the_bounds() {
    for (set, said) in [
        ("workload.clients=4294967295", "between 1 and 10000"),
        ("workload.clients=0", "between 1 and 10000"),
        (
            "workload.clients=99999999999999999999",
            "from 0 to 4294967295",
        ),
        ("workload.clients=-1", "from 0 to 4294967295"),
        (
            "workload.existing_rows=18446744073709551615",
            "9223372036854775807",
        ),
        ("workload.rate_per_s=0", "above 0"),
        ("workload.rate_per_s=-0.5", "above 0"),
        ("workload.rate_per_s=inf", "at most 1000000"),
        ("workload.rate_per_s=nan", "above 0"),
        ("workload.rate_per_s=1e308", "1e308"),
        ("workload.start_after=nan", "between 0 and 1"),
        ("workload.start_after=-1e300", "between 0 and 1"),
        ("workload.mix.pay=4294967295", "between 0 and 1000000"),
        ("clock.limit=1000000000000000000000000000000s", "5s, 1h30m"),
        ("clock.limit=1e30s", "5s, 1h30m"),
        ("clock.limit=9999d", "400 days"),
        ("clock.start=2999-12-31T23:59:59Z", "2038"),
        ("clock.start=1e9", "2026-03-02T10:00:00Z"),
        ("source.flush=-5s", "between 0 and 400 days"),
        ("source.data_size=1e30TiB", "128MiB"),
        ("source.data_size=99999999999999999999999", "size"),
        ("source.data_size=-1", "size"),
        ("source.data_size=18446744073709551615", "128TiB"),
        ("network.replication.bandwidth=0", "bandwidth"),
    ] {
        refused(&["run", "orders", "--set", set], &["--set:1:", said]);
    }
}

#[test]
fn numbers_among_the_arguments_are_refused_with_the_bounds() {
    for (args, said) in [
        (
            &["compare", "orders", "--seeds", "18446744073709551615"][..],
            "1..=1000000",
        ),
        (&["compare", "orders", "--seeds", "-1"], "-1"),
        (
            &["run", "orders", "--seed", "18446744073709551616"],
            "--seed",
        ),
        (&["run", "orders", "--seed", "1e3"], "--seed"),
        (&["run", "orders", "--seed", "NaN"], "--seed"),
        (&["binlog", "inspect", "x", "--limit", "-1"], "-1"),
    ] {
        refused(args, &[said]);
    }
}

#[test]
fn the_largest_seed_can_be_run_saved_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["plan.toml", "plan.json"] {
        let plan = folder.path().join(name);
        let seed = u64::MAX.to_string();
        let run = output(&[
            "run",
            "orders-small",
            "--seed",
            &seed,
            "--plan-out",
            text(&plan),
        ]);
        assert_eq!(run.status.code(), Some(0), "{}", err(&run));
        let replayed = output(&["replay", text(&plan), "--format", "json"]);
        let json: serde_json::Value = serde_json::from_slice(&replayed.stdout).unwrap();
        assert_eq!(json["seed"].as_u64(), Some(u64::MAX), "{name}");
        assert_eq!(json["replay"]["fingerprint_holds"], true, "{name}");
    }
}

#[test]
fn a_sweep_that_will_not_fit_into_memory_says_so_before_it_begins() {
    let sweep = |lob: &str| {
        let table = format!("workload.table=[{{name=\"doc\",lob=\"{lob}\"}}]");
        let jobs = ["--seeds", "0..1", "--jobs", "1024"];
        let output = output(&[&["explore", "orders-small", "--set", &table], &jobs[..]].concat());
        assert_ne!(output.status.code(), Some(2), "{}", err(&output));
        err(&output).contains("of memory are available: lower `workload.rate_per_s`")
    };
    // What is available is Linux's to say.
    assert_eq!(sweep("256KiB"), cfg!(target_os = "linux"));
    assert!(!sweep("100"));
}
