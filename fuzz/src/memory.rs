//! How much memory an input costs. The counting allocator is that of every program that links this library.

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What any input may cost: tables of characters, a world's hosts.
const FIXED_BYTES: usize = 32 << 20;

/// What each byte of an input may cost. A row that is sent in part, or a `.jsonl` line without most columns, takes
/// the defaults of all the others.
const BYTES_PER_BYTE: usize = 1 << 10;

/// The most that an input of this length may make cutover hold at a time.
pub fn allowed_bytes(input: usize) -> usize {
    FIXED_BYTES + BYTES_PER_BYTE * input
}

/// The most bytes that were held while `work` ran, beyond those from before.
pub(crate) fn peak_of(work: impl FnOnce()) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    work();
    ALLOCATOR.peak_usage().saturating_sub(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_held_and_given_back_counts() {
        let peak = peak_of(|| drop(std::hint::black_box(vec![0u8; 50 << 20])));
        assert!(peak >= 50 << 20, "{peak}");
    }
}
