//! Statements on the server's own tables, as RDS's heartbeat is: they have a place and a GTID, and nothing is applied.

use crate::support::*;
use cutover::model::{
    binlog::{
        Frames, Groups, QuerySession,
        encode::{Head, RowWrite, TableTemplate, Writer, WriterOptions},
        event::EventType,
        group::GroupKind,
        verify::verify,
    },
    follow::{Ended, Fault, Given, Place, follow},
    gtid::{Gtid, GtidSet, Uuid},
    row::ImageBuilder,
    schema::TableDef,
};
use std::{path::Path, process::Command};

const HEARTBEAT: &str = "INSERT INTO mysql.rds_heartbeat2(id, value) values (1,1493274809584) ON DUPLICATE KEY UPDATE \
                         value = 1493274809584";
const UUID: Uuid = Uuid([7; 16]);

/// A file that is being written. 5.7's first event of a group does not say the group's length, and without checksums
/// an event may be put into a group that was written without it.
struct File {
    writer: Writer,
    bytes: Vec<u8>,
    transactions: u64,
}

impl File {
    fn new() -> Self {
        let writer = Writer::new(WriterOptions {
            server_version: "5.7.44-log".into(),
            checksum: false,
            ..WriterOptions::default()
        });
        let mut bytes = Vec::new();
        writer.file_head(&mut bytes, 1_772_445_600, 0, &GtidSet::new());
        let mut file = Self {
            writer,
            bytes,
            transactions: 0,
        };
        file.statement("app", "CREATE DATABASE app");
        file.statement("app", "CREATE TABLE t (a INT PRIMARY KEY)");
        file
    }

    fn head(&mut self) -> Head<'static> {
        self.transactions += 1;
        Head {
            gtid: Some(Gtid::new(UUID, self.transactions)),
            last_committed: self.transactions - 1,
            sequence_number: self.transactions,
            timestamp_s: 1_772_445_600 + self.transactions as u32,
            ..Head::default()
        }
    }

    /// A statement that commits by itself. Returns its position.
    fn statement(&mut self, schema: &str, sql: &str) -> u64 {
        let (pos, head) = (self.bytes.len() as u64, self.head());
        let session = QuerySession::default();
        self.writer
            .ddl(&mut self.bytes, pos, &head, &session, schema, sql);
        self.last_of(EventType::QUERY)
    }

    /// A transaction of a row of `app.t`, where one is given, and behind it of these statements. Returns the position
    /// of the last statement.
    fn transaction(&mut self, row: Option<i32>, statements: &[(&str, &str)]) -> u64 {
        let (start, head, def) = (self.bytes.len() as u64, self.head(), table_t());
        let template = TableTemplate::new(&self.writer, 100, &def);
        let mut image = ImageBuilder::default();
        image.start(1);
        image.push(&row.unwrap_or_default().to_le_bytes());
        let row = row.map(|_| RowWrite {
            template: &template,
            columns: &def.columns,
            before: None,
            after: Some(image.image()),
            flags: 0,
            new_statement: true,
        });
        let mut group = Vec::new();
        let rows: Vec<_> = row.into_iter().collect();
        self.writer.transaction(&mut group, start, &head, &rows);
        let mut events = events(&group);
        let end = events.pop().expect("what ends the transaction");
        for (schema, sql) in statements {
            let (mut alone, session) = (Vec::new(), QuerySession::default());
            self.writer.ddl(&mut alone, 4, &head, &session, schema, sql);
            events.push(self::events(&alone).pop().expect("the statement"));
        }
        events.push(end);
        let mut last = 0;
        for mut event in events {
            last = match event[4] {
                2 if event.ends_with(statements.last().map_or(b"", |s| s.1.as_bytes())) => {
                    self.bytes.len() as u64
                }
                _ => last,
            };
            let end = (self.bytes.len() + event.len()) as u32;
            event[13..17].copy_from_slice(&end.to_le_bytes());
            self.bytes.extend(event);
        }
        last
    }

    fn last_of(&self, event_type: EventType) -> u64 {
        let frames = Frames::of_file(&self.bytes).unwrap().map(Result::unwrap);
        let of_type = frames.filter(|frame| frame.header.event_type == event_type);
        of_type.last().expect("such an event").pos
    }

    fn executed(&self) -> GtidSet {
        format!("{UUID}:1-{}", self.transactions).parse().unwrap()
    }

    fn named(&self) -> [Named; 1] {
        [Named {
            name: "mysql-bin-changelog.000001".into(),
            bytes: self.bytes.clone(),
        }]
    }

    fn kinds(&self) -> Vec<GroupKind> {
        let groups = Groups::of_file(&self.bytes).unwrap();
        groups.map(|group| group.unwrap().kind).collect()
    }

    fn save(&self, folder: &Path) {
        std::fs::write(folder.join("mysql-bin-changelog.000001"), &self.bytes).unwrap();
    }
}

/// The events of a group without checksums.
fn events(mut group: &[u8]) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    while let Some(length) = group.get(9..13) {
        let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
        let (event, rest) = group.split_at(length);
        events.push(event.to_vec());
        group = rest;
    }
    events
}

fn table_t() -> TableDef {
    let schema = b"CREATE DATABASE app; USE app; CREATE TABLE t (a INT PRIMARY KEY);";
    let (files, schema) = (binlogs("orders-mysql97"), inputs_of(schema));
    let followed = follow(&Given {
        files: &inputs(&files[..1]),
        schema: Some(schema),
        stop: Some(Place::Position {
            file: files[0].name.clone(),
            pos: 4,
        }),
        ..Given::default()
    })
    .unwrap();
    let (_, database) = followed.database();
    let id = database.id("app", "t").expect("declared");
    (**database.table(id).expect("declared").def()).clone()
}

