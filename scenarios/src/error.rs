//! What is wrong with a file or an argument, where, and what would be right.

use std::{fmt, ops::Range, sync::Arc};

/// An error in something that a person wrote: the place, the message, the remedy.
///
/// `Display` gives `NAME:LINE:COLUMN: message` and, on a second line, the help. The command renders it
/// with the source's line from [`LoadError::source_text`] and [`LoadError::span`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    name: String,
    text: Arc<str>,
    span: Option<Range<usize>>,
    message: String,
    help: Option<String>,
}

impl LoadError {
    /// An error that concerns a file or an argument as a whole.
    pub(crate) fn new(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            name: name.into(),
            text: "".into(),
            span: None,
            message: message.into(),
            help: None,
        }))
    }

    /// Puts the error at a place of a text. The span is moved to the text's character boundaries.
    pub(crate) fn at(mut self, text: &Arc<str>, span: Range<usize>) -> Self {
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = span.end.clamp(start, text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        self.0.text = Arc::clone(text);
        self.0.span = Some(start..end);
        self
    }

    /// Says what would be right.
    pub(crate) fn help(mut self, help: impl Into<Option<String>>) -> Self {
        self.0.help = help.into();
        self
    }

    /// The file's path as it was given, `--set`, or another argument.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The whole text that [`LoadError::span`] is a part of; empty without a span.
    pub fn source_text(&self) -> &str {
        &self.0.text
    }

    /// The place: bytes of [`LoadError::source_text`], at character boundaries within it.
    pub fn span(&self) -> Option<Range<usize>> {
        self.0.span.clone()
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What would be right.
    pub fn help_text(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// The line of the place, from 1.
    pub fn line(&self) -> Option<usize> {
        let before = self.before()?;
        Some(before.bytes().filter(|b| *b == b'\n').count() + 1)
    }

    /// The column of the place in characters, from 1.
    pub fn column(&self) -> Option<usize> {
        let before = self.before()?;
        Some(before.chars().rev().take_while(|c| *c != '\n').count() + 1)
    }

    fn before(&self) -> Option<&str> {
        self.0.text.get(..self.0.span.as_ref()?.start)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name)?;
        if let (Some(line), Some(column)) = (self.line(), self.column()) {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.0.message)?;
        match &self.0.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for LoadError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_and_column_count_characters() {
        let text: Arc<str> = "a\nµ = x\n".into();
        let error = LoadError::new("f", "m").at(&text, 7..8);
        assert_eq!((error.line(), error.column()), (Some(2), Some(5)));
        assert_eq!(error.to_string(), "f:2:5: m");
    }

    #[test]
    fn a_span_outside_of_the_text_or_inside_a_character_is_moved_into_it() {
        let text: Arc<str> = "aµ".into();
        assert_eq!(LoadError::new("f", "m").at(&text, 2..2).span(), Some(1..3));
        assert_eq!(LoadError::new("f", "m").at(&text, 9..12).span(), Some(3..3));
        let reversed = LoadError::new("f", "m").at(&text, Range { start: 3, end: 0 });
        assert_eq!(reversed.span(), Some(3..3));
    }
}
