//! A commented scenario to start from.

use crate::LoadError;

const TEMPLATE: &str = include_str!("../template.toml");

/// The template of a scenario, under a name.
///
/// # Errors
/// [`LoadError`] for what is no name.
pub fn template(name: &str) -> Result<String, LoadError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if (1..=64).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.') {
        return Ok(TEMPLATE.replace("NAME", name));
    }
    let shown = crate::serde_message::clip(name);
    Err(
        LoadError::new("NAME", format!("`{shown}` is no name of a scenario")).help(
            "write 1 to 64 letters, digits, `-`, `_` or `.`; --out names a file anywhere"
                .to_string(),
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_scenario;

    #[test]
    fn the_template_is_a_scenario_that_says_what_the_defaults_are() {
        let text = template("a-name").unwrap();
        assert!(!text.contains("NAME"));
        let scenario = parse_scenario("a-name.toml", &text, &[]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(scenario.name, "a-name");
        // What it says of environment, but for the size of the data, is what a file that says nothing means.
        let bare =
            "schema = \"1.0\"\nname = \"a\"\nabout = \"b\"\nstrategy = \"snapshot-binlog-gtid\"\n";
        let bare = parse_scenario("bare", bare, &["source.data_size=100GiB".into()]).unwrap();
        assert_eq!(scenario.environment, bare.environment);
        assert_eq!(scenario.clock, bare.clock);
    }

    #[test]
    fn what_is_commented_out_is_valid_too() {
        let text = template("a-name").unwrap();
        let lines = text.lines().map(|line| {
            let inner = line.strip_prefix("# ").unwrap_or(line);
            let is_code = inner.starts_with("[[")
                || inner.split_once(" = ").is_some_and(|(key, _)| {
                    !key.contains(' ') && !key.contains('@') && line.starts_with("# ")
                });
            if is_code { inner } else { line }
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let scenario = parse_scenario("whole", &text, &[]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(scenario.workload.tables.len(), 4);
        assert_eq!(scenario.faults.len(), 1);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", "a b", "../x", "a\"b", ".x", &"x".repeat(65)] {
            assert!(template(name).is_err(), "{name}");
        }
    }
}
