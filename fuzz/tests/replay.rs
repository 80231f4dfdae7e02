//! What the engine found, and what it starts from, again: in every `cargo test`, without an engine.

use cutover_fuzz::{Format, Random, TARGETS, check, files, find, packaged, vary};
use std::fs;

/// Prints the case that a panic interrupts.
struct Case<'a>(&'a str, String);

impl Drop for Case<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("target {}, {}", self.0, self.1);
        }
    }
}

// One test for everything: what an input may cost is counted for the whole process.
#[test]
fn no_input_that_was_found_or_is_varied_from_the_captures_breaks_a_parser() {
    for target in TARGETS {
        let found = files(&packaged("fuzz/regressions").join(target.name), |_| true);
        for (number, input) in found.iter().enumerate() {
            let _case = Case(target.name, format!("regression {number} by name"));
            check(target, input);
        }
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{} starts from something", target.name);
        for (number, input) in seeds.iter().enumerate() {
            let _case = Case(target.name, format!("seed {number}"));
            check(target, input);
        }
        if target.format == Format::Binlog {
            let small: Vec<_> = seeds.iter().filter(|seed| seed.len() < 8_000).collect();
            for seed in 0..200u64 {
                let _case = Case(target.name, format!("variation {seed}"));
                let file = small[seed as usize % small.len()];
                let mut random = Random::new(seed);
                check(
                    target,
                    &vary(file, 1 << 16, &mut random, |_, length| length),
                );
            }
        }
    }
}

#[test]
fn every_folder_of_regressions_is_that_of_a_target() {
    for entry in fs::read_dir(packaged("fuzz/regressions")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(find(&name).is_some(), "{name}");
    }
}
