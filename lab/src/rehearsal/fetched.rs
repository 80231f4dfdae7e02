//! A server's binlog files, fetched over the wire as any replica gets them: so it does not matter whose disk they are on.

use super::{LabError, servers::Server};
use crate::receiver::{Ask, Receiver, text};
use cutover_model::binlog::{
    EventType, Header,
    event::{CHECKSUM_LENGTH, HEADER_LENGTH, MAGIC, flag},
};
use mysql::prelude::Queryable;
use std::collections::BTreeMap;

/// BINLOG_DUMP_NON_BLOCK: the answer ends where the binlog does.
const NON_BLOCK: u16 = 1;
/// `server_id` of one who only looks, as mysqlbinlog says it.
const NOBODY: u32 = 0;
/// In ROTATE, the name comes behind a position.
const NAME: usize = HEADER_LENGTH + 8;

/// The files that were fetched, also those that are purged by now: their bytes, by number.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// The name without the number.
    pub base: String,
    /// The files.
    pub files: BTreeMap<u64, Vec<u8>>,
}

impl Fetched {
    /// Fetches what came since the last time: from the file that was the last then.
    ///
    /// # Errors
    /// The server does not answer, or what it sends is no file.
    pub fn update(&mut self, server: &Server) -> Result<(), LabError> {
        let mut connection = server.root.connect()?;
        let checksum: Option<String> = connection.query_first("SELECT @@binlog_checksum")?;
        let names: Vec<mysql::Row> = connection.query("SHOW BINARY LOGS")?;
        let first = match self.files.last_key_value() {
            Some((number, _)) => format!("{}.{number:06}", self.base),
            None => names
                .first()
                .and_then(|row| row.get(0))
                .ok_or_else(|| LabError::followed("a server without binlog files"))?,
        };
        // A full login, which the server remembers for the receiver's.
        server.repl.connect()?;
        let address = &server.repl.address;
        let mut receiver = Receiver::at(
            (address.host.as_str(), address.port),
            &server.repl.user,
            &server.repl.password,
        )
        .map_err(LabError::followed)?;
        let checksum = checksum.unwrap_or_else(|| "NONE".into());
        receiver
            .query(&format!("SET @source_binlog_checksum = '{checksum}'"))
            .map_err(LabError::followed)?;
        let from = Ask::Position {
            file: first,
            pos: MAGIC.len() as u32,
        };
        receiver
            .ask(&from, NON_BLOCK, NOBODY)
            .map_err(LabError::followed)?;
        let mut current = None;
        loop {
            let packet = receiver.packet().map_err(LabError::followed)?;
            match packet.split_first() {
                Some((0, event)) => self.take(event, &mut current, checksum != "NONE")?,
                Some((0xfe, _)) => return Ok(()),
                _ => return Err(LabError::followed(text(&packet))),
            }
        }
    }

    /// An event of the file `current`, or the announcement of another.
    fn take(
        &mut self,
        event: &[u8],
        current: &mut Option<u64>,
        checksums: bool,
    ) -> Result<(), LabError> {
        let strange = || LabError::followed("a source sends what is no binlog file");
        let header = Header::decode(event).ok_or_else(strange)?;
        if header.flags & flag::ARTIFICIAL != 0 {
            if header.event_type == EventType::ROTATE {
                let checksum = if checksums { CHECKSUM_LENGTH } else { 0 };
                let name = event.get(NAME..event.len() - checksum);
                let name = String::from_utf8_lossy(name.ok_or_else(strange)?);
                let (base, number) = name.rsplit_once('.').ok_or_else(strange)?;
                let number = number.parse().map_err(|_| strange())?;
                self.base = base.to_string();
                self.files.insert(number, MAGIC.to_vec());
                *current = Some(number);
            }
            return Ok(());
        }
        if [EventType::HEARTBEAT, EventType::HEARTBEAT_V2].contains(&header.event_type) {
            return Ok(());
        }
        let file = current.and_then(|number| self.files.get_mut(&number));
        let file = file.ok_or_else(strange)?;
        file.extend_from_slice(event);
        if header.end_log_pos as usize == file.len() {
            Ok(())
        } else {
            Err(strange())
        }
    }
}
