//! The command that a person would type for a step.

use super::{CoordinatesFrom, Dialect, Host, Op, Repoint, Until, dms};
use crate::environment::Environment;

/// A cluster of a snapshot. That of a DB instance is named by its ARN, which alone `restore-db-cluster-from-snapshot` takes
/// for one (RDS API reference, RestoreDBClusterFromSnapshot).
fn restored(arn: &str, environment: &Environment) -> Vec<String> {
    let snapshot = format!("--snapshot-identifier {arn}");
    cluster("restore-db-cluster-from-snapshot", &snapshot, environment)
}

/// A cluster, made by `verb` of what `with` names, and its writer, of a class that whoever types it has to choose.
fn cluster(verb: &str, with: &str, environment: &Environment) -> Vec<String> {
    let version = &environment.target.engine_version;
    let writer = "--db-cluster-identifier target --db-instance-identifier target-1 --db-instance-class <class>";
    vec![
        format!(
            "aws rds {verb} --engine aurora-mysql --engine-version {version} --db-cluster-identifier target --db-cluster-parameter-group-name target {with}"
        ),
        format!("aws rds create-db-instance --engine aurora-mysql {writer}"),
        "aws rds wait db-instance-available --db-instance-identifier target-1".into(),
    ]
}

/// Statements that are typed on the target by default: they say where only when it is not the target.
pub(crate) fn typed_on(host: Host, mut statements: Vec<String>) -> Vec<String> {
    if host != Host::Target {
        for statement in &mut statements {
            statement.push_str(&format!("  -- on the {}", host.name()));
        }
    }
    statements
}

/// A change of a host's parameter group, which delivers it without a restart.
fn parameter(host: Host, name: &str, value: &str) -> String {
    let group = match host {
        Host::Target => {
            "modify-db-cluster-parameter-group --db-cluster-parameter-group-name target"
        }
        Host::Source | Host::Replica => {
            "modify-db-parameter-group --db-parameter-group-name source"
        }
    };
    format!(
        "aws rds {group} --parameters ParameterName={name},ParameterValue={value},ApplyMethod=immediate"
    )
}

fn on_or_off(value: bool) -> &'static str {
    match value {
        true => "ON",
        false => "OFF",
    }
}

