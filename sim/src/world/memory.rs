//! What a run may hold in memory: traffic that goes on for days beside a migration that never ends would fill any.

use super::World;
use crate::{
    runbook::Host,
    workload_spec::{Kind, Workload},
};

/// How far the binlogs have grown.
#[derive(Debug)]
pub(super) struct Growth {
    /// For each host, the number of the file that it writes.
    files: [u64; Host::ALL.len()],
    /// The traffic ends with so many bytes.
    most_bytes: u64,
}

impl Growth {
    pub fn of(workload: &Workload) -> Self {
        Self {
            files: Default::default(),
            most_bytes: match workload.kind {
                Kind::Orders => workload.max_binlogs.0,
                // It holds no more than the files.
                Kind::Binlog => u64::MAX,
            },
        }
    }
}

impl World {
    /// A server has committed into a binlog file. With each new one all are counted, and the traffic ends where they
    /// hold too much: at a number of bytes and not at what a machine has left, so that a run is the same on any.
    #[inline]
    pub(super) fn writes_to_file(&mut self, host: Host, file: u64) {
        if self.growth.files[host as usize] != file {
            self.growth.files[host as usize] = file;
            self.binlogs_have_grown();
        }
    }

    fn binlogs_have_grown(&mut self) {
        let logs = Host::ALL
            .iter()
            .filter_map(|host| self.server(*host)?.binlog.as_ref());
        let held: u64 = logs.map(|binlog| binlog.bytes_held()).sum();
        if held >= self.growth.most_bytes && self.marks.traffic_cut.is_none() {
            self.marks.traffic_cut = Some((self.now, held));
            self.stop_clients();
        }
    }
}
