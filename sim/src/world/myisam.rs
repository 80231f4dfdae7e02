//! MyISAM tables in a snapshot (SNAP-10).
//!
//! MyISAM has no redo log. What it writes goes to the operating system's cache, and that writes it back half a minute
//! later (`vm.dirty_expire_centisecs`, 30 s) [K]. A snapshot of the volume has an InnoDB table as of the cut, by
//! recovery, and a MyISAM table as it was last written back; the coordinates are those of the cut all the same
//! [D `CHAP_BestPractices`: "snapshot restore … require a crash-recoverable storage engine"]. That a table may be
//! marked as crashed (error 145) instead is not modelled: that is loud.

use super::{Due, World};
use crate::units::Micros;
use cutover_model::{database::TableId, server::Cut};

/// How long what was written stays in the cache.
const WRITE_BACK: Micros = Micros::secs(30);

impl World {
    /// Begins to write back, if there is anything of MyISAM.
    pub(super) fn start_write_back(&mut self) {
        if self.myisam_tables().next().is_some() {
            self.write_back();
        }
    }

    pub(super) fn write_back(&mut self) {
        self.written_back = Some(self.source.database.clone());
        self.agenda.push(self.now + WRITE_BACK.0, Due::WriteBack);
    }

    fn myisam_tables(&self) -> impl Iterator<Item = TableId> {
        let tables = self.source.database.tables();
        let myisam = tables.filter(|(_, table)| &*table.def().engine == "myisam");
        myisam.map(|(id, _)| id)
    }

    /// A snapshot has these tables as they were last written back. The restore converts them to InnoDB; how they are
    /// declared is left as it is.
    pub(super) fn cut_myisam(&self, cut: &mut Cut) {
        if let Some(earlier) = &self.written_back {
            self.myisam_tables()
                .for_each(|table| cut.database.take_table(earlier, table));
        }
    }
}
