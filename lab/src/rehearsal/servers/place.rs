//! Where a server is, as people write it: `USER@HOST[:PORT]`.

use std::{fmt, str::FromStr};

/// MySQL's own port.
const PORT: u16 = 3306;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Name or address of the machine.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A server, as it is named: `USER@HOST[:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The account.
    pub user: String,
    /// Where.
    pub address: Address,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, self.address)
    }
}

/// What cannot be read as a place.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PlaceError(String);

impl FromStr for Address {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let wrong = |why: &str| PlaceError(format!("{why}; write HOST, HOST:PORT or [::1]:PORT"));
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest
                    .split_once(']')
                    .ok_or_else(|| wrong("`[` without `]`"))?;
                match port.strip_prefix(':') {
                    None if !port.is_empty() => return Err(wrong("something behind `]`")),
                    port => (host, port),
                }
            }
            None => match text.split_once(':') {
                Some((_, port)) if port.contains(':') => {
                    return Err(wrong("an IPv6 address goes in brackets"));
                }
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if host.is_empty() {
            return Err(wrong("there is no host"));
        }
        let port = port.map_or(Ok(PORT), str::parse);
        Ok(Self {
            host: host.to_string(),
            port: port.map_err(|_| wrong("the port is no number up to 65535"))?,
        })
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let (user, address) = text
            .rsplit_once('@')
            .filter(|(user, _)| !user.is_empty())
            .ok_or_else(|| PlaceError("there is no user; write USER@HOST[:PORT]".into()))?;
        if user.contains(':') {
            return Err(PlaceError(
                "a password does not belong here, where others can read it: write USER@HOST[:PORT]"
                    .into(),
            ));
        }
        Ok(Self {
            user: user.to_string(),
            address: address.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Result<(String, String, u16), String> {
        let read: Result<Place, PlaceError> = text.parse();
        read.map(|p| (p.user, p.address.host, p.address.port))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_place_is_a_user_a_host_and_perhaps_a_port() {
        for (text, user, host, port) in [
            ("root@db", "root", "db", 3306),
            ("root@db:3307", "root", "db", 3307),
            ("me@there@[::1]:3307", "me@there", "::1", 3307),
            ("root@[fe80::1]", "root", "fe80::1", 3306),
        ] {
            assert_eq!(place(text), Ok((user.into(), host.into(), port)));
        }
        for (text, why) in [
            ("db:3306", "no user"),
            ("@db", "no user"),
            ("root@", "no host"),
            ("root@:3306", "no host"),
            ("root@db:", "the port"),
            ("root@db:65536", "the port"),
            ("root@::1", "brackets"),
            ("root@[::1", "`[` without"),
            ("root@[::1]3306", "behind `]`"),
            ("root:secret@db", "a password does not belong here"),
        ] {
            let error = place(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
