fn main() {
    let a: Vec<String> = std::env::args().collect();
    let scenario = cutover_scenarios::load_scenario(&a[1], &a[3..].to_vec()).unwrap();
    let rb = cutover_scenarios::load_runbook(&a[2]).unwrap();
    let plan = scenario.plan(1, Some(&rb));
    let recording = if plan.workload.paths.is_empty() {
        None
    } else {
        let files = cutover_scenarios::read_binlogs(&plan.workload.paths).unwrap();
        Some(std::sync::Arc::new(
            cutover_sim::recording::Recording::load(files, None).unwrap(),
        ))
    };
    let t = std::time::Instant::now();
    let run = cutover_sim::run::run(&plan, recording.as_ref()).unwrap();
    let wall = t.elapsed();
    for l in &run.outcome.story {
        println!("{} {:9} {}", l.at.time_of_day(), l.who, l.what);
        for c in &l.commands {
            println!("      $ {c}");
        }
    }
    println!(
        "{:?} lost {} commits {:?} {} virtual {}s wall {:?}",
        run.outcome.verdict,
        run.outcome.lost_writes,
        run.outcome.commits,
        run.outcome.fingerprint,
        run.outcome.virtual_ms / 1000,
        wall
    );
    if let Ok(d) = std::env::var("DUMP") {
        for h in [
            cutover_sim::runbook::Host::Source,
            cutover_sim::runbook::Host::Target,
        ] {
            std::fs::create_dir_all(format!("{d}/{h:?}")).unwrap();
            for x in run.dump(h) {
                std::fs::write(format!("{d}/{h:?}/{}.jsonl", x.table), x.jsonl).unwrap();
            }
        }
    }
}
