//! What went wrong, for people: the file's line with the place marked, and what would be right.

use super::paint::{BAD, DOUBT, GOOD, paint, tame};
use crate::failure::Failure;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet, renderer::DecorStyle};
use cutover::scenarios::LoadError;

/// The diagnostic, ready for standard error.
pub fn render(failure: &Failure) -> String {
    match failure {
        Failure::Load(error) => loading(error),
        Failure::Write { .. } => plain(
            &failure.to_string(),
            Some(
                "name a place where you may write and that has room; nothing half-written is left",
            ),
        ),
        Failure::Exists(_) => plain(
            &failure.to_string(),
            Some("name another file with --out, or replace it with --force"),
        ),
        Failure::NothingToShrink { .. } => plain(
            &failure.to_string(),
            Some("a plan is shrunk that is violated or not live; `cutover replay` tells its run"),
        ),
        Failure::Binlog { pos: 0, .. } => plain(&failure.to_string(), None),
        Failure::Binlog { .. } => plain(
            &failure.to_string(),
            Some(
                "what comes before that position is good; `cutover binlog verify` names the last whole transaction",
            ),
        ),
        // What had ended was printed; the shell prints ^C itself.
        Failure::Interrupted => String::new(),
        other => plain(&other.to_string(), None),
    }
}

/// Something that limits the result, ready for standard error.
pub fn warning(message: &str) -> String {
    format!("{}: {}\n", paint(DOUBT, "warning"), tame(message))
}

fn plain(message: &str, help: Option<&str>) -> String {
    let mut text = format!("{}: {}\n", paint(BAD, "error"), tame(message));
    if let Some(help) = help {
        text.push_str(&format!(" {}: {}\n", paint(GOOD, "help"), tame(help)));
    }
    text
}

fn loading(error: &LoadError) -> String {
    let Some(span) = error.span() else {
        return plain(
            &format!("{}: {}", error.name(), error.message()),
            error.help_text(),
        );
    };
    let title = tame(error.message());
    let path = tame(error.name());
    // Tabs and the like become blanks of the same length, so that the marked place stays in its column.
    let source: String = error
        .source_text()
        .chars()
        .map(|c| {
            if c.is_control() && c != '\n' && c.len_utf8() == 1 {
                ' '
            } else {
                c
            }
        })
        .collect();
    let snippet = Snippet::source(source.as_str())
        .path(path.as_str())
        .annotation(AnnotationKind::Primary.span(span));
    let help = error.help_text().map(tame);
    let mut group = Level::ERROR.primary_title(title.as_str()).element(snippet);
    if let Some(help) = &help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = Renderer::styled()
        .decor_style(DecorStyle::Ascii)
        .term_width(super::USUAL_WIDTH);
    format!("{}\n", renderer.render(&[group]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover::scenarios::parse_scenario;
    use std::io;

    fn plainly(failure: Failure) -> String {
        anstream::adapter::strip_str(&render(&failure)).to_string()
    }

    #[test]
    fn a_mistake_in_a_file_is_shown_in_its_line_with_the_remedy() {
        let text = "schema = \"1.0\"\nname = \"mine\"\nabout = \"x\"\nstrategy = \"snapshot-only\"\n\n[workload]\n\tclents = 5\n";
        let error = parse_scenario("mine.toml", text, &[]).unwrap_err();
        let shown = plainly(error.into());
        for part in ["mine.toml:7:", "clents = 5", "^^^^^^", "clients"] {
            assert!(shown.contains(part), "{part} is missing in:\n{shown}");
        }
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let failure = Failure::write(
            "/full/plan.toml".as_ref(),
            io::ErrorKind::StorageFull.into(),
        );
        let shown = plainly(failure);
        assert!(
            shown.starts_with("error: cannot write /full/plan.toml: "),
            "{shown}"
        );
    }
}
