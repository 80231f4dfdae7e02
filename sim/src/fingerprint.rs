//! The fingerprint of a run: a hash of everything that it did. Two runs of a plan have the same one, on any
//! machine; a plan that was saved says which one it had.

use crate::{
    history::{History, Kind, Operation, Told},
    runbook::Host,
    world::World,
};
use cutover_model::{Arena, database::Database, server::Server};
use xxhash_rust::xxh3::Xxh3;

/// Small pieces are gathered up to this many bytes before they are hashed.
const BUFFER: usize = 16 << 10;
/// Pieces from this size on are hashed where they are.
const LARGE: usize = 1 << 10;

/// 32 hexadecimal digits over the history, the applied transactions, the story, the binlog files and the touched rows
/// of both servers, each in a canonical form. The files are hashed as they lie in memory, where most events have no
/// checksum yet: it says nothing that the bytes do not say that it covers.
pub fn fingerprint(world: &World) -> String {
    let mut hash = Canonical::default();
    hash.history(&world.history);
    hash.number(world.story.len() as u64);
    for line in &world.story {
        hash.number(line.at.0);
        hash.text(line.who);
        hash.text(&line.what);
        hash.number(line.commands.len() as u64);
        line.commands.iter().for_each(|c| hash.text(c));
    }
    hash.server(&world.source, &world.arena);
    if let Some(target) = &world.target {
        hash.server(&target.server, &world.arena);
    }
    if let Some(replica) = &world.read_replica {
        hash.server(replica, &world.arena);
    }
    hash.finish()
}

/// Hashes numbers and bytes, each so that where one ends and the next begins is part of the hash.
struct Canonical {
    hash: Xxh3,
    buffer: Box<[u8; BUFFER]>,
    /// Bytes of the buffer that are taken.
    taken: usize,
}

impl Default for Canonical {
    fn default() -> Self {
        Self {
            hash: Xxh3::default(),
            buffer: Box::new([0; BUFFER]),
            taken: 0,
        }
    }
}

impl Canonical {
    fn bytes(&mut self, bytes: &[u8]) {
        if bytes.len() >= LARGE {
            self.flush();
            self.hash.update(bytes);
        } else {
            self.room(bytes.len()).copy_from_slice(bytes);
        }
    }

    /// Room for the next bytes, fewer than the buffer has.
    #[inline]
    fn room(&mut self, length: usize) -> &mut [u8] {
        if self.taken + length > BUFFER {
            self.flush();
        }
        let from = self.taken;
        self.taken += length;
        &mut self.buffer[from..self.taken]
    }

    fn flush(&mut self) {
        self.hash.update(&self.buffer[..self.taken]);
        self.taken = 0;
    }

    #[inline]
    fn number(&mut self, number: u64) {
        self.numbers([number]);
    }

