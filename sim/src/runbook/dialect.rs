//! What is typed on a host, by the version of its server: MySQL and AWS have renamed statements and stored procedures.
//!
//! Facts. MySQL: `SHOW REPLICA STATUS` and its columns from 8.0.22 on, `SHOW BINARY LOG STATUS` from 8.2.0 on, where 8.4.0
//! has `SHOW MASTER STATUS` no more (manual, "SHOW REPLICA STATUS Statement", release notes of 8.2.0 and 8.4.0). RDS for
//! MySQL: `…external_master…` up to 8.0, `…external_source…` from 8.4 on. Aurora MySQL: `…external_master…` in version 2,
//! `…external_source…` in version 3 (user guides, mysql-stored-proc-replicating). With auto-position the procedure of RDS
//! takes a delay too, that of Aurora does not. `mysql.rds_set_read_only` is new in Aurora MySQL 3.06.0 (its release notes).

use super::Host;
use crate::environment::Environment;
use cutover_model::server::Version;

/// The patch of MySQL 8.0 that an Aurora MySQL 3 is compatible with, by its minor version [D release notes; 3.08 K].
const COMPATIBLE: [(u32, u32); 8] = [
    (1, 23),
    (2, 23),
    (3, 26),
    (4, 28),
    (5, 32),
    (6, 34),
    (7, 36),
    (8, 39),
];

/// The patch of MySQL 8.0 that Aurora MySQL 3 is compatible with in this minor version, where that is known here.
pub(crate) fn patch_of_8_0(minor: u32) -> Option<u32> {
    let known = COMPATIBLE.into_iter().find(|(of_3, _)| *of_3 == minor);
    known.map(|(_, patch)| patch)
}

/// The statements of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    server: Version,
    /// Aurora's own version: major, minor and patch.
    aurora: Option<(u32, u32, u32)>,
}

impl Dialect {
    /// Of a host. A version that scenarios may not have is taken for MySQL 8.0 and the first Aurora MySQL 3.
    pub fn of(host: Host, environment: &Environment) -> Self {
        let (rds, aurora) = (
            Self::of_mysql(&environment.source.engine_version),
            Self::of_aurora(&environment.target.engine_version),
        );
        match host {
            Host::Target => aurora.unwrap_or(Self {
                server: Version::V8_0,
                aurora: Some((3, 1, 0)),
            }),
            // RDS makes a read replica in the source's version.
            Host::Source | Host::Replica => rds.unwrap_or(Self {
                server: Version::V8_0,
                aurora: None,
            }),
        }
    }

    fn of_mysql(version: &str) -> Option<Self> {
        // `8.4` is the first of its series.
        let server =
            Version::from_text(version).or_else(|| Version::from_text(&format!("{version}.0")))?;
        Some(Self {
            server,
            aurora: None,
        })
    }

    /// Of a version as AWS writes it: `8.0.mysql_aurora.3.05.2`.
    pub fn of_aurora(version: &str) -> Option<Self> {
        let (series, own) = version.split_once(".mysql_aurora.")?;
        let number = |text: &str| text.parse::<u32>().ok();
        let (mysql, minor) = series.split_once('.')?;
        let of_two_digits = |text| number(text).filter(|number| *number < 100);
        let server = of_two_digits(mysql)? * 10_000 + of_two_digits(minor)? * 100;
        let mut parts = own.split('.').map(number);
        let aurora = (
            parts.next()??,
            parts.next()??,
            parts.next().unwrap_or(Some(0))?,
        );
        if !parts.all(|part| part.is_some()) {
            return None;
        }
        Some(Self {
            server: Version(server),
            aurora: Some(aurora),
        })
    }

    /// Whether the names of stored procedures have "source", where earlier ones have "master".
    fn says_source(&self) -> bool {
        match self.aurora {
            Some((major, ..)) => major >= 3,
            None => self.server.at_least(80_400),
        }
    }

    /// Whether it applies statements about accounts that come by replication: Aurora MySQL 3 does not (Aurora user guide,
    /// AuroraMySQL.Replication.MySQL).
    pub(crate) fn replicates_accounts(&self) -> bool {
        self.aurora.is_none_or(|(major, ..)| major < 3)
    }

    /// The MySQL that an Aurora is compatible with: 5.7.12 for Aurora MySQL 2 (Aurora MySQL release notes); for a version 3
    /// that is not known here, 8.0 as RDS has it. A server that is no Aurora is its own.
    pub(crate) fn compatible_version(&self) -> Version {
        match self.aurora {
            None => self.server,
            Some(_) if !self.server.at_least(80_000) => Version(50_712),
            Some((major, minor, _)) => {
                let patch = Some(minor).filter(|_| major == 3).and_then(patch_of_8_0);
                patch.map_or(Version::V8_0, |patch| Version(80_000 + patch))
            }
        }
    }

