//! Coordinates: what is noted under a name, and where replication is to start.

use super::{Before, Problem, join, keys};
use cutover_sim::runbook::{CoordinatesFrom, Host, SetExternalSource};

/// What kind of coordinates a name stands for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Noted {
    Position,
    GtidSet,
}

impl<'a> Before<'a> {
    pub(super) fn read_coordinates(
        &mut self,
        from: CoordinatesFrom,
        name: &'a str,
    ) -> Result<(), Problem> {
        let noted = match from {
            CoordinatesFrom::SourcePosition => Noted::Position,
            CoordinatesFrom::SourceGtidExecuted => Noted::GtidSet,
            CoordinatesFrom::ReplicaPosition => {
                self.needs_host(Host::Replica, "read_coordinates")?;
                Noted::Position
            }
            CoordinatesFrom::TargetGtidExecuted => {
                self.needs_host(Host::Target, "read_coordinates")?;
                Noted::GtidSet
            }
            CoordinatesFrom::RecoveryEvent | CoordinatesFrom::TargetPosition => {
                self.needs_host(Host::Target, "read_coordinates")?;
                Noted::Position
            }
        };
        if name.trim().is_empty() || name.len() > 64 {
            return Err(Problem::new(
                keys(&["read_coordinates", "as"]),
                "coordinates are noted under a name of 1 to 64 bytes",
                "write a name like `as = \"fence\"`",
            ));
        }
        self.noted.insert(name, noted);
        match from {
            CoordinatesFrom::TargetPosition => self.of_target.insert(name),
            _ => self.of_target.remove(name),
        };
        Ok(())
    }

    pub(super) fn set_external_source(&mut self, o: &SetExternalSource) -> Result<(), Problem> {
        self.needs_host(Host::Target, "set_external_source")?;
        let op = "set_external_source";
        let auto = o.auto_position;
        match o.at.as_deref() {
            Some(_) if auto => Err(Problem::new(
                keys(&[op, "auto_position"]),
                "`at` and `auto_position` in one place: the target starts at a position or finds it by GTID",
                "leave one of the two out",
            )),
            None if !auto => Err(Problem::new(
                keys(&[op]),
                "nothing says where to start",
                "write `at = \"NAME\"` (a noted position) or `auto_position = true` (by GTID)",
            )),
            None => Ok(()),
            Some(name) => match self.noted(name, &[op, "at"])? {
                Noted::Position => Ok(()),
                Noted::GtidSet => Err(Problem::new(
                    keys(&[op, "at"]),
                    format!("`{name}` is a GTID set, and `at` needs a file and a position"),
                    "read it from `source-position` or `recovery-event`, or write `auto_position = true`",
                )),
            },
        }?;
        self.configure(o.on);
        Ok(())
    }

    pub(super) fn noted(&self, name: &str, path: &[&'static str]) -> Result<Noted, Problem> {
        self.noted.get(name).copied().ok_or_else(|| {
            let help = match join(self.noted.keys()) {
                Some(known) => format!("noted so far: {known}"),
                None => {
                    "note them in an earlier step: `read_coordinates = { from = \"…\", as = \"…\" }`"
                        .into()
                }
            };
            let name = crate::serde_message::clip(name);
            Problem::new(
                keys(path),
                format!("no earlier step notes coordinates as `{name}`"),
                help,
            )
        })
    }

    /// What is noted under a name must be a file and position, which this is.
    pub(super) fn position(
        &self,
        name: &str,
        path: &[&'static str],
        this: &str,
        read_from: &str,
    ) -> Result<(), Problem> {
        match self.noted(name, path)? {
            Noted::Position => Ok(()),
            Noted::GtidSet => Err(Problem::new(
                keys(path),
                format!("`{name}` is a GTID set, and {this} a file and position"),
                format!("read it from {read_from}"),
            )),
        }
    }

    /// Coordinates that mean something to the source.
    pub(super) fn noted_on_source(
        &self,
        name: &str,
        condition: &'static str,
    ) -> Result<(), Problem> {
        let path = ["wait", "until", condition];
        self.noted(name, &path)?;
        match self.of_target.contains(name) {
            false => Ok(()),
            true => Err(Problem::new(
                keys(&path),
                format!(
                    "`{name}` is a place in the target's binlog, and `{condition}` looks at the source's"
                ),
                "read it from `source-position` or `source-gtid-executed`",
            )),
        }
    }
}