fn inputs_of(bytes: &[u8]) -> cutover::model::binlog::verify::Input<'_> {
    cutover::model::binlog::verify::Input {
        name: "schema.sql",
        bytes,
    }
}

#[test]
fn a_heartbeat_has_its_place_and_gtid_and_nothing_is_applied() {
    let mut file = File::new();
    file.transaction(Some(1), &[]);
    file.transaction(None, &[("mysql", HEARTBEAT)]);
    file.transaction(Some(2), &[]);
    file.statement("", HEARTBEAT);
    let kinds = file.kinds();
    assert_eq!(kinds[3], GroupKind::Internal);
    assert_eq!(kinds[5], GroupKind::Internal);
    let files = file.named();
    let followed = follow(&Given {
        files: &inputs(&files),
        ..Given::default()
    })
    .unwrap();
    let report = &followed.report;
    assert_eq!(report.ended, Ended::End);
    assert_eq!((report.applied, &report.executed), (6, &file.executed()));
    let last = report
        .last_good
        .as_ref()
        .expect("the heartbeat is the last");
    assert_eq!(last.pos, file.bytes.len() as u64);
    let tables = tables(&followed);
    assert_eq!(tables.keys().collect::<Vec<_>>(), ["app.t"]);
    assert_eq!(tables["app.t"].1.len(), 2);
    assert!(
        report.notes[0].starts_with("2 transactions write to the server's own tables"),
        "{:?}",
        report.notes
    );
    let verified = verify(&inputs(&files));
    assert!(verified.is_sound(), "{:?}", verified.problems);
    assert_eq!(verified.files[0].transactions, 6);
    assert_eq!(verified.files[0].internal, 2);
    assert_eq!(verified.gtids(), file.executed());
}

#[test]
fn a_statement_on_another_schema_is_refused_at_its_place_beside_a_heartbeat_too() {
    const OF_THE_SHOP: &str = "INSERT INTO app.t VALUES (3)";
    for statements in [
        &[("mysql", OF_THE_SHOP)][..],
        &[("mysql", HEARTBEAT), ("mysql", OF_THE_SHOP)],
    ] {
        let mut file = File::new();
        file.transaction(Some(1), &[]);
        let pos = file.transaction(None, statements);
        file.transaction(Some(2), &[]);
        assert_eq!(file.kinds()[3], GroupKind::Statement { pos });
        let files = file.named();
        let followed = follow(&Given {
            files: &inputs(&files),
            ..Given::default()
        })
        .unwrap();
        let stopped = stopped(&followed);
        assert_eq!((stopped.pos, stopped.fault()), (pos, Fault::Files));
        let message = stopped.message();
        assert!(message.contains(OF_THE_SHOP), "{message}");
        assert!(message.contains("binlog_format = ROW"), "{message}");
        assert_eq!(tables(&followed)["app.t"].1.len(), 1);
    }
}

#[test]
fn rows_beside_a_heartbeat_are_applied() {
    let mut file = File::new();
    file.transaction(Some(1), &[("mysql", HEARTBEAT)]);
    assert_eq!(file.kinds()[2], GroupKind::Rows);
    let files = file.named();
    let followed = follow(&Given {
        files: &inputs(&files),
        ..Given::default()
    })
    .unwrap();
    assert_eq!(followed.report.ended, Ended::End);
    assert_eq!(followed.report.executed, file.executed());
    assert_eq!(tables(&followed)["app.t"].1.len(), 1);
}

fn run(folder: &Path) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_cutover"))
        .args(["run", "orders-small", "--format", "json", "--workload"])
        .arg(format!("binlog:{}", folder.display()))
        .args(["--set", "workload.start_after=0.5"])
        .args(["--set", "workload.stretch=true"])
        .output()
        .unwrap()
}

#[test]
fn a_recording_with_heartbeats_is_traffic_without_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = File::new();
    for row in 1..=20 {
        let beats = row % 5 == 0;
        let statements = [("mysql", HEARTBEAT)];
        // In a transaction with rows, and in one of its own.
        file.transaction(Some(row), &statements[..usize::from(row == 7)]);
        if beats {
            file.transaction(None, &statements);
        }
    }
    file.save(folder.path());
    let output = run(folder.path());
    let told: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(told["verdict"], "safe", "{}", told["violations"]);
    // Two statements of DDL and twenty transactions of rows.
    assert_eq!(told["commits"]["ok"], 22);
    let notes = told["notes"].to_string();
    assert!(
        notes.contains("4 transactions write to the server's own tables"),
        "{notes}"
    );

    let pos = file.transaction(None, &[("app", "DELETE FROM t")]);
    file.save(folder.path());
    let output = run(folder.path());
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&format!("position {pos}")), "{said}");
    assert!(said.contains("DELETE FROM t"), "{said}");
}

#[test]
fn inspection_says_what_a_heartbeat_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = File::new();
    file.transaction(None, &[("mysql", HEARTBEAT)]);
    file.save(folder.path());
    let told = |sub: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_cutover"))
            .args(["binlog", sub])
            .arg(folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let events = told("inspect");
    let line = events.lines().find(|line| line.contains("rds_heartbeat2"));
    assert!(line.is_some_and(|line| line.ends_with("(the server's own table: not applied)")));
    assert_eq!(events.matches("own table").count(), 1, "{events}");
    assert!(told("verify").contains("1 of them on the server's own tables alone"));
}