/// The real command of a step, one line each. `noted` turns a name of noted coordinates into their text.
pub fn command(
    op: &Op<'_>,
    environment: &Environment,
    noted: &dyn Fn(&str) -> Option<String>,
) -> Vec<String> {
    let host = Host::name;
    let dialect = |on: Host| Dialect::of(on, environment);
    let on = |h: Host, statement: &str| typed_on(h, vec![statement.to_string()]).remove(0);
    let show = |name: &str| noted(name).unwrap_or_else(|| format!("<{name}>"));
    match op {
        Op::SetBinlogRetention(o) => {
            let call = format!("CALL mysql.rds_set_configuration('binlog retention hours', {});", o.hours);
            match o.on {
                Host::Source => vec![call],
                host => typed_on(host, vec![call]),
            }
        }
        Op::CreateReadReplica => vec![
            "aws rds create-db-instance-read-replica --db-instance-identifier replica --source-db-instance-identifier source".into(),
            "aws rds wait db-instance-available --db-instance-identifier replica".into(),
        ],
        Op::CreateSnapshot(o) => {
            let mut lines = vec![format!(
                "aws rds create-db-snapshot --db-instance-identifier {} --db-snapshot-identifier {}",
                host(o.of),
                o.id
            )];
            if o.wait {
                lines.push(format!("aws rds wait db-snapshot-available --db-snapshot-identifier {}", o.id));
            }
            lines
        }
        Op::RestoreSnapshot(o) => restored(&format!("<arn of {}>", o.id), environment),
        Op::MigrateLatestSnapshot => {
            let mut lines = restored("<arn of the newest>", environment);
            lines.insert(0, "aws rds describe-db-snapshots --db-instance-identifier source  -- the newest of them".into());
            lines
        }
        Op::CreateAuroraReplica => {
            cluster("create-db-cluster", "--replication-source-identifier <arn of source>", environment)
        }
        Op::PromoteCluster => vec![
            "aws rds promote-read-replica-db-cluster --db-cluster-identifier target".into(),
            "aws rds describe-events --source-type db-cluster --source-identifier target  -- until \"Promoted Read Replica cluster to a stand-alone database cluster\"".into(),
        ],
        Op::EnableBinlog => vec![
            "aws rds modify-db-cluster-parameter-group --db-cluster-parameter-group-name target --parameters ParameterName=binlog_format,ParameterValue=ROW,ApplyMethod=pending-reboot".into(),
            "aws rds reboot-db-instance --db-instance-identifier target-1".into(),
        ],
        Op::ReadCoordinates(o) => vec![match o.from {
            CoordinatesFrom::SourcePosition => {
                format!("{};  -- on the source", dialect(Host::Source).binlog_status())
            }
            CoordinatesFrom::ReplicaPosition => {
                let replica = dialect(Host::Replica);
                let (file, position) = replica.applied_columns();
                format!("{};  -- on the replica: {file}, {position}", replica.replica_status())
            }
            CoordinatesFrom::TargetPosition => {
                format!("{};  -- on the target", dialect(Host::Target).binlog_status())
            }
            CoordinatesFrom::SourceGtidExecuted => "SELECT @@global.gtid_executed;  -- on the source".into(),
            CoordinatesFrom::TargetGtidExecuted => "SELECT @@global.gtid_executed;  -- on the target".into(),
            CoordinatesFrom::RecoveryEvent => {
                "aws rds describe-events --source-type db-instance --source-identifier target-1".into()
            }
        }],
        Op::SetExternalSource(o) => {
            let (dialect, from) = (dialect(o.on), o.on.replicates_from().name());
            let statement = match &o.at {
                Some(name) => {
                    let at = show(name);
                    let (file, position) = at.rsplit_once(':').unwrap_or((&at, "4"));
                    dialect.replicate_from_position(from, file, position)
                }
                None => dialect.replicate_by_gtid(from),
            };
            vec![on(o.on, &statement)]
        }
        Op::StartReplication(h) => vec![on(*h, "CALL mysql.rds_start_replication;")],
        Op::Wait(o) => vec![match o.until.kind() {
            Ok(Until::ReplicationRunning) => {
                let status = dialect(o.on).replica_status();
                format!("{status};  -- on the {}, until both threads say Yes", host(o.on))
            }
            Ok(Until::SecondsBehindSource(s)) => {
                let (status, lag) = (dialect(o.on).replica_status(), dialect(o.on).lag_column());
                format!("{status};  -- on the {}, until {lag} <= {s}", host(o.on))
            }
            Ok(Until::CaughtUp(s)) => {
                let (status, lag) = (dialect(o.on).replica_status(), dialect(o.on).lag_column());
                format!("{status};  -- on the {}, until both threads say Yes and {lag} <= {s}", host(o.on))
            }
            Ok(Until::Applied(name)) => match position_in(&show(name)) {
                Some((file, position)) => {
                    let (status, columns) = (dialect(o.on).replica_status(), dialect(o.on).applied_columns());
                    format!(
                        "{status};  -- on the {}, until ({}, {}) >= ('{file}', {position})",
                        host(o.on),
                        columns.0,
                        columns.1
                    )
                }
                None => format!(
                    "SELECT GTID_SUBSET('{}', @@global.gtid_executed);  -- on the {}, until 1",
                    show(name),
                    host(o.on)
                ),
            },
            Ok(Until::Writable(h)) => format!("SELECT @@global.read_only;  -- on the {}, until 0", host(h)),
            Ok(Until::ReadOnly(h)) => format!("SELECT @@global.read_only;  -- on the {}, until 1", host(h)),
            Ok(Until::EventScheduler(h, value)) => format!(
                "SELECT @@global.event_scheduler;  -- on the {}, until {}",
                host(h),
                on_or_off(value)
            ),
            Ok(Until::NoOpenTransactions(h)) => {
                format!("SELECT COUNT(*) FROM information_schema.innodb_trx;  -- on the {}, until 0", host(h))
            }
            Ok(Until::SnapshotAvailable(id)) => {
                format!("aws rds wait db-snapshot-available --db-snapshot-identifier {id}")
            }
            Ok(Until::SourceUnchangedSince(name)) => {
                format!("SELECT @@global.gtid_executed;  -- on the source, still {}", show(name))
            }
            Ok(Until::NoWritesSince(name)) => return reads_on(&show(name)),
            Ok(Until::Row(o)) => format!("{};  -- on the {}, until it finds a row", statement(&o.sql), host(o.on)),
            Ok(Until::Dms(o)) => o.command(&show),
            Err(_) => String::new(),
        }],
        Op::SetReadOnly(o) if o.on == Host::Target && !o.lasting => {
            vec![dialect(Host::Target).set_read_only(o.value)]
        }
        Op::SetReadOnly(o) => vec![parameter(o.on, "read_only", if o.value { "1" } else { "0" })],
        Op::SetEventScheduler(o) => vec![parameter(o.on, "event_scheduler", on_or_off(o.value))],
        Op::AdmitClients(o) => vec![format!(
            "aws ec2 {}-security-group-ingress --group-id <of the {}> --protocol tcp --port 3306 --source-group <of the clients>",
            if o.value { "authorize" } else { "revoke" },
            host(o.on)
        )],
        Op::KillConnections(h) => vec![format!(
            "SELECT CONCAT('CALL mysql.rds_kill(', id, ');') FROM information_schema.processlist WHERE user = 'app';  -- on the {}",
            host(*h)
        )],
        Op::StopReplication(h) => vec![on(*h, "CALL mysql.rds_stop_replication;")],
        Op::ResetExternalSource(h) => vec![on(*h, &dialect(*h).reset())],
        Op::RaiseAutoIncrement(o) => {
            vec![format!("ALTER TABLE … AUTO_INCREMENT = <current + {}>;  -- every table of the target", o.gap)]
        }
        Op::RunSql(o) => vec![format!("{};  -- on the {}", statement(&o.sql), host(o.on))],
        Op::Repoint(Repoint { to, share: Some(share), .. }) => vec![format!(
            "kubectl set env deployment/app-{share}-percent DB_HOST={}  # and its rollout",
            host(*to)
        )],
        Op::Repoint(o) => {
            let mut lines = vec![format!(
                "aws route53 change-resource-record-sets …  -- {} CNAME {}",
                environment.names.record,
                host(o.to)
            )];
            if o.restart_clients {
                lines.push("kubectl rollout restart deployment/app".into());
            }
            lines
        }
        Op::CreateCluster => cluster("create-db-cluster", "…", environment),
        Op::CreateSchema(o) => vec![format!(
            "mysqldump --no-data --skip-triggers …{} | mysql -h target{}",
            match &o.collation {
                Some(collation) => format!(" | sed 's/COLLATE[ =]*utf8mb4_[a-z0-9_]*/COLLATE {collation}/g'"),
                None => String::new(),
            },
            match o.without_constraints {
                true => "  -- without FOREIGN KEY and secondary KEY clauses",
                false => "",
            }
        )],
        Op::CreateTriggers => vec!["mysqldump --no-data --no-create-info --triggers … | mysql -h target".into()],
        Op::CopyUsers => vec!["pt-show-grants --host source | mysql -h target".into()],
        Op::AddConstraints(o) => {
            let mut lines = Vec::new();
            if o.delete_orphans {
                lines.push("DELETE child FROM … child LEFT JOIN … parent ON … WHERE parent.id IS NULL;  -- on the target".into());
            }
            lines.push("ALTER TABLE … ADD CONSTRAINT …, ADD KEY …;  -- on the target, as SHOW CREATE TABLE on the source says".into());
            lines
        }
        Op::CreateDmsTask(o) => dms::create_command(o),
        Op::DmsTask(o) => vec![dms::task_command(o, &show)],
        Op::Pause(o) => vec![format!("sleep {}", o.length.0 / 1_000_000)],
    }
}

/// Reads the source's binlog on from noted coordinates.
fn reads_on(noted: &str) -> Vec<String> {
    let reads = |behind: &str, file: &str| {
        format!(
            "mysqlbinlog --read-from-remote-server -h source {behind} --to-last-log {file}  # nothing but \
             mysql.rds_heartbeat2"
        )
    };
    match position_in(noted) {
        Some((file, position)) => vec![reads(&format!("--start-position={position}"), file)],
        None => vec![
            format!("SELECT GTID_SUBSET('{noted}', @@global.gtid_executed);  -- on the source, 1"),
            reads(
                &format!("--exclude-gtids='{noted}'"),
                "<the source's oldest file>",
            ),
        ],
    }
}

/// File and position, where noted coordinates are such and no GTID set.
fn position_in(noted: &str) -> Option<(&str, &str)> {
    let parts = noted.rsplit_once(':');
    parts.filter(|(file, _)| !file.contains('-') || file.contains('.'))
}

/// A statement without what ends it.
fn statement(sql: &str) -> &str {
    sql.trim_end_matches([';', ' ', '\n'])
}
