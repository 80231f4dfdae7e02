//! Which of the built-in strategies are compared. Their files say so; no name is known here.

use cutover::scenarios;

/// All of them.
pub fn all() -> Vec<String> {
    scenarios::strategies()
        .into_iter()
        .map(|s| s.name)
        .collect()
}

/// Those that one would choose between.
pub fn compared() -> Vec<String> {
    all()
}
