//! What stopped the applier is left out.
//!
//! Without GTIDs by `sql_replica_skip_counter`, which counts in events and goes on to the end of the group it comes to. With
//! `gtid_mode = ON` that skips nothing (5.6.24 refuses to set it, 1858; 9.7.4 takes it), and a transaction is left out when
//! its GTID counts as committed ([`Server::pass_over`]). Source: MySQL manual, "Skipping Transactions"; measured
//! on 5.6.24 and 9.7.4 (docs/experiments.md). What a group that is left out would have changed is missing for good.

use super::{Range, Replica};
use crate::{binlog::group::Groups, gtid::Gtid, server::Server};

/// The group that stopped an applier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Where it is.
    pub range: Range,
    /// Its GTID.
    pub gtid: Option<Gtid>,
}

impl Replica {
    /// The group that has stopped the applier; none while it runs, and where what stopped it is no group that can be read.
    pub fn failed(&self) -> Option<Failed> {
        self.applier.failed
    }

    /// `SET GLOBAL sql_replica_skip_counter = 1`, for an applier that is stopped: it passes the next group of the relay log
    /// over. Returns where that is; none where the relay log has none that can be read.
    ///
    /// That is the group that stopped it, with `replica_preserve_commit_order` or one worker. Otherwise it may be one before
    /// that, which another worker had not committed (unverified).
    pub fn skip_group(&mut self, source: &Server) -> Option<Range> {
        let binlog = source.binlog.as_ref()?;
        loop {
            let range = *self.relay.front()?;
            let group = Groups::of(self.frames(binlog, range))
                .begun_anywhere()
                .next();
            let Some(group) = group else {
                // A position alone, or the head of a file.
                self.relay.pop_front();
                if range.span.is_empty() {
                    self.advance(range.at, source);
                }
                continue;
            };
            let group = group.ok()?;
            let skipped = range.part(group.start, group.end);
            self.pass(group.end);
            self.advance(skipped.end(), source);
            return Some(skipped);
        }
    }
}
