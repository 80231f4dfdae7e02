//! Events of the event scheduler: declarations that are in the data dictionary, like tables.
//!
//! A copy of the data (a snapshot) has them as they are. A replica has them from the binlog too, and what arrives there by
//! replication is never run: CREATE EVENT and ALTER EVENT leave the event REPLICA_SIDE_DISABLED (SLAVESIDE_DISABLED before
//! 8.4), whatever the statement says of it (`Event_parse_data::check_originator_id` in sql/event_parse_data.cc; measured on
//! 9.7.4 and 5.6.24).

use super::Database;
use std::sync::Arc;

/// Whether the scheduler runs an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventStatus {
    /// ENABLED.
    Enabled,
    /// DISABLED.
    Disabled,
    /// It came by replication: REPLICA_SIDE_DISABLED. Somebody must enable it here.
    ReplicaSideDisabled,
}

impl EventStatus {
    /// As `information_schema.events` has it on a server of 8.4 and later.
    pub fn text(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::ReplicaSideDisabled => "REPLICA_SIDE_DISABLED",
        }
    }
}

/// An event that repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledEvent {
    /// Schema.
    pub schema: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// EVERY, in µs; above 0.
    pub every_us: u64,
    /// STARTS, in µs since 1970.
    pub starts_us: u64,
    /// The statement behind DO.
    pub body: Arc<str>,
    /// Its definer has CONNECTION_ADMIN, which `read_only` does not stop.
    pub privileged: bool,
    /// Whether it is run.
    pub status: EventStatus,
}

impl ScheduledEvent {
    /// Whether it is called so: the names of events tell no small letters from capital ones, and those of schemas do (measured
    /// on 9.7.4 and 5.6.24, on Linux).
    pub fn is(&self, schema: &str, name: &str) -> bool {
        &*self.schema == schema && self.name.to_lowercase() == name.to_lowercase()
    }

    /// `schema.name`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// When it is run for the first time at or behind a moment, both in µs since 1970. Its times depend on STARTS and EVERY
    /// alone, so two servers run it at the same moments; what fell into a time when nobody ran it is not made up for.
    pub fn at_or_behind(&self, moment_us: u64) -> u64 {
        let since = moment_us.saturating_sub(self.starts_us);
        let times = since.div_ceil(self.every_us.max(1));
        self.starts_us
            .saturating_add(times.saturating_mul(self.every_us.max(1)))
    }
}

impl Database {
    /// From now on the database has events. Otherwise statements about them change nothing: who follows a binlog from
    /// somewhere in its middle does not know which events there are.
    pub fn keep_events(&mut self) {
        self.events.get_or_insert_default();
    }

    /// All events, in the order in which they were created; none where events are not kept.
    pub fn events(&self) -> &[ScheduledEvent] {
        self.events.as_deref().map_or(&[], Vec::as_slice)
    }

    /// Whether events are kept.
    pub fn keeps_events(&self) -> bool {
        self.events.is_some()
    }

    /// The list of events, which is another one whenever it was changed; none where events are not kept.
    pub fn event_list(&self) -> Option<&Arc<Vec<ScheduledEvent>>> {
        self.events.as_ref()
    }

    /// An event, by its schema and name.
    pub fn event(&self, schema: &str, name: &str) -> Option<&ScheduledEvent> {
        self.events().iter().find(|event| event.is(schema, name))
    }

    /// Changes the list of events, where it is kept.
    pub fn change_events(&mut self, change: impl FnOnce(&mut Vec<ScheduledEvent>)) {
        if let Some(events) = &mut self.events {
            change(Arc::make_mut(events));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_run_at_the_multiples_of_its_period() {
        let event = ScheduledEvent {
            schema: "d".into(),
            name: "e".into(),
            every_us: 10,
            starts_us: 100,
            body: "DELETE FROM t WHERE a = 1".into(),
            privileged: false,
            status: EventStatus::Enabled,
        };
        for (moment, next) in [(0, 100), (100, 100), (101, 110), (110, 110), (999, 1000)] {
            assert_eq!(event.at_or_behind(moment), next, "behind {moment}");
        }
    }
}
