//! Tables of which exactly one key says what is meant: steps, conditions, and faults.

/// A step or condition that names no operation, or several.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// None.
    #[error("nothing to do: add one of {one_of}")]
    Nothing {
        /// The keys to choose from.
        one_of: &'static str,
    },
    /// More than one.
    #[error("`{first}` and `{second}` in one place: write a step for each")]
    Several {
        /// One key.
        first: &'static str,
        /// Another.
        second: &'static str,
    },
}

/// The one of several options that is set.
pub(crate) fn exactly_one<T>(
    options: impl IntoIterator<Item = Option<(&'static str, T)>>,
    one_of: &'static str,
) -> Result<T, StepError> {
    let mut found: Option<(&'static str, T)> = None;
    for (name, value) in options.into_iter().flatten() {
        match &found {
            None => found = Some((name, value)),
            Some((first, _)) => {
                return Err(StepError::Several {
                    first,
                    second: name,
                });
            }
        }
    }
    found
        .map(|(_, value)| value)
        .ok_or(StepError::Nothing { one_of })
}
