//! Links: slow, narrow, cut, reset, half-open.

use crate::support::*;
use cutover::sim::outcome::Verdict;

#[test]
fn clients_of_a_slow_or_uneven_link_get_less_done() {
    let before = undisturbed(&[]).commits.ok;
    for kind in [
        "latency = { link = \"clients-source\", add = \"400ms\" }",
        "jitter = { link = \"clients-source\", add = \"800ms\" }",
        "bandwidth = { link = \"clients-source\", limit = 600 }",
    ] {
        let fault = format!("[[fault]]\nat = \"2s\"\nlasts = \"60s\"\n{kind}");
        let after = safe(&[], &fault).commits.ok;
        assert!(after < before * 3 / 4, "{kind}: {after} of {before}");
    }
}

#[test]
fn a_narrow_binlog_link_makes_the_target_late() {
    let before = undisturbed(&[]);
    let fault = "[[fault]]\non = { event = \"replication-starts\" }\nlasts = \"3m\"\nbandwidth = { link = \"replication\", limit = 4000 }";
    let after = safe(&[], fault);
    assert!(
        after.virtual_ms > before.virtual_ms + 60_000,
        "{} after {}",
        after.virtual_ms,
        before.virtual_ms
    );
}

#[test]
fn the_gate_waits_for_what_a_stalled_link_holds_back() {
    let fault = "[[fault]]\non = { event = \"fence-asked\" }\nlasts = \"40s\"\nstall = { link = \"replication\" }";
    let downtime_ms = safe(&[], fault).downtime_ms.unwrap();
    assert!(downtime_ms > 30_000, "{downtime_ms}");
    assert!(undisturbed(&[]).downtime_ms.unwrap() < 20_000);
}

#[test]
fn a_reset_leaves_the_outcome_of_a_commit_under_way_unknown() {
    let fault = "[[fault]]\non = { event = \"commit-sent\", nth = 50 }\nreset = { link = \"clients-source\" }";
    let after = safe(&[], fault);
    assert!(after.commits.info > 0);
    assert!(reached(&after, "commit-outcome-unknown"));
    assert_eq!(undisturbed(&[]).commits.info, 0);
}

#[test]
fn a_receiver_that_is_cut_off_for_longer_than_it_listens_connects_anew() {
    let cut = |lasts: &str| {
        format!(
            "[[fault]]\non = {{ event = \"receiver-connects\", after = \"1s\" }}\nlasts = \"{lasts}\"\npartition = {{ link = \"replication\" }}"
        )
    };
    let sets = ["target.replica_net_timeout=10s", "target.connect_retry=5s"];
    assert!(!reached(&safe(&sets, &cut("8s")), "receiver-reconnected"));
    let after = safe(&sets, &cut("30s"));
    assert!(reached(&after, "receiver-reconnected"));
    assert!(told(&after, "the receiver has lost its connection"));
}

#[test]
fn nobody_connects_through_a_link_that_is_cut_and_nobody_fences_meanwhile() {
    const LASTS_US: u64 = 600_000_000;
    let cut = |way: &str| {
        format!(
            "[[fault]]\non = {{ event = \"receiver-connects\", after = \"1s\" }}\nlasts = \"10m\"\npartition = {{ link = \"replication\", way = \"{way}\" }}"
        )
    };
    let sets = ["target.replica_net_timeout=10s", "target.connect_retry=5s"];
    let downtime_ms = undisturbed(&sets).downtime_ms.unwrap();
    for way in ["both", "requests", "answers"] {
        let after = safe(&sets, &cut(way));
        let connected = after
            .story
            .iter()
            .filter(|line| line.what.starts_with("the receiver is connected and reads"));
        let at: Vec<u64> = connected.map(|line| line.at.0).collect();
        let [first, again] = at[..] else {
            panic!("{way}: connected at {at:?}");
        };
        assert!(again > first + LASTS_US, "{way}: {first}, {again}");
        // Little is lost by it: the operator sees that the receiver is not connected, and does not fence.
        let took_ms = after.downtime_ms.unwrap();
        assert!(
            took_ms < downtime_ms + 10_000,
            "{way}: {took_ms} after {downtime_ms}"
        );
    }
}

