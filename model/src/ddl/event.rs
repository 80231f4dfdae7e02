//! The effect of CREATE, ALTER and DROP EVENT on a database that keeps events.

use super::{DdlError, EventChange, EventStatement, Schedule};
use crate::database::{Database, EventStatus, ScheduledEvent};

/// Makes the statement's change. What came by replication is never run here, whatever it says (`Database::events`).
///
/// # Errors
/// 1049, 1537, 1539; nothing is changed then.
pub(super) fn apply(
    db: &mut Database,
    statement: &EventStatement,
    replicated: bool,
) -> Result<(), DdlError> {
    if !db.keeps_events() {
        return Ok(());
    }
    let (schema, name) = (&statement.name.schema, &statement.name.name);
    let there = db.event(schema, name).cloned();
    let unknown = || DdlError::UnknownEvent(name.to_string());
    let here = |status| match replicated {
        true => EventStatus::ReplicaSideDisabled,
        false => status,
    };
    match &statement.change {
        EventChange::Create { .. } if !db.has_schema(schema) => Err(DdlError::UnknownSchema {
            schema: schema.to_string(),
            drop: false,
        }),
        EventChange::Create { if_not_exists, .. } if there.is_some() => match if_not_exists {
            true => Ok(()),
            false => Err(DdlError::EventExists(name.to_string())),
        },
        EventChange::Create {
            schedule,
            status,
            body,
            ..
        } => {
            let (every_us, starts_us) = times(schedule);
            let event = ScheduledEvent {
                schema: schema.clone(),
                name: name.clone(),
                every_us,
                starts_us,
                body: body.clone(),
                privileged: false,
                status: here(*status),
            };
            db.change_events(|events| events.push(event));
            Ok(())
        }
        EventChange::Alter {
            schedule,
            status,
            body,
        } => {
            let mut event = there.ok_or_else(unknown)?;
            if let Some(schedule) = schedule {
                (event.every_us, event.starts_us) = times(schedule);
            }
            if let Some(body) = body {
                event.body = body.clone();
            }
            event.status = here(status.unwrap_or(event.status));
            db.change_events(|events| {
                let old = events
                    .iter_mut()
                    .find(|e| e.full_name() == event.full_name());
                old.into_iter().for_each(|old| *old = event.clone());
            });
            Ok(())
        }
        EventChange::Drop { if_exists } if there.is_none() => match if_exists {
            true => Ok(()),
            false => Err(unknown()),
        },
        EventChange::Drop { .. } => {
            let is_it = |e: &ScheduledEvent| (&e.schema, &e.name) == (schema, name);
            db.change_events(|events| events.retain(|event| !is_it(event)));
            Ok(())
        }
    }
}

/// EVERY and STARTS, in µs.
fn times(schedule: &Schedule) -> (u64, u64) {
    (schedule.every_s * 1_000_000, schedule.starts_s * 1_000_000)
}
