//! Colours and line breaks. What is painted always carries its meaning in words or symbols too; anstream
//! takes the colours out where nobody would see them.

use clap::builder::styling::{AnsiColor, Style};

/// Of headings and names.
pub const STRONG: Style = Style::new().bold();
/// Of what may be skipped.
pub const FAINT: Style = Style::new().dimmed();
/// Of what is wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Of what is right.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Of what deserves a second look.
pub const DOUBT: Style = AnsiColor::Yellow.on_default().bold();
/// Of actors.
pub const ACTOR: Style = AnsiColor::Cyan.on_default();

/// Text in a style.
pub fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Breaks a text into lines of at most `width` characters, at spaces; a longer word stands alone.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
        }
    }
    lines
}

/// Writes a text under a first prefix, its further lines under blanks of `indent`.
pub fn hang(out: &mut String, first: &str, indent: usize, text: &str, width: usize) {
    for (i, line) in wrap(text, width.saturating_sub(indent).max(20))
        .iter()
        .enumerate()
    {
        if i == 0 {
            out.push_str(first);
        } else {
            out.extend(std::iter::repeat_n(' ', indent));
        }
        out.push_str(line);
        out.push('\n');
    }
}

/// Text that came from outside, with control characters made visible, so that no file can drive a terminal.
pub fn tame(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let hidden = c.is_control() && c != '\n';
            let escaped = hidden.then(|| c.escape_default());
            escaped.into_iter().flatten().chain((!hidden).then_some(c))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_spaces_and_nothing_is_dropped() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("unbreakable", 3), ["unbreakable"]);
        assert_eq!(wrap("", 3), [""]);
        let mut out = String::new();
        hang(&mut out, "- ", 2, "aaaaaaaaaa bbbbbbbbbb cccccccccc", 24);
        assert_eq!(out, "- aaaaaaaaaa bbbbbbbbbb\n  cccccccccc\n");
    }

    #[test]
    fn control_characters_from_a_file_do_not_reach_the_terminal() {
        assert_eq!(tame("a\u{1b}[2Jb\tc\nd"), "a\\u{1b}[2Jb\\tc\nd");
    }
}
