//! What the lab demands of a server that is given: version, settings, privileges.

use crate::rehearsal::LabError;
use mysql::{Conn, prelude::Queryable};
use std::collections::BTreeSet;

/// The first version that has all the statements, by number.
pub const OLDEST: (u32, u32) = (8, 4);
/// How a server must be set, besides `gtid_mode`.
pub const SETTINGS: [(&str, &str); 9] = [
    ("log_bin", "ON"),
    ("log_replica_updates", "ON"),
    ("binlog_format", "ROW"),
    ("binlog_row_image", "FULL"),
    ("binlog_row_value_options", ""),
    ("binlog_transaction_compression", "OFF"),
    ("performance_schema", "ON"),
    ("read_only", "OFF"),
    ("super_read_only", "OFF"),
];
/// What the lab's account must be allowed, on *.*.
const PRIVILEGES: [&str; 18] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "ALTER",
    "INDEX",
    "REFERENCES",
    "CREATE USER",
    "PROCESS",
    "RELOAD",
    "REPLICATION CLIENT",
    "REPLICATION SLAVE",
    "BINLOG_ADMIN",
    "CONNECTION_ADMIN",
    "REPLICATION_SLAVE_ADMIN",
    "SYSTEM_VARIABLES_ADMIN",
];
/// Of those, what it gives to the accounts that it makes.
const GIVEN_ON: [&str; 6] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "REPLICATION SLAVE",
    "CONNECTION_ADMIN",
];

/// Whether a server of this version is not taken.
pub fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map(|n| n.parse::<u32>().ok());
    let found = numbers.next().flatten().zip(numbers.next().flatten());
    version.contains("MariaDB") || found.is_none_or(|found| found < OLDEST)
}

/// Privileges that the account lacks, of its own and of its roles.
pub fn missing(connection: &mut Conn) -> Result<Vec<&'static str>, LabError> {
    let roles: Option<String> = connection.query_first("SELECT CURRENT_ROLE()")?;
    let using = match roles.as_deref() {
        None | Some("NONE") => String::new(),
        Some(roles) => format!(" USING {roles}"),
    };
    let grants: Vec<String> = connection.query(format!("SHOW GRANTS FOR CURRENT_USER(){using}"))?;
    Ok(lacks(&grants))
}

/// What the lines of SHOW GRANTS lack.
fn lacks(grants: &[String]) -> Vec<&'static str> {
    let (mut has, mut gives) = (BTreeSet::new(), BTreeSet::new());
    for line in grants {
        let everywhere = line
            .strip_prefix("GRANT ")
            .and_then(|line| line.split_once(" ON *.* TO "));
        let Some((what, to)) = everywhere else {
            continue;
        };
        for privilege in what.split(',').map(str::trim) {
            has.insert(privilege);
            if to.ends_with(" WITH GRANT OPTION") {
                gives.insert(privilege);
            }
        }
    }
    let lacking = |privilege: &&str| {
        !has.contains(privilege) || GIVEN_ON.contains(privilege) && !gives.contains(privilege)
    };
    PRIVILEGES.into_iter().filter(|p| lacking(p)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_taken_from_8_4_on_and_mariadb_never() {
        for (version, old) in [
            ("8.0.44", true),
            ("8.3.0", true),
            ("8.4.0", false),
            ("9.7.4-1", false),
            ("10.11.6-MariaDB-1", true),
            ("5.6.24-log", true),
            ("what", true),
        ] {
            assert_eq!(is_too_old(version), old, "{version}");
        }
    }

    #[test]
    fn a_privilege_that_is_missing_or_cannot_be_given_on_is_named() {
        let all = PRIVILEGES.join(", ");
        let grants = |lines: &[String]| lacks(lines);
        assert_eq!(
            grants(&[format!("GRANT {all} ON *.* TO `a`@`%` WITH GRANT OPTION")]),
            [""; 0]
        );
        assert_eq!(
            grants(&[format!("GRANT {all} ON *.* TO `a`@`%`")]),
            GIVEN_ON
        );
        assert_eq!(
            grants(&[format!(
                "GRANT {all} ON `shop`.* TO `a`@`%` WITH GRANT OPTION"
            )]),
            PRIVILEGES
        );
        let but_process = all.replace("PROCESS, ", "");
        assert_eq!(
            grants(&[format!(
                "GRANT {but_process} ON *.* TO `a`@`%` WITH GRANT OPTION"
            )]),
            ["PROCESS"]
        );
    }
}
