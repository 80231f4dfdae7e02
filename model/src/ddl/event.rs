//! The effect of CREATE, ALTER and DROP EVENT on a database that keeps events.

use super::{DdlError, EventChange, EventStatement, Schedule};
use crate::database::{Database, EventStatus, ScheduledEvent};

/// Who changes an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Somebody with CONNECTION_ADMIN, or somebody without. He is the event's definer from then on, and its statement has his
    /// privileges (manual, "CREATE EVENT Statement"; measured on 9.7.4 and 5.6.24).
    Session {
        /// With it.
        privileged: bool,
    },
    /// A replica's applier. What comes by it is never run here, whatever the statement says (`database/scheduled.rs`).
    Replication,
}

/// Makes the statement's change.
///
/// # Errors
/// 1049, 1537, 1539; nothing is changed then.
pub(super) fn apply(db: &mut Database, statement: &EventStatement, by: By) -> Result<(), DdlError> {
    if !db.keeps_events() {
        return Ok(());
    }
    let (schema, name) = (&statement.name.schema, &statement.name.name);
    let there = db.event(schema, name).cloned();
    let unknown = || DdlError::UnknownEvent(name.to_string());
    let here = |status| match by {
        By::Replication => EventStatus::ReplicaSideDisabled,
        By::Session { .. } => status,
    };
    let privileged = by == By::Session { privileged: true };
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
                privileged,
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
            event.privileged = privileged;
            db.change_events(|events| {
                let old = events.iter_mut().find(|e| e.is(schema, name));
                old.into_iter().for_each(|old| *old = event.clone());
            });
            Ok(())
        }
        EventChange::Drop { if_exists } if there.is_none() => match if_exists {
            true => Ok(()),
            false => Err(unknown()),
        },
        EventChange::Drop { .. } => {
            db.change_events(|events| events.retain(|event| !event.is(schema, name)));
            Ok(())
        }
    }
}

/// EVERY and STARTS, in µs.
fn times(schedule: &Schedule) -> (u64, u64) {
    (schedule.every_s * 1_000_000, schedule.starts_s * 1_000_000)
}
