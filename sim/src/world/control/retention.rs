//! How long RDS and Aurora keep binlog files, and what is purged.
//!
//! Aurora rotates its binlog by its size and at a restart alone. With NULL it cleans files up "lazily", mostly within a day
//! (Aurora user guide, mysql-stored-proc-configuring); here a file goes at the next look behind its end, which is the
//! earliest: what a migration may rely on. A file that a dump thread reads stays on either.

use crate::{
    environment::Retention,
    faults::Occasion,
    runbook::Host,
    units::Micros,
    world::{Due, NO_TARGET, World},
};

impl World {
    /// `CALL mysql.rds_set_configuration('binlog retention hours', …)`.
    ///
    /// # Errors
    /// There is no such host.
    pub fn set_retention(&mut self, on: Host, time: Micros) -> Result<(), String> {
        self.server(on).ok_or(NO_TARGET)?;
        self.retention[on as usize] = Retention::For(time);
        Ok(())
    }

    /// Somebody sets it back to NULL on the source.
    pub(in crate::world) fn retention_is_lost(&mut self) {
        self.retention[Host::Source as usize] = Retention::None;
    }

    /// RDS rotates the binlog, uploads what is closed, and purges what the retention no longer holds.
    pub(in crate::world) fn upload(&mut self) {
        self.agenda.push(
            self.now + self.environment.source.binlog_upload_every.0,
            Due::Upload,
        );
        self.purge_target();
        // A standby is what its storage was; nothing more is taken from it.
        if !self.is_up(Host::Source) || self.faults.standby.is_some() {
            return;
        }
        self.source.rotate_binlog(self.now);
        self.rds_writes();
        self.occurs(Occasion::BinlogRotates);
        let (keep, why) = self.retention_of(Host::Source);
        let before = (self.source.config.epoch_us + self.now).saturating_sub(keep);
        let held = [self.file_in_use(), self.managed_file()];
        let in_use = held.into_iter().flatten().min();
        self.purge(before, in_use, "rds", &why);
    }

    /// How long a host's files are kept, in µs, and why not longer.
    fn retention_of(&self, host: Host) -> (u64, String) {
        match self.retention[host as usize] {
            Retention::None => (0, "binlog retention hours is NULL".into()),
            Retention::For(time) => (time.0, format!("binlog retention is {time}")),
        }
    }

    /// Aurora purges what the retention no longer holds.
    fn purge_target(&mut self) {
        let (keep, why) = self.retention_of(Host::Target);
        let in_use = self.stream_in_use(Host::Target);
        let (is_up, now) = (self.is_up(Host::Target), self.now);
        let Some(target) = self.target.as_mut().filter(|_| is_up) else {
            return;
        };
        let before = (target.server.config.epoch_us + now).saturating_sub(keep);
        let Some(binlog) = target.server.binlog.as_mut() else {
            return;
        };
        let purged = binlog.purge_before(before, in_use);
        let Some(last) = purged.last() else {
            return;
        };
        let last_file = binlog.number(last);
        let replica = self.channel(Host::Source).replica.as_ref();
        let unread = replica.is_none_or(|r| Some(r.read_position().file) <= last_file);
        if unread {
            let text = format!("purges {last}, which the source has not read ({why})");
            self.tell("target", text, Vec::new());
        }
    }

    /// `PURGE BINARY LOGS TO` the file that is `keep` - 1 before the last: what a dump thread reads stays.
    pub(in crate::world) fn somebody_purges(&mut self, keep: u32) {
        if !self.is_up(Host::Source) || self.faults.standby.is_some() {
            return;
        }
        let Some(binlog) = self.source.binlog.as_ref() else {
            return;
        };
        let first_kept = (binlog.end().file + 1).saturating_sub(u64::from(keep.max(1)));
        let in_use = self.file_in_use().unwrap_or(u64::MAX);
        self.purge(
            u64::MAX,
            Some(first_kept.min(in_use)),
            "source",
            "PURGE BINARY LOGS",
        );
    }

    /// The first file that a dump thread reads.
    fn file_in_use(&self) -> Option<u64> {
        let files = [self.stream_in_use(Host::Source), self.dms.file_in_use()];
        files.into_iter().flatten().min()
    }

    fn purge(&mut self, before_us: u64, in_use: Option<u64>, who: &'static str, why: &str) {
        let read_to = self.stream_needs();
        let Some(binlog) = self.source.binlog.as_mut() else {
            return;
        };
        let purged = binlog.purge_before(before_us, in_use);
        let needed = |name: &&String| {
            read_to
                .zip(binlog.number(name))
                .is_some_and(|(needed, n)| n >= needed)
        };
        let unread: Vec<String> = purged.iter().filter(needed).cloned().collect();
        let first_unread = self.marks.purged_unread.is_empty();
        self.marks.purged_unread.extend(unread);
        if let (true, Some(name)) = (first_unread, self.marks.purged_unread.first().cloned()) {
            let unread = match self.channel(Host::Target).replica {
                Some(_) => "which the target has not read yet",
                None => "and nothing has read what was written there since the snapshot",
            };
            self.tell(who, format!("purges {name}, {unread} ({why})"), Vec::new());
        }
    }

    /// The first file that the target still needs: the one that the oldest snapshot's coordinates are in,
    /// or that the receiver is at.
    fn stream_needs(&self) -> Option<u64> {
        let replica = self.channel(Host::Target).replica.as_ref();
        match replica.filter(|r| r.is_connected()) {
            Some(replica) => Some(replica.read_position().file),
            None if self.marks.repointed.is_some() => None,
            None => self.snapshots.values().map(|s| s.cut.end.file).min(),
        }
    }
}
