//! Asks a source on 127.0.0.1 for its binlog as a receiver does, and prints every packet that comes, a line
//! each, up to the second heartbeat, an error or the end: two sources are alike when they print alike.
//!
//! ```text
//! ask PORT [checksum=CRC32|NONE] [uuid=UUID] [heartbeat=NANOSECONDS] [flags=N] [server_id=N]
//!          position=FILE:POS | gtids=SET | query=SQL
//! ```

use cutover_lab::receiver::{Ask, Receiver, text};
use std::error::Error;

const HEARTBEATS: [u8; 2] = [27, 41];

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let port = words.next().ok_or("which port?")?.parse()?;
    let mut receiver = Receiver::connect(port, "root", "")?;
    let (mut flags, mut server_id, mut heartbeats) = (0, 2, 0);
    for word in words {
        let (key, value) = word.split_once('=').ok_or("KEY=VALUE, please")?;
        match key {
            "checksum" => set(&mut receiver, "binlog_checksum", &format!("'{value}'"))?,
            "uuid" => set(&mut receiver, "replica_uuid", &format!("'{value}'"))?,
            "heartbeat" => set(&mut receiver, "heartbeat_period", value)?,
            "flags" => flags = value.parse()?,
            "server_id" => server_id = value.parse()?,
            "query" => receiver
                .query(value)?
                .iter()
                .for_each(|p| println!("{}", text(p))),
            "position" => {
                let (file, pos) = value.rsplit_once(':').ok_or("FILE:POS, please")?;
                let file = file.to_string();
                receiver.ask(
                    &Ask::Position {
                        file,
                        pos: pos.parse()?,
                    },
                    flags,
                    server_id,
                )?;
                heartbeats = 2;
            }
            "gtids" => {
                receiver.ask(&Ask::Gtids(value.parse()?), flags, server_id)?;
                heartbeats = 2;
            }
            _ => return Err(format!("what is {key}?").into()),
        }
    }
    while heartbeats > 0 {
        let packet = receiver.packet()?;
        match packet.first() {
            Some(0) => println!("event {}", hex(&packet[1..])),
            _ => println!("{}", text(&packet)),
        }
        heartbeats -= match packet.first() {
            Some(0) => i32::from(packet.get(5).is_some_and(|t| HEARTBEATS.contains(t))),
            _ => heartbeats,
        };
    }
    Ok(())
}

/// Older sources know the variables by other names.
fn set(receiver: &mut Receiver, name: &str, value: &str) -> Result<(), Box<dyn Error>> {
    let name = name.trim_start_matches("replica_");
    for old in ["master", "source", "slave", "replica"] {
        receiver.query(&format!("SET @{old}_{name} = {value}"))?;
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