    /// Whether several workers can apply a binlog: from Aurora MySQL 2.12.1 on (Aurora user guide, binlog-optimization).
    pub(crate) fn applies_in_parallel(&self) -> bool {
        self.aurora.is_none_or(|version| version >= (2, 12, 1))
    }

    /// The default of `replica_parallel_workers`: 4 from Aurora MySQL 3.04 on, before a single thread applies (Aurora user
    /// guide, binlog-optimization).
    pub(crate) fn parallel_workers(&self) -> u32 {
        match self.aurora.is_none_or(|version| version >= (3, 4, 0)) {
            true => 4,
            false => 1,
        }
    }

    /// Whether it has parameters for replication filters: Aurora MySQL from version 3 on (re:Post,
    /// QU-9uYWmURRFm7HUkb5V148g).
    pub fn has_replication_filters(&self) -> bool {
        self.aurora.is_none_or(|version| version >= (3, 0, 0))
    }

    /// Whether the counters of AUTO_INCREMENT are on its volume, where a restart and a snapshot find them.
    pub(crate) fn persists_auto_increment(&self) -> bool {
        self.server.persists_auto_increment()
    }

    /// The middle of the names of stored procedures.
    fn external(&self) -> &'static str {
        match self.says_source() {
            true => "external_source",
            false => "external_master",
        }
    }

    /// The procedure that has the receiver go on with the next file.
    pub(crate) fn next_log(&self) -> &'static str {
        match self.says_source() {
            true => "rds_next_source_log",
            false => "rds_next_master_log",
        }
    }

    /// Where the binlog ends.
    pub(crate) fn binlog_status(&self) -> &'static str {
        match self.server.at_least(80_200) {
            true => "SHOW BINARY LOG STATUS",
            false => "SHOW MASTER STATUS",
        }
    }

    /// Whether SHOW REPLICA STATUS and its columns are there. Aurora MySQL 3 began with 8.0.23.
    fn says_replica(&self) -> bool {
        match self.aurora {
            Some((major, ..)) => major >= 3,
            None => self.server.at_least(80_022),
        }
    }

    /// How replication is.
    pub fn replica_status(&self) -> &'static str {
        match self.says_replica() {
            true => "SHOW REPLICA STATUS",
            false => "SHOW SLAVE STATUS",
        }
    }

    /// The columns of [`Dialect::replica_status`] that say how far the source's binlog is applied: file and position.
    pub fn applied_columns(&self) -> (&'static str, &'static str) {
        match self.says_replica() {
            true => ("Relay_Source_Log_File", "Exec_Source_Log_Pos"),
            false => ("Relay_Master_Log_File", "Exec_Master_Log_Pos"),
        }
    }

    /// Its column that says whether the applier runs.
    pub fn applier_column(&self) -> &'static str {
        match self.says_replica() {
            true => "Replica_SQL_Running",
            false => "Slave_SQL_Running",
        }
    }

    /// Its column of the lag, in seconds.
    pub(super) fn lag_column(&self) -> &'static str {
        match self.says_replica() {
            true => "Seconds_Behind_Source",
            false => "Seconds_Behind_Master",
        }
    }

    /// Replication from a host is configured, from a position of its binlog.
    pub(super) fn replicate_from_position(&self, host: &str, file: &str, position: &str) -> String {
        let external = self.external();
        format!(
            "CALL mysql.rds_set_{external}('{host}', 3306, 'repl', '…', '{file}', {position}, 0);"
        )
    }

    /// Replication from a host is configured, by GTID.
    pub(super) fn replicate_by_gtid(&self, host: &str) -> String {
        let external = self.external();
        let no_delay = match self.aurora {
            Some(_) => "",
            None => ", 0",
        };
        format!(
            "CALL mysql.rds_set_{external}_with_auto_position('{host}', 3306, 'repl', '…', 0{no_delay});"
        )
    }

    /// Replication is forgotten.
    pub(super) fn reset(&self) -> String {
        format!("CALL mysql.rds_reset_{};", self.external())
    }

    /// `read_only` is set at once, until the server restarts; what else would, where the procedure is missing.
    pub(super) fn set_read_only(&self, value: bool) -> String {
        let value = u8::from(value);
        match (self.has_set_read_only(), self.aurora) {
            (false, Some((major, minor, _))) => format!(
                "-- Aurora MySQL {major}.{minor:02} has no mysql.rds_set_read_only, which 3.06 has: `lasting = true` sets \
                 read_only = {value} by the parameter group"
            ),
            _ => format!("CALL mysql.rds_set_read_only({value});"),
        }
    }

    /// Whether there is `mysql.rds_set_read_only`.
    pub fn has_set_read_only(&self) -> bool {
        self.aurora.is_some_and(|version| version >= (3, 6, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Condition, CoordinatesFrom, Op, ReadCoordinates, SetExternalSource, SetReadOnly, Wait,
        command,
    };
    use super::*;

    /// Everything whose name depends on the version, typed on a host: with the versions of source and target.
    fn typed(on: Host, source: &str, target: &str) -> String {
        let mut environment = Environment::default();
        environment.source.engine_version = source.into();
        environment.target.engine_version = target.into();
        let by_position = SetExternalSource {
            at: Some("start".into()),
            auto_position: false,
            on,
        };
        let by_gtid = SetExternalSource {
            at: None,
            auto_position: true,
            on,
        };
        let wait = |until| Wait {
            until,
            every: None,
            polls: None,
            on,
            skip_errors: None,
        };
        let caught_up = wait(Condition {
            caught_up: Some(1),
            ..Condition::default()
        });
        let applied = wait(Condition {
            applied: Some("start".into()),
            ..Condition::default()
        });
        let coordinates = ReadCoordinates {
            from: match on {
                Host::Source => CoordinatesFrom::SourcePosition,
                Host::Target => CoordinatesFrom::TargetPosition,
                Host::Replica => CoordinatesFrom::ReplicaPosition,
            },
            name: "start".into(),
        };
        let read_only = SetReadOnly {
            on,
            value: true,
            lasting: false,
        };
        let mut ops = vec![
            Op::SetExternalSource(&by_position),
            Op::SetExternalSource(&by_gtid),
            Op::Wait(&caught_up),
            Op::Wait(&applied),
            Op::ReadCoordinates(&coordinates),
            Op::ResetExternalSource(on),
        ];
        if on == Host::Target {
            ops.push(Op::SetReadOnly(&read_only));
        }
        let noted = |_: &str| Some("binlog.000001:4".to_string());
        let lines = ops
            .iter()
            .flat_map(|op| command(op, &environment, &noted))
            .collect::<Vec<_>>();
        lines.join("\n")
    }

    const AURORA: &str = "8.0.mysql_aurora.3.05.2";

    /// A host, the versions of source and target, and what the commands must have and may not have.
    type Row = (
        Host,
        &'static str,
        &'static str,
        &'static [&'static str],
        &'static [&'static str],
    );

    /// As the manuals list the names.
    const BY_VERSION: &[Row] = &[
        (Host::Source, "5.7.44", AURORA, &RDS_MASTER, &RDS_SOURCE),
        (Host::Source, "8.0.21", AURORA, &RDS_MASTER, &RDS_SOURCE),
        (
            Host::Source,
            "8.0.36",
            AURORA,
            &[
                "rds_set_external_master(",
                "rds_set_external_master_with_auto_position('target', 3306, 'repl', '…', 0, 0)",
                "rds_reset_external_master;",
                "SHOW REPLICA STATUS",
                "Seconds_Behind_Source",
                "Exec_Source_Log_Pos",
                "SHOW MASTER STATUS",
            ],
            &["external_source", "SLAVE", "BINARY LOG"],
        ),
        (Host::Source, "8.4", AURORA, &RDS_SOURCE, &RDS_MASTER),
        (Host::Source, "8.4.3", AURORA, &RDS_SOURCE, &RDS_MASTER),
        (Host::Source, "9.1.0", AURORA, &RDS_SOURCE, &RDS_MASTER),
        (
            Host::Replica,
            "5.7.44",
            AURORA,
            &[
                "SHOW SLAVE STATUS",
                "Relay_Master_Log_File",
                "Exec_Master_Log_Pos",
            ],
            &["REPLICA STATUS", "_Source_"],
        ),
        (
            Host::Replica,
            "8.0.36",
            AURORA,
            &[
                "SHOW REPLICA STATUS",
                "Relay_Source_Log_File",
                "Exec_Source_Log_Pos",
            ],
            &["SLAVE", "_Master_"],
        ),
        (
            Host::Target,
            "8.4.3",
            "5.7.mysql_aurora.2.11.3",
            &[
                "rds_set_external_master(",
                "rds_set_external_master_with_auto_position('source', 3306, 'repl', '…', 0)",
                "rds_reset_external_master;",
                "SHOW SLAVE STATUS",
                "Seconds_Behind_Master",
                "Exec_Master_Log_Pos",
                "SHOW MASTER STATUS",
                "Aurora MySQL 2.11 has no",
            ],
            &[
                "external_source",
                "REPLICA STATUS",
                "BINARY LOG",
                "CALL mysql.rds_set_read_only",
            ],
        ),
        (
            Host::Target,
            "8.4.3",
            AURORA,
            &[
                "rds_set_external_source(",
                "rds_set_external_source_with_auto_position('source', 3306, 'repl', '…', 0)",
                "rds_reset_external_source;",
                "SHOW REPLICA STATUS",
                "Seconds_Behind_Source",
                "Exec_Source_Log_Pos",
                "SHOW MASTER STATUS",
                "Aurora MySQL 3.05 has no",
            ],
            &[
                "external_master",
                "SLAVE",
                "BINARY LOG",
                "CALL mysql.rds_set_read_only",
            ],
        ),
        (
            Host::Target,
            "5.7.44",
            "8.0.mysql_aurora.3.06.0",
            &[
                "external_source",
                "SHOW MASTER STATUS",
                "CALL mysql.rds_set_read_only(1);",
            ],
            &["external_master", "SLAVE", "BINARY LOG", "has no"],
        ),
        (
            Host::Target,
            "8.4.3",
            "8.4.mysql_aurora.8.4.7",
            &[
                "external_source",
                "SHOW BINARY LOG STATUS",
                "CALL mysql.rds_set_read_only(1);",
            ],
            &["external_master", "SLAVE", "SHOW MASTER", "has no"],
        ),
    ];

    const RDS_MASTER: [&str; 7] = [
        "rds_set_external_master(",
        "rds_set_external_master_with_auto_position('target', 3306, 'repl', '…', 0, 0)",
        "rds_reset_external_master;",
        "SHOW SLAVE STATUS",
        "Seconds_Behind_Master",
        "Exec_Master_Log_Pos",
        "SHOW MASTER STATUS",
    ];

    const RDS_SOURCE: [&str; 7] = [
        "rds_set_external_source(",
        "rds_set_external_source_with_auto_position('target', 3306, 'repl', '…', 0, 0)",
        "rds_reset_external_source;",
        "SHOW REPLICA STATUS",
        "Seconds_Behind_Source",
        "Exec_Source_Log_Pos",
        "SHOW BINARY LOG STATUS",
    ];

    #[test]
    fn every_command_is_one_of_the_host_in_its_version() {
        for (on, source, target, has, lacks) in BY_VERSION {
            let typed = typed(*on, source, target);
            for name in *has {
                let typed_on = on.name();
                assert!(
                    typed.contains(name),
                    "{source}, {target}, {typed_on}: {name}\n{typed}"
                );
            }
            for name in *lacks {
                let typed_on = on.name();
                assert!(
                    !typed.contains(name),
                    "{source}, {target}, {typed_on}: {name}\n{typed}"
                );
            }
        }
    }

    #[test]
    fn a_version_of_aurora_decides_how_many_workers_apply() {
        for (version, parallel, workers) in [
            ("5.7.mysql_aurora.2.11.3", false, 1),
            ("5.7.mysql_aurora.2.12.0", false, 1),
            ("5.7.mysql_aurora.2.12.1", true, 1),
            ("8.0.mysql_aurora.3.03.1", true, 1),
            ("8.0.mysql_aurora.3.04.0", true, 4),
            ("8.0.mysql_aurora.3.10", true, 4),
        ] {
            let mut environment = Environment::default();
            environment.target.engine_version = version.into();
            let dialect = Dialect::of(Host::Target, &environment);
            assert_eq!(dialect.applies_in_parallel(), parallel, "{version}");
            assert_eq!(environment.parallel_workers(), workers, "{version}");
            environment.target.replica_parallel_workers = Some(3);
            assert_eq!(environment.parallel_workers(), 3, "what is said holds");
        }
    }

    #[test]
    fn a_version_of_aurora_is_read_as_aws_writes_it_and_no_other_text_is() {
        for (text, has) in [
            ("8.0.mysql_aurora.3.05.2", false),
            ("8.0.mysql_aurora.3.06.0", true),
            ("8.0.mysql_aurora.3.10", true),
            ("5.7.mysql_aurora.2.12.0", false),
        ] {
            let dialect = Dialect::of_aurora(text).expect(text);
            assert_eq!(dialect.has_set_read_only(), has, "{text}");
        }
        for text in [
            "8.0.36",
            "3.05.2",
            "8.0.mysql_aurora.3",
            "8.0.mysql_aurora.3.x",
            "8.mysql_aurora.3.05",
            "8.0.mysql_aurora.3.05.two",
            "4294967295.4294967295.mysql_aurora.3.06",
            "",
        ] {
            assert_eq!(Dialect::of_aurora(text), None, "{text}");
        }
    }
}
