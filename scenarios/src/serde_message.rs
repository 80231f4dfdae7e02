//! serde's messages in the words of someone who writes a scenario file.
//!
//! serde names a field, the fields that there are, or a Rust type; its formats are stable, and a message
//! that is not recognised passes unchanged.

/// A message and what would be right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub message: String,
    pub help: Option<String>,
}

impl Told {
    /// A key that is there already, after the text before it.
    pub fn twice(key: &str, before: &str) -> Self {
        let key = clip(key.trim());
        let help = if before.ends_with('[') {
            format!("keep one of the two; each item of a list is written [[{key}]]")
        } else {
            "keep one of the two".to_string()
        };
        Self {
            message: format!("`{key}` is there already"),
            help: Some(help),
        }
    }
}

/// Retells a message of serde or toml.
pub(crate) fn retell(message: &str) -> Told {
    let message = message.trim();
    if message.contains("recursion") || message.contains("recurse") {
        return Told {
            message: "tables or lists lie in each other deeper than is read".into(),
            help: Some("no key of this format lies deeper than three tables".into()),
        };
    }
    if message == "u64 value was too large" {
        return Told {
            message: format!("a number beyond {}, the largest that TOML has", i64::MAX),
            help: None,
        };
    }
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return unknown("key", rest);
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        return unknown("value", rest);
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        let key = rest.trim_matches('`');
        return Told {
            message: format!("the key `{key}` is missing here"),
            help: Some(format!("add `{key} = …`")),
        };
    }
    if let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
    {
        return Told {
            message: format!(
                "found {}, expected {}",
                clip(
                    found
                        .trim_end_matches(" as i128")
                        .trim_end_matches(" as u128")
                ),
                plain_type(expected)
            ),
            help: None,
        };
    }
    Told {
        message: clip(message).replace('\n', ", "),
        help: None,
    }
}

fn unknown(what: &str, rest: &str) -> Told {
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let found = quoted.next().unwrap_or_default();
    let known: Vec<&str> = quoted.collect();
    let did_you_mean = match nearest(found, known.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    };
    Told {
        message: format!("unknown {what} `{}`{did_you_mean}", clip(found)),
        help: (!known.is_empty()).then(|| format!("known here: {}", known.join(", "))),
    }
}

/// The known name that a person most likely meant; none when nothing is near.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The distance takes time and memory by the product of the lengths, and nobody means a name of pages.
    if name.len() > 64 {
        return None;
    }
    known
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= 1.max(candidate.len().min(name.len()) / 3)
                || (name.len() >= 3 && candidate.starts_with(name))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The beginning of a text that may be pages long.
pub(crate) fn clip(text: &str) -> String {
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

fn plain_type(expected: &str) -> String {
    match expected {
        "u8" => format!("a whole number from 0 to {}", u8::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" => "a whole number, 0 or more".into(),
        "i64" | "i32" => "a whole number".into(),
        "f64" => "a number".into(),
        "a boolean" => "true or false".into(),
        "a string" => "a text in quotes".into(),
        "a sequence" => "a list, like [\"…\"]".into(),
        "path string" => "a path in quotes".into(),
        "struct Nothing" => "an empty table: {}".into(),
        other => match other.strip_prefix("struct ") {
            Some(_) => "a table, like { key = … }".into(),
            None => other.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_gets_the_nearest_known_one_and_the_list() {
        let told = retell(
            "unknown field `binlog_retentoin`, expected one of `gtid_mode`, `binlog_retention`",
        );
        assert_eq!(
            told.message,
            "unknown key `binlog_retentoin`; did you mean `binlog_retention`?"
        );
        assert_eq!(
            told.help.as_deref(),
            Some("known here: gtid_mode, binlog_retention")
        );
        let far = retell("unknown field `colour`, expected `hours`");
        assert_eq!(far.message, "unknown key `colour`");
        assert_eq!(retell("unknown field `x`, there are no fields").help, None);
    }

    #[test]
    fn a_name_of_pages_is_cut_short_and_compared_with_nothing() {
        let long = "x".repeat(1 << 20);
        let told = retell(&format!("unknown field `{long}`, expected `hours`"));
        assert!(told.message.len() < 400);
    }
}
