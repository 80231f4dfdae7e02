//! Tables of a comparison and of lists, for people.

use super::{
    numbers::{human_ms, thousands},
    paint::{FAINT, STRONG, paint, tame},
    summary::{OfStrategy, Spread},
};
use comfy_table::{
    Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle,
};

/// Names are broken at hyphens into lines of at most this many characters.
const NAME_COLUMNS: usize = 26;

/// What a comparison needs; on a narrower terminal its lines are broken by the terminal.
pub const COLUMNS: usize = 112;

const RULED: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Every strategy in a row.
pub fn comparison(strategies: &[OfStrategy<'_>], width: usize) -> String {
    let mut table = Table::new();
    table
        .load_style(RULED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header([
            "strategy",
            "verdict",
            "lost",
            "twice",
            "rows\noff",
            "downtime\np50, p99",
            "longest\nstall",
            "back\nloses",
            "free\nfor",
            "by\nhand",
        ]);
    for strategy in strategies {
        let number = |spread: Option<Spread>| cell(spread, thousands);
        let time = |spread: Option<Spread>| cell(spread, human_ms);
        table.add_row([
            Cell::new(broken_name(&tame(strategy.strategy))),
            Cell::new(verdicts(strategy)),
            number(strategy.lost_writes),
            number(strategy.duplicate_writes),
            number(strategy.diverged_rows),
            downtime(strategy.downtime_ms),
            time(strategy.longest_stall_ms),
            number(strategy.way_back.loses),
            free_for(strategy),
            by_hand(strategy),
        ]);
    }
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if i == 0 {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        if i > 1 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text: String = table
        .lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect();
    if strategies.iter().any(|s| s.runs > 1) {
        // Rows of several lines are told apart by the names alone otherwise.
        text.push('\n');
    }
    text
}

fn broken_name(name: &str) -> String {
    let mut text = String::new();
    let mut used = 0;
    for part in name.split_inclusive('-') {
        let length = part.chars().count();
        if used > 0 && used + length > NAME_COLUMNS {
            text.push_str("\n  ");
            used = 2;
        }
        text.push_str(part);
        used += length;
    }
    text
}

/// The median, and below it how far the runs were apart, when they were.
fn cell(spread: Option<Spread>, show: fn(u64) -> String) -> Cell {
    let text = match spread {
        None => "–".into(),
        Some(s) if s.min == s.max => show(s.median),
        Some(s) => {
            let (min, max) = (show(s.min), show(s.max));
            let short = min.len() + max.len() < 9;
            let gap = if short { "" } else { "\n" };
            format!("{}\n({min}–{gap}{max})", show(s.median))
        }
    };
    Cell::new(text)
}

/// The median and, where it is another, what 99 of 100 runs do not exceed.
fn downtime(spread: Option<Spread>) -> Cell {
    let figures = |s: Spread| {
        let (median, p99) = (human_ms(s.median), human_ms(s.p99));
        match median == p99 {
            true => median,
            false => format!("{median}\n{p99}"),
        }
    };
    Cell::new(spread.map_or_else(|| "–".into(), figures))
}

/// How long one can go back and lose nothing.
fn free_for(strategy: &OfStrategy<'_>) -> Cell {
    let back = &strategy.way_back;
    match (back.free_for_ms, back.loses) {
        (Some(_), _) => cell(back.free_for_ms, human_ms),
        (None, None) => Cell::new("–"),
        (None, Some(_)) if back.taken == strategy.runs => Cell::new("went back"),
        (None, Some(_)) => Cell::new("any time"),
    }
}

/// Actions and waits.
fn by_hand(strategy: &OfStrategy<'_>) -> Cell {
    let most = |spread: Option<Spread>| spread.map_or(0, |s| s.max);
    let hand = &strategy.by_hand;
    Cell::new(format!("{}+{}", most(hand.actions), most(hand.waits)))
}

fn verdicts(strategy: &OfStrategy<'_>) -> String {
    if strategy.runs == 1 {
        return strategy.verdicts.keys().map(|v| v.to_uppercase()).collect();
    }
    let each = strategy.verdicts.iter();
    each.map(|(verdict, n)| format!("{} {}", verdict.to_uppercase(), thousands(*n)))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Names with what they stand for below each other.
pub fn glossary(heading: &str, entries: &[(String, String)], width: usize) -> String {
    let mut out = format!("{}\n", paint(STRONG, heading));
    for (name, about) in entries {
        out.push_str(&format!("\n  {}\n", paint(STRONG, &tame(name))));
        super::paint::hang(&mut out, "    ", 4, &tame(about), width);
    }
    out
}

/// A line below a table.
pub fn remark(text: &str) -> String {
    format!("{}\n", paint(FAINT, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{canned, summary::by_strategy};

    #[test]
    fn strategies_stand_side_by_side() {
        let (lossy, clean, off) = (canned::lossy(), canned::clean(), canned::called_off());
        insta::assert_snapshot!(comparison(&by_strategy(&[&lossy, &clean, &off]), 100));
    }

    #[test]
    fn of_several_seeds_the_median_and_the_ends_are_shown() {
        let mut runs = [canned::lossy(), canned::lossy(), canned::lossy()];
        runs[1].lost_writes = 0;
        runs[1].verdict = cutover::sim::outcome::Verdict::Safe;
        runs[2].lost_writes = 1_000_000;
        runs[2].downtime_ms = Some(90_000);
        let refs: Vec<_> = runs.iter().collect();
        insta::assert_snapshot!(comparison(&by_strategy(&refs), 100));
    }
}
