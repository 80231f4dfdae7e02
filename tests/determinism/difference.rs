//! Where two sets of files begin to differ, told so that one can look there.

use std::{collections::BTreeMap, fmt::Write as _};

/// Bytes shown on either side of a difference.
const AROUND: usize = 60;

/// The first difference in the order of the files' names; `None` when there is none.
pub fn first_difference(
    first: &BTreeMap<String, Vec<u8>>,
    second: &BTreeMap<String, Vec<u8>>,
) -> Option<String> {
    let mut names: Vec<&String> = first.keys().chain(second.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .find_map(|name| match (first.get(name), second.get(name)) {
            (Some(one), Some(other)) => in_bytes(name, one, other),
            (Some(_), None) => Some(format!("{name} was written by the first only")),
            _ => Some(format!("{name} was written by the second only")),
        })
}

fn in_bytes(name: &str, one: &[u8], other: &[u8]) -> Option<String> {
    if one == other {
        return None;
    }
    let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let line = 1 + one[..same].iter().filter(|byte| **byte == b'\n').count();
    let mut told = format!("{name}, byte {same} (line {line})");
    for (whose, bytes) in [("first ", one), ("second", other)] {
        let shown = &bytes[same.saturating_sub(AROUND)..bytes.len().min(same + AROUND)];
        let _ = write!(
            told,
            "\n  {whose} ({} bytes): …{}…",
            bytes.len(),
            shown.escape_ascii()
        );
    }
    Some(told)
}