    /// Those of a record, at once: there are millions of records.
    #[inline]
    fn numbers<const N: usize>(&mut self, numbers: [u64; N]) {
        write(self.room(N * 8), numbers);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    fn history(&mut self, history: &History) {
        self.number(history.operations.len() as u64);
        for operation in &history.operations {
            self.operation(&operation);
        }
        for host in [Host::Source, Host::Target] {
            self.number(history.commits(host).len() as u64);
            for commit in history.commits(host) {
                self.numbers([
                    commit.at,
                    commit.end.file,
                    commit.end.pos,
                    commit.gno,
                    commit.operation.into(),
                ]);
            }
        }
        self.number(history.applied.len() as u64);
        for applied in &history.applied {
            self.numbers([applied.commit.into(), applied.at]);
        }
        for applied in &history.applied_back {
            self.numbers([applied.commit.into(), applied.at]);
        }
        for read in &history.fed.reads {
            self.numbers([
                read.table.into(),
                read.visible.into(),
                read.at,
                read.loaded.unwrap_or(u64::MAX),
                read.upto.unwrap_or(u64::MAX),
            ]);
        }
        for row in &history.fed.rows {
            self.numbers([
                row.commit.into(),
                row.table.into(),
                row.row,
                row.at,
                row.refused.map_or(u64::MAX, u64::from),
            ]);
        }
        for erased in &history.erased {
            self.numbers([erased.from.into(), erased.to.into(), erased.at]);
        }
    }

    fn operation(&mut self, o: &Operation) {
        let kind = match o.kind {
            Kind::Place => 0,
            Kind::Pay => 1,
            Kind::Transfer => 2,
            Kind::Cancel => 3,
            Kind::Read => 4,
            Kind::Rollback => 5,
            Kind::Recorded => 6,
            Kind::Draft => 7,
            Kind::Amend => 8,
            Kind::Statement => 9,
        };
        let told = match o.told {
            Told::Pending => 0,
            Told::Ok => 1,
            Told::Fail => 2,
            Told::Info => 3,
            Told::Empty => 4,
        };
        let [c0, c1, c2, c3] = o.commit.to_le_bytes();
        let [n0, n1] = o.client.to_le_bytes();
        let host = u8::from(o.host == Host::Target);
        let few = u64::from_le_bytes([c0, c1, c2, c3, n0, n1, kind, told]);
        let room = self.room(33);
        write(room, [o.invoked, o.returned, o.subject, few]);
        room[32] = host;
    }

    fn server(&mut self, server: &Server, arena: &Arena) {
        if let Some(binlog) = &server.binlog {
            for file in binlog.files() {
                self.text(&binlog.name(file.number()));
                self.number(file.length());
                binlog
                    .pieces(file.number())
                    .for_each(|piece| self.bytes(piece));
            }
        }
        self.rows(&server.database, arena);
    }

    fn rows(&mut self, database: &Database, arena: &Arena) {
        for (_, table) in database.tables() {
            self.text(&table.def().full_name());
            for (key, row) in table.touched() {
                match row.map(|row| arena.row(row)) {
                    Some(image) if image.len() < LARGE => {
                        let (numbers, bytes) = self.room(16 + image.len()).split_at_mut(16);
                        write(numbers, [key.0, image.len() as u64]);
                        bytes.copy_from_slice(image);
                    }
                    Some(image) => {
                        self.numbers([key.0, image.len() as u64]);
                        self.bytes(image);
                    }
                    None => self.numbers([key.0, u64::MAX]),
                }
            }
        }
    }

    fn finish(mut self) -> String {
        self.flush();
        format!("{:032x}", self.hash.digest128())
    }
}

/// Writes numbers to the beginning of some bytes.
#[inline]
fn write<const N: usize>(bytes: &mut [u8], numbers: [u64; N]) {
    for (to, number) in bytes.as_chunks_mut().0.iter_mut().zip(numbers) {
        *to = number.to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[&str]) -> String {
        let mut hash = Canonical::default();
        pieces.iter().for_each(|p| hash.text(p));
        hash.finish()
    }

    #[test]
    fn where_a_text_ends_is_part_of_the_fingerprint() {
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_eq!(of(&["ab"]).len(), 32);
    }

    #[test]
    fn how_the_bytes_come_in_does_not_matter() {
        let long = vec![7u8; 3 * BUFFER + 11];
        let mut whole = Canonical::default();
        whole.bytes(&long);
        let mut pieces = Canonical::default();
        long.chunks(1_000).for_each(|p| pieces.bytes(p));
        assert_eq!(whole.finish(), pieces.finish());
    }

    #[test]
    fn one_microsecond_of_one_operation_changes_it() {
        let mut made = crate::properties::made::Made::sound();
        let of = |history: &History| {
            let mut hash = Canonical::default();
            hash.history(history);
            hash.finish()
        };
        let before = of(&made.history);
        assert_eq!(before, of(&made.history));
        made.change(2, |o| o.returned += 1);
        assert_ne!(before, of(&made.history));
    }
}
