//! Which of the built-in strategies are compared. Their files say so; no name is known here.

use cutover::scenarios;

/// All of them.
pub fn all() -> Vec<String> {
    scenarios::strategies()
        .into_iter()
        .map(|s| s.name)
        .collect()
}

/// Those that one would choose between: all but those that are there to show a mistake.
pub fn compared() -> Vec<String> {
    let sound = scenarios::strategies().into_iter().filter(|s| !s.naive);
    sound.map(|s| s.name).collect()
}