#[test]
fn a_first_connection_through_a_link_that_is_cut_is_tried_again_and_again() {
    let cut = "[[fault]]\nat = \"20s\"\nlasts = \"10m\"\npartition = { link = \"replication\" }";
    let stall = "[[fault]]\nat = \"20s\"\nlasts = \"10m\"\nstall = { link = \"replication\" }";
    let sets = ["target.replica_net_timeout=70s", "target.connect_retry=50s"];
    let connected_at = |fault: &str| {
        let after = outcome("snapshot-binlog-gtid", &sets, fault);
        let begins = after.story.first().map_or(0, |line| line.at.0);
        let mut story = after.story.iter();
        let line = story.find(|line| line.what.starts_with("the receiver is connected and reads"));
        (line.expect("it connects").at.0 - begins) / 1_000_000
    };
    let healed = connected_at(stall);
    // Attempts of 70 s, 50 s apart: the cut may end in a pause.
    let tried = connected_at(cut);
    assert!(
        (healed..healed + 50).contains(&tried),
        "{tried} s after {healed} s"
    );
}

#[test]
fn clients_whose_answers_do_not_come_through_give_up_without_knowing() {
    let one_way = |way: &str| {
        format!(
            "[[fault]]\non = {{ event = \"commit-sent\", nth = 60 }}\nlasts = \"20s\"\npartition = {{ link = \"clients-source\", way = \"{way}\" }}"
        )
    };
    let sets = ["clients.tcp_timeout=4s", "clients.connect_timeout=2s"];
    let answers = safe(&sets, &one_way("answers"));
    assert!(answers.commits.info > 0, "committed, and not heard of");
    let requests = safe(&sets, &one_way("requests"));
    assert_eq!(requests.commits.info, 0, "no COMMIT got through");
    assert!(requests.longest_stall_ms >= 19_000 && answers.longest_stall_ms >= 19_000);
}

#[test]
fn a_half_open_stream_deceives_a_lag_gate_and_not_a_gtid_gate() {
    let fault = "[[fault]]\non = { event = \"lag-reads-zero\" }\nhalf_open = {}";
    let after = safe(&[], fault);
    assert!(reached(&after, "zero-lag-unreceived"));
    let naive = outcome("naive-lag-gate", &[], fault);
    assert!(violates(&naive, "P1") && violates(&naive, "P10"));
    assert!(naive.lost_writes > 0);
}

#[test]
fn an_operator_who_is_cut_off_goes_on_later() {
    let before = undisturbed(&[]);
    let fault = "[[fault]]\non = { event = \"fence-passed\" }\nlasts = \"30s\"\npartition = { link = \"operator\" }";
    let after = safe(&[], fault);
    assert!(after.downtime_ms.unwrap() > before.downtime_ms.unwrap() + 20_000);
    let slow =
        "[[fault]]\nat = \"1s\"\nlasts = \"10m\"\nlatency = { link = \"operator\", add = \"2s\" }";
    assert!(safe(&[], slow).virtual_ms > before.virtual_ms + 30_000);
}

#[test]
fn a_run_with_faults_is_the_same_every_time() {
    let faults = "[[fault]]\nat = \"20s\"\nlasts = \"10s\"\njitter = { link = \"replication\", add = \"50ms\" }\n\
                  [[fault]]\non = { event = \"source-publishes\", nth = 100 }\nlasts = \"10s\"\nsource_crash = {}";
    let (a, b) = (safe(&[], faults), safe(&[], faults));
    assert_eq!(a.fingerprint, b.fingerprint);
    assert_ne!(a.fingerprint, undisturbed(&[]).fingerprint);
    assert_ne!(a.verdict, Verdict::Unknown);
}
