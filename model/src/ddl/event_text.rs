//! CREATE, ALTER and DROP EVENT (manual, "CREATE EVENT Statement", "ALTER EVENT Statement").
//!
//! Schedules that repeat from some moment on are read: EVERY a number of seconds up to weeks, with STARTS as a literal. What
//! else a schedule can say (AT, ENDS, months, expressions), RENAME TO, and the definer are left to who needs them: such a
//! statement is one that leaves tables as they are, as those about views are.

use super::{EventChange, EventStatement, Schedule, Statement, cursor::Cursor};
use crate::{database::EventStatus, row::unix_s};
use std::sync::Arc;

/// The longest EVERY, in seconds: a century.
const MOST_S: u64 = 100 * 366 * 86_400;

/// What follows `verb` and DEFINER, from the word EVENT on; none where the cursor is not at that word, or where the statement
/// says more than is read here. The cursor is where it was then.
pub(super) fn event(c: &mut Cursor<'_>, verb: &str) -> Option<Statement> {
    let from = c.mark();
    let read = statement(c, verb);
    if read.is_none() {
        c.rewind(from);
    }
    read.map(|event| Statement::Event(Box::new(event)))
}

fn statement(c: &mut Cursor<'_>, verb: &str) -> Option<EventStatement> {
    if c.eat("DEFINER") {
        c.eat_symbol('=').then_some(())?;
        c.skip();
        if c.eat_symbol('@') {
            c.skip();
        } else if c.is_symbol('(') {
            c.parenthesised().ok()?;
        }
    }
    c.eat("EVENT").then_some(())?;
    match verb {
        "CREATE" => create(c),
        "ALTER" => alter(c),
        _ => {
            let if_exists = c.eat_all(&["IF", "EXISTS"]);
            let name = c.table().ok()?;
            let change = EventChange::Drop { if_exists };
            Some(EventStatement { name, change })
        }
    }
}

fn create(c: &mut Cursor<'_>) -> Option<EventStatement> {
    let if_not_exists = c.eat_all(&["IF", "NOT", "EXISTS"]);
    let name = c.table().ok()?;
    let schedule = schedule(c)?;
    preserve_and_comment(c)?;
    let status = status(c);
    preserve_and_comment(c)?;
    let change = EventChange::Create {
        if_not_exists,
        schedule,
        status: status.unwrap_or(EventStatus::Enabled),
        body: body(c)?,
    };
    Some(EventStatement { name, change })
}

fn alter(c: &mut Cursor<'_>) -> Option<EventStatement> {
    let name = c.table().ok()?;
    let named = c.mark();
    let schedule = match c.is("ON") && c.is_ahead(1, "SCHEDULE") {
        true => Some(schedule(c)?),
        false => None,
    };
    preserve_and_comment(c)?;
    let status = status(c);
    preserve_and_comment(c)?;
    let body = match c.is("DO") {
        true => Some(body(c)?),
        false => None,
    };
    let ends = (c.is_end() || c.is_symbol(';')) && c.mark() > named;
    let change = EventChange::Alter {
        schedule,
        status,
        body,
    };
    ends.then_some(EventStatement { name, change })
}

/// ON SCHEDULE EVERY n unit [STARTS literal].
fn schedule(c: &mut Cursor<'_>) -> Option<Schedule> {
    c.eat_all(&["ON", "SCHEDULE", "EVERY"]).then_some(())?;
    let number = c.number("a number").ok()?;
    let unit_s = match c.eat_any(&["SECOND", "MINUTE", "HOUR", "DAY", "WEEK"])? {
        "SECOND" => 1,
        "MINUTE" => 60,
        "HOUR" => 3_600,
        "DAY" => 86_400,
        _ => 604_800,
    };
    let starts_s = match c.eat("STARTS") {
        true => starts_s(c)?,
        false => c.ctx.now_us.unwrap_or(0) / 1_000_000,
    };
    let every_s = number.checked_mul(unit_s)?;
    let known = (1..=MOST_S).contains(&every_s) && !c.is("ENDS");
    known.then_some(Schedule { every_s, starts_s })
}

/// A literal in the session's time zone, where that is an offset; in seconds since 1970.
fn starts_s(c: &mut Cursor<'_>) -> Option<u64> {
    let offset_s = c.ctx.time_zone.offset_s()?;
    unix_s(&c.string()?)?.checked_add_signed(-i64::from(offset_s))
}

/// ON COMPLETION [NOT] PRESERVE and COMMENT, which are of no account for what repeats without an end.
fn preserve_and_comment(c: &mut Cursor<'_>) -> Option<()> {
    if c.eat_all(&["ON", "COMPLETION"]) {
        c.eat("NOT");
        c.eat("PRESERVE").then_some(())?;
    }
    if c.eat("COMMENT") {
        c.string()?;
    }
    Some(())
}

fn status(c: &mut Cursor<'_>) -> Option<EventStatus> {
    if c.eat("ENABLE") {
        return Some(EventStatus::Enabled);
    }
    let disabled = c.eat("DISABLE");
    let on_replica = disabled && c.eat("ON") && c.eat_any(&["REPLICA", "SLAVE"]).is_some();
    match (disabled, on_replica) {
        (_, true) => Some(EventStatus::ReplicaSideDisabled),
        (true, _) => Some(EventStatus::Disabled),
        _ => None,
    }
}

/// Whatever follows DO, without what ends the statement, and the version comment that mysqldump puts around it.
fn body(c: &mut Cursor<'_>) -> Option<Arc<str>> {
    c.eat("DO").then_some(())?;
    let ends = |text: &str| {
        text.trim_end_matches(|end: char| end == ';' || end.is_whitespace())
            .len()
    };
    let text = c.rest_text();
    let text = &text[..ends(text)];
    let text = match text
        .strip_suffix("*/")
        .filter(|inside| !inside.contains("/*"))
    {
        Some(inside) => &inside[..ends(inside)],
        None => text,
    };
    c.skip_rest();
    (!text.is_empty()).then(|| text.into())
}
