//! The engine: libFuzzer over the target that the environment variable `FUZZ_TARGET` names.

#![no_main]

use cutover_fuzz::{Format, Random, Target, check, find, vary};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use std::sync::LazyLock;

#[expect(
    clippy::disallowed_methods,
    reason = "libFuzzer owns the command line; no run of cutover sees the variable"
)]
static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    find(&name).unwrap_or_else(|| {
        eprintln!("FUZZ_TARGET={name}: there is no such target; `cutover-corpus` lists them");
        std::process::exit(2)
    })
});

fuzz_target!(init: LazyLock::force(&TARGET), |input: &[u8]| check(&TARGET, input));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if TARGET.format == Format::Bytes {
        return fuzzer_mutate(data, size, max_size);
    }
    let mut random = Random::new(u64::from(seed));
    let changed = vary(&data[..size], max_size, &mut random, |body, length| {
        let room = body.len();
        fuzzer_mutate(body, length, room)
    });
    data[..changed.len()].copy_from_slice(&changed);
    changed.len()
});
