//! A peer's connection: patience with bounds, and the packets that every answer is made of.

use crate::{
    wall::Stopwatch,
    wire::{Wire, WireError},
};
use mysql_common::{
    constants::{ColumnType, StatusFlags},
    packets::{Column, ErrPacket, ServerError, SqlState},
    proto::MySerialize,
};
use std::{
    io::{self, Read},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// How long a read blocks before it looks whether the server is to end.
const LOOK_UP: Duration = Duration::from_millis(50);
/// How long a peer may take nothing of what is sent (`net_write_timeout`).
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// utf8mb4_general_ci.
const CHARACTER_SET: u16 = 45;

/// A connection.
#[derive(Debug)]
pub struct Link<'a> {
    wire: Wire<Patient<'a>, TcpStream>,
}

/// Reads for as long as it may, and as the server lives.
#[derive(Debug)]
struct Patient<'a> {
    stream: TcpStream,
    stop: &'a AtomicBool,
    since: Stopwatch,
    limit: Duration,
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.stream.read(buffer) {
                Err(error) if is_timeout(&error) => {
                    if self.stop.load(Ordering::SeqCst) {
                        return Err(io::ErrorKind::ConnectionAborted.into());
                    }
                    if self.since.elapsed() > self.limit {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                other => return other,
            }
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

impl<'a> Link<'a> {
    /// Of a stream, until `stop` is set.
    ///
    /// # Errors
    /// The system's.
    pub fn new(stream: TcpStream, stop: &'a AtomicBool) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LOOK_UP))?;
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        let from = Patient {
            stream: stream.try_clone()?,
            stop,
            since: Stopwatch::start(),
            limit: Duration::ZERO,
        };
        Ok(Self {
            wire: Wire::new(from, stream),
        })
    }

    /// From now on, as long as this may pass until what is to come has been read.
    pub fn patience(&mut self, limit: Duration) {
        let from = self.wire.reader_mut();
        (from.since, from.limit) = (Stopwatch::start(), limit);
    }

    /// Waits a moment; false when the peer has gone (it has nothing to say while it is sent the binlog).
    pub fn moment(&mut self) -> bool {
        match self.wire.reader().stream.peek(&mut [0]) {
            Err(error) => is_timeout(&error),
            Ok(_) => false,
        }
    }

    /// Whether the server is to end.
    pub fn is_over(&self) -> bool {
        self.wire.reader().stop.load(Ordering::SeqCst)
    }

    /// As [`Wire::read`].
    pub fn read(&mut self, limit: usize) -> Result<Vec<u8>, WireError> {
        self.wire.read(limit)
    }

    /// As [`Wire::new_command`].
    pub fn new_command(&mut self) {
        self.wire.new_command();
    }

    /// As [`Wire::send`].
    pub fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        self.wire.send(payload)
    }

    /// As [`Wire::send_packet`].
    pub fn send_packet(&mut self, packet: &impl MySerialize) -> io::Result<()> {
        self.wire.send_packet(packet)
    }

    /// As [`Wire::flush`].
    pub fn flush(&mut self) -> io::Result<()> {
        self.wire.flush()
    }

    /// Sends OK: nothing changed, nothing inserted, autocommit, no warnings.
    pub fn ok(&mut self) -> io::Result<()> {
        self.send(&[0, 0, 0, 2, 0, 0, 0])?;
        self.flush()
    }

    /// Sends the end of columns, of rows, of a dump that does not wait.
    pub fn eof(&mut self) -> io::Result<()> {
        let status = StatusFlags::SERVER_STATUS_AUTOCOMMIT.bits().to_le_bytes();
        self.send(&[0xfe, 0, 0, status[0], status[1]])
    }

    /// Sends an error.
    pub fn error(&mut self, code: u16, state: &str, text: &str) -> io::Result<()> {
        let state = state.as_bytes().first_chunk().map(|s| SqlState::new(*s));
        let error = ServerError::new(code, state, text.as_bytes());
        self.send_packet(&ErrPacket::Error(error))?;
        self.flush()
    }

    /// Sends a result of one row at most, as texts.
    pub fn rows(&mut self, columns: &[String], row: Option<&[Option<String>]>) -> io::Result<()> {
        self.send(&[columns.len() as u8])?;
        for name in columns {
            let column = Column::new(ColumnType::MYSQL_TYPE_VAR_STRING)
                .with_name(name.as_bytes())
                .with_character_set(CHARACTER_SET);
            self.send_packet(&column)?;
        }
        self.eof()?;
        if let Some(row) = row {
            let mut packet = Vec::new();
            for value in row {
                match value {
                    None => packet.push(0xfb),
                    Some(text) => {
                        length_encoded(&mut packet, text.len() as u64);
                        packet.extend_from_slice(text.as_bytes());
                    }
                }
            }
            self.send(&packet)?;
        }
        self.eof()?;
        self.flush()
    }
}

/// A number in the protocol's variable length (`net_store_length`).
pub fn length_encoded(out: &mut Vec<u8>, n: u64) {
    let bytes = n.to_le_bytes();
    let (mark, length) = match n {
        0..=250 => (None, 1),
        251..=0xffff => (Some(0xfc), 2),
        0x1_0000..=0xff_ffff => (Some(0xfd), 3),
        _ => (Some(0xfe), 8),
    };
    out.extend(mark);
    out.extend_from_slice(&bytes[..length]);
}
