//! README and the pages show what the command prints. `UPDATE_README=1 cargo test --test readme` writes them anew.

use std::{fs, path::Path, process::Command};

const OUTPUT: &str = "<!-- output: ";
const EXCERPT: &str = "<!-- excerpt: ";
/// Lines of an excerpt, from the heading WHY on.
const EXCERPT_LINES: usize = 9;

/// What the last of some commands prints, with `; ` between them. Those that name no file of the project write theirs into a
/// folder of their own.
fn run(commands: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut printed = String::new();
    for arguments in commands.split("; ") {
        let reads_project = arguments.contains("tests/");
        let output = Command::new(env!("CARGO_BIN_EXE_cutover"))
            .args(arguments.split(' '))
            .current_dir(if reads_project {
                project
            } else {
                folder.path()
            })
            .output()
            .expect("the command runs");
        assert!(
            matches!(output.status.code(), Some(0 | 1)),
            "{arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        printed = String::from_utf8(output.stdout).expect("UTF-8");
    }
    printed
}

/// What a page is to show below a marker, where it has this line first.
fn shown(marker: &str, first: &str) -> Option<String> {
    let arguments = |prefix| marker.strip_prefix(prefix)?.strip_suffix(" -->");
    if let Some(arguments) = arguments(OUTPUT) {
        let text = run(arguments);
        // How long it took, and how many runs side by side that took, is something else each time: the page's stays.
        let but_time = |line: &str| Some(line.rsplit_once(" in ")?.0.to_owned());
        let (printed, rest) = text.split_once('\n').unwrap_or_default();
        let timed = but_time(printed).is_some() && but_time(printed) == but_time(first);
        let first = if timed { first } else { printed };
        return Some(format!("{first}\n{rest}").trim_end().to_string());
    }
    let text = run(arguments(EXCERPT)?);
    let why: Vec<&str> = text
        .lines()
        .skip_while(|l| *l != "WHY")
        .take(EXCERPT_LINES)
        .collect();
    assert_eq!(why.len(), EXCERPT_LINES, "the story explains its losses");
    Some(why.join("\n"))
}

#[test]
fn pages_show_what_the_command_prints() {
    is_current("README.md", 2);
    is_current("docs/strategies.md", 2);
    is_current("docs/hazards.md", 1);
    is_current("docs/explore.md", 1);
    is_current("docs/shrink.md", 1);
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs it says whether to write"
)]
fn is_current(page: &str, blocks: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let readme = fs::read_to_string(&path).expect("the page is there");
    let mut lines = readme.lines();
    let mut rebuilt = String::new();
    let mut markers = 0;
    while let Some(line) = lines.next() {
        rebuilt.push_str(line);
        rebuilt.push('\n');
        let mut block = lines.clone().skip(1);
        if let Some(text) = shown(line, block.next().unwrap_or_default()) {
            markers += 1;
            assert_eq!(
                lines.next(),
                Some("```text"),
                "a marker stands right above its block"
            );
            assert!(lines.by_ref().any(|l| l == "```"), "the block is closed");
            rebuilt.push_str(&format!("```text\n{text}\n```\n"));
        }
    }
    assert_eq!(markers, blocks, "every block of {page} is checked");
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&path, rebuilt).expect("the page can be written");
        return;
    }
    assert!(
        readme == rebuilt,
        "{page} is behind: run UPDATE_README=1 cargo test --test readme"
    );
}
