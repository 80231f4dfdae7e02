//! A receiver that asks a source for its binlog and keeps every packet that comes: how tests see what a
//! real source and [`serve`](crate::serve) answer to the same question.

use crate::wire::{Wire, WireError};
use cutover_model::gtid::GtidSet;
use mysql_common::{
    auth::plugins::caching_sha2_password::scramble_sha256,
    constants::CapabilityFlags,
    io::ParseBuf,
    packets::{AuthPlugin, HandshakePacket, HandshakeResponse},
    proto::MyDeserialize,
};
use std::{
    net::{Ipv4Addr, TcpStream, ToSocketAddrs},
    time::Duration,
};

/// The longest packet that is read.
const PACKET_MAX: usize = 1 << 30;
/// How long a source may be silent.
const SILENCE: Duration = Duration::from_secs(20);

/// What a receiver asks for.
#[derive(Clone, Debug)]
pub enum Ask {
    /// COM_BINLOG_DUMP.
    Position {
        /// File name.
        file: String,
        /// Position.
        pos: u32,
    },
    /// COM_BINLOG_DUMP_GTID.
    Gtids(GtidSet),
}

/// A connection to a source.
#[derive(Debug)]
pub struct Receiver {
    wire: Wire<TcpStream, TcpStream>,
}

impl Receiver {
    /// Connects to a port of 127.0.0.1 and logs in.
    ///
    /// # Errors
    /// See [`Receiver::at`].
    pub fn connect(port: u16, user: &str, password: &str) -> Result<Self, WireError> {
        Self::at((Ipv4Addr::LOCALHOST, port), user, password)
    }

    /// Connects and logs in: with a password, into a source that remembers it from a login before.
    ///
    /// # Errors
    /// The source does not answer, or refuses; its packet is the error's text then.
    pub fn at(address: impl ToSocketAddrs, user: &str, password: &str) -> Result<Self, WireError> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SILENCE))?;
        let mut wire = Wire::new(stream.try_clone()?, stream);
        let hello = wire.read(PACKET_MAX)?;
        let hello = HandshakePacket::deserialize((), &mut ParseBuf(&hello))?;
        let nonce = hello.nonce();
        let nonce: [u8; 20] = nonce
            .get(..20)
            .and_then(|n| n.try_into().ok())
            .ok_or_else(|| WireError::Malformed("a handshake without a nonce".into()))?;
        let scramble = scramble_sha256(&nonce, password.as_bytes());
        wire.send_packet(&HandshakeResponse::new(
            scramble.as_ref().map(|s| &s[..]),
            (8, 0, 0),
            Some(user.as_bytes()),
            None::<&[u8]>,
            Some(AuthPlugin::CachingSha2Password),
            CapabilityFlags::CLIENT_PROTOCOL_41
                | CapabilityFlags::CLIENT_SECURE_CONNECTION
                | CapabilityFlags::CLIENT_LONG_PASSWORD
                | CapabilityFlags::CLIENT_PLUGIN_AUTH,
            None,
            1 << 30,
        ))?;
        wire.flush()?;
        let mut receiver = Self { wire };
        loop {
            let answer = receiver.wire.read(PACKET_MAX)?;
            match answer.first() {
                Some(0) => return Ok(receiver),
                // Fast authentication succeeded: OK follows.
                Some(1) if answer == [1, 3] => {}
                // Another method (5.6): without a password the answer is the same for all.
                Some(0xfe) if password.is_empty() => {
                    receiver.wire.send(&[])?;
                    receiver.wire.flush()?;
                }
                _ => return Err(WireError::Malformed(text(&answer))),
            }
        }
    }

    /// Asks, and returns the packets of the answer: up to the end of the rows, OK or an error.
    ///
    /// # Errors
    /// The connection breaks.
    pub fn query(&mut self, sql: &str) -> Result<Vec<Vec<u8>>, WireError> {
        let mut command = vec![3];
        command.extend_from_slice(sql.as_bytes());
        self.command(&command)?;
        let first = self.wire.read(PACKET_MAX)?;
        let is_rows = !matches!(first.first(), Some(0 | 0xff));
        let mut packets = vec![first];
        let mut ends = 0;
        while is_rows && ends < 2 {
            let packet = self.wire.read(PACKET_MAX)?;
            ends += usize::from(packet.first() == Some(&0xfe) && packet.len() < 9);
            if packet.first() == Some(&0xff) {
                ends = 2;
            }
            packets.push(packet);
        }
        Ok(packets)
    }

    /// Sends a command, whose answer is to be read with [`Receiver::packet`].
    ///
    /// # Errors
    /// The connection breaks.
    pub fn command(&mut self, command: &[u8]) -> Result<(), WireError> {
        self.wire.new_command();
        self.wire.send(command)?;
        self.wire.flush()?;
        Ok(())
    }

    /// COM_BINLOG_DUMP or COM_BINLOG_DUMP_GTID.
    ///
    /// # Errors
    /// The connection breaks.
    pub fn ask(&mut self, ask: &Ask, flags: u16, server_id: u32) -> Result<(), WireError> {
        let mut command = Vec::new();
        match ask {
            Ask::Position { file, pos } => {
                command.push(0x12);
                command.extend_from_slice(&pos.to_le_bytes());
                command.extend_from_slice(&flags.to_le_bytes());
                command.extend_from_slice(&server_id.to_le_bytes());
                command.extend_from_slice(file.as_bytes());
            }
            Ask::Gtids(known) => {
                let mut set = Vec::new();
                known.encode(&mut set);
                command.push(0x1e);
                command.extend_from_slice(&flags.to_le_bytes());
                command.extend_from_slice(&server_id.to_le_bytes());
                command.extend_from_slice(&0u32.to_le_bytes());
                command.extend_from_slice(&4u64.to_le_bytes());
                command.extend_from_slice(&(set.len() as u32).to_le_bytes());
                command.extend_from_slice(&set);
            }
        }
        self.command(&command)
    }

    /// The next packet.
    ///
    /// # Errors
    /// The source has gone, or is silent for too long.
    pub fn packet(&mut self) -> Result<Vec<u8>, WireError> {
        self.wire.read(PACKET_MAX)
    }

    /// Sends bytes as they are, without a frame.
    ///
    /// # Errors
    /// The connection breaks.
    pub fn send_raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        use std::io::Write;
        self.wire.reader().write_all(bytes)
    }
}

/// A packet's printable bytes: an error's text can be read in it.
pub fn text(packet: &[u8]) -> String {
    String::from_utf8_lossy(packet)
        .chars()
        .map(|c| if c.is_control() { '.' } else { c })
        .collect()
}
