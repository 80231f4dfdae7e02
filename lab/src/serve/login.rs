//! The handshake: protocol 10, `caching_sha2_password` for whoever knows it and `mysql_native_password` for
//! older replicas.
//!
//! The password is at hand in clear, so the fast path of `caching_sha2_password` always works: no TLS and no RSA
//! key are needed, and none are offered.

use super::{Account, Identity, Link};
use crate::wire::WireError;
use mysql_common::{
    auth::plugins::{
        caching_sha2_password::scramble_sha256, mysql_native_password::scramble_native,
    },
    constants::{CapabilityFlags, StatusFlags},
    io::ParseBuf,
    packets::{AuthMoreData, AuthPlugin, AuthSwitchRequest, HandshakePacket, HandshakeResponse},
    proto::MyDeserialize,
};
use std::{
    fs::File,
    io::{self, Read},
};

/// Of a handshake no more is read than this.
const PACKET_MAX: usize = 64 << 10;
/// utf8mb4_general_ci, which 5.6 knows too.
const COLLATION: u8 = 45;
/// Fast authentication succeeded.
const FAST_AUTH_OK: [u8; 1] = [3];

const CAPABILITIES: CapabilityFlags = CapabilityFlags::CLIENT_LONG_PASSWORD
    .union(CapabilityFlags::CLIENT_FOUND_ROWS)
    .union(CapabilityFlags::CLIENT_LONG_FLAG)
    .union(CapabilityFlags::CLIENT_CONNECT_WITH_DB)
    .union(CapabilityFlags::CLIENT_PROTOCOL_41)
    .union(CapabilityFlags::CLIENT_TRANSACTIONS)
    .union(CapabilityFlags::CLIENT_SECURE_CONNECTION)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA)
    .union(CapabilityFlags::CLIENT_CONNECT_ATTRS);

/// Lets a peer in; the name of its account. `None`: it was sent away, and told why.
///
/// # Errors
/// The connection breaks, or the peer speaks something else.
pub fn log_in(
    link: &mut Link,
    identity: &Identity,
    account: Option<&Account>,
    id: u32,
) -> Result<Option<String>, WireError> {
    let nonce = nonce()?;
    let (first, rest) = nonce.split_at(8);
    let mut rest = rest.to_vec();
    rest.push(0);
    link.send_packet(&HandshakePacket::new(
        10,
        identity.version_text.as_bytes(),
        id,
        first.try_into().unwrap_or_default(),
        Some(rest),
        CAPABILITIES,
        COLLATION,
        StatusFlags::SERVER_STATUS_AUTOCOMMIT,
        Some(AuthPlugin::CachingSha2Password.as_bytes()),
    ))?;
    link.flush()?;
    let answer = link.read(PACKET_MAX)?;
    let flags = answer
        .first_chunk::<4>()
        .map_or(0, |b| u32::from_le_bytes(*b));
    let flags = CapabilityFlags::from_bits_truncate(flags);
    if flags.contains(CapabilityFlags::CLIENT_SSL)
        || !flags.contains(CapabilityFlags::CLIENT_PROTOCOL_41)
    {
        let text = "Bad handshake: TLS is not offered here, connect without it (SOURCE_SSL = 0)";
        link.error(1043, "08S01", text)?;
        return Ok(None);
    }
    let response = HandshakeResponse::deserialize((), &mut ParseBuf(&answer))?;
    let user = String::from_utf8_lossy(response.user()).into_owned();
    let plugin = response.auth_plugin();
    let good = match plugin {
        Some(AuthPlugin::CachingSha2Password) => {
            sha2(link, account, &nonce, response.scramble_buf())?
        }
        Some(AuthPlugin::MysqlNativePassword) | None => {
            let answer = switched(link, &AuthPlugin::MysqlNativePassword, &nonce)?;
            is_right(account, &answer, |password| {
                scramble_native(&nonce, password).map(|s| s.to_vec())
            })
        }
        Some(_) => {
            let answer = switched(link, &AuthPlugin::CachingSha2Password, &nonce)?;
            sha2(link, account, &nonce, &answer)?
        }
    };
    if good && account.is_none_or(|a| a.user == user) {
        link.ok()?;
        return Ok(Some(user));
    }
    let used = if response.scramble_buf().is_empty() {
        "NO"
    } else {
        "YES"
    };
    let text = format!("Access denied for user '{user}'@'127.0.0.1' (using password: {used})");
    link.error(1045, "28000", &text)?;
    Ok(None)
}

fn sha2(
    link: &mut Link,
    account: Option<&Account>,
    nonce: &[u8; 20],
    answer: &[u8],
) -> Result<bool, WireError> {
    let good = is_right(account, answer, |password| {
        scramble_sha256(nonce, password).map(|s| s.to_vec())
    });
    if good && !is_empty(answer) {
        link.send_packet(&AuthMoreData::new(&FAST_AUTH_OK[..]))?;
    }
    Ok(good)
}

/// Without an account, everybody is let in.
fn is_right(
    account: Option<&Account>,
    answer: &[u8],
    scramble: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> bool {
    account.is_none_or(|account| match scramble(account.password.as_bytes()) {
        Some(scrambled) => answer == scrambled,
        None => is_empty(answer),
    })
}

/// No password is sent as nothing, or as the end of a text.
fn is_empty(answer: &[u8]) -> bool {
    matches!(answer, [] | [0])
}

/// Asks for the answer of another method.
fn switched(link: &mut Link, to: &AuthPlugin<'_>, nonce: &[u8; 20]) -> Result<Vec<u8>, WireError> {
    let mut data = nonce.to_vec();
    data.push(0);
    link.send_packet(&AuthSwitchRequest::new(to.as_bytes(), data))?;
    link.flush()?;
    link.read(PACKET_MAX)
}

/// Twenty bytes that nobody guesses, none of them 0: some peers take it for a text.
fn nonce() -> io::Result<[u8; 20]> {
    let mut nonce = [0; 20];
    File::open("/dev/urandom")?.read_exact(&mut nonce)?;
    for byte in &mut nonce {
        *byte = *byte % 93 + 33;
    }
    Ok(nonce)
}
