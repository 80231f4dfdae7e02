//! Events: what is read of their statements, and what becomes of them here and on a replica.

use super::session;
use crate::{
    arena::Arena,
    database::{Database, EventStatus},
    ddl::{By, DdlError, Statement, apply_by, parse},
};

fn database() -> (Database, Arena) {
    let (mut db, arena) = (Database::default(), Arena::default());
    db.create_schema("app").unwrap();
    db.keep_events();
    (db, arena)
}

fn run(db: &mut Database, sql: &str, replicated: bool) -> Result<(), DdlError> {
    let statement = parse(sql, &session(80400)).unwrap_or_else(|e| panic!("{sql}: {e}"));
    assert!(matches!(statement, Statement::Event(_)), "{sql}");
    let arena = &mut Arena::default();
    let by = match replicated {
        true => By::Replication,
        false => By::Session { privileged: false },
    };
    apply_by(db, arena, &statement, by)
}

#[test]
fn an_event_is_made_altered_and_dropped() {
    let (mut db, _) = database();
    let create = "CREATE DEFINER=`a`@`%` EVENT IF NOT EXISTS app.`old rows` ON SCHEDULE EVERY 2 HOUR \
         STARTS '2026-03-01 04:00:00' ON COMPLETION PRESERVE DISABLE COMMENT 'x' DO DELETE FROM t WHERE a = ';'";
    run(&mut db, create, false).unwrap();
    run(&mut db, create, false).unwrap();
    let event = db.event("app", "old rows").unwrap();
    assert_eq!(event.every_us, 7_200_000_000);
    assert_eq!(event.starts_us, 1_772_337_600_000_000);
    assert_eq!(&*event.body, "DELETE FROM t WHERE a = ';'");
    assert_eq!(event.status, EventStatus::Disabled);
    let twice = create.replace("IF NOT EXISTS ", "");
    assert_eq!(run(&mut db, &twice, false).unwrap_err().code(), Some(1537));
    let elsewhere = "CREATE EVENT nowhere.e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t WHERE a = 1";
    assert_eq!(
        run(&mut db, elsewhere, false).unwrap_err().code(),
        Some(1049)
    );
    run(&mut db, "ALTER EVENT app.`old rows` ENABLE;", false).unwrap();
    let event = db.event("app", "old rows").unwrap();
    assert_eq!(
        (event.every_us, event.status),
        (7_200_000_000, EventStatus::Enabled)
    );
    run(
        &mut db,
        "ALTER EVENT app.`old rows` ON SCHEDULE EVERY 1 MINUTE DO DELETE FROM u WHERE a = 1",
        false,
    )
    .unwrap();
    let event = db.event("app", "old rows").unwrap();
    assert_eq!(
        (event.every_us, &*event.body),
        (60_000_000, "DELETE FROM u WHERE a = 1")
    );
    assert_eq!(event.status, EventStatus::Enabled);
    run(&mut db, "DROP EVENT app.`old rows`", false).unwrap();
    assert_eq!(
        run(&mut db, "DROP EVENT app.e", false).unwrap_err().code(),
        Some(1539)
    );
    assert_eq!(
        run(&mut db, "ALTER EVENT app.e ENABLE", false)
            .unwrap_err()
            .code(),
        Some(1539)
    );
    run(&mut db, "DROP EVENT IF EXISTS app.e", false).unwrap();
    assert_eq!(db.events(), []);
}

/// As 9.7.4 and 5.6.24 did it: tests/real has the experiment.
#[test]
fn what_comes_by_replication_is_not_run_there() {
    let made = |status: &str| {
        format!("CREATE EVENT app.e ON SCHEDULE EVERY 1 DAY {status} DO DELETE FROM t WHERE a = 1")
    };
    for status in [
        "",
        "ENABLE",
        "DISABLE",
        "DISABLE ON REPLICA",
        "DISABLE ON SLAVE",
    ] {
        let (mut db, _) = database();
        run(&mut db, &made(status), true).unwrap();
        assert_eq!(
            db.events()[0].status,
            EventStatus::ReplicaSideDisabled,
            "{status}"
        );
        run(&mut db, "ALTER EVENT app.e ENABLE", true).unwrap();
        assert_eq!(
            db.events()[0].status,
            EventStatus::ReplicaSideDisabled,
            "{status}"
        );
        run(&mut db, "ALTER EVENT app.e ENABLE", false).unwrap();
        assert_eq!(db.events()[0].status, EventStatus::Enabled);
        run(&mut db, "ALTER EVENT app.e COMMENT 'x'", true).unwrap();
        assert_eq!(
            db.events()[0].status,
            EventStatus::ReplicaSideDisabled,
            "{status}"
        );
    }
}

#[test]
fn a_schema_takes_its_events_along_and_a_copy_has_its_own() {
    let (mut db, mut arena) = database();
    run(
        &mut db,
        "CREATE EVENT app.e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t WHERE a = 1",
        false,
    )
    .unwrap();
    let copy = db.clone();
    let is_shared = |db: &Database| {
        std::sync::Arc::ptr_eq(copy.event_list().unwrap(), db.event_list().unwrap())
    };
    assert!(is_shared(&db));
    db.drop_schema(&mut arena, "app").unwrap();
    assert_eq!((db.events().len(), copy.events().len()), (0, 1));
    assert!(!is_shared(&db));
}

#[test]
fn who_keeps_no_events_passes_their_statements_over() {
    let mut db = Database::default();
    for sql in ["DROP EVENT app.e", "ALTER EVENT app.e ENABLE"] {
        run(&mut db, sql, true).unwrap();
    }
    assert!(!db.keeps_events());
}

#[test]
fn what_is_not_read_leaves_tables_as_they_are() {
    for sql in [
        "CREATE EVENT e ON SCHEDULE AT '2026-01-01 00:00:00' DO DELETE FROM t",
        "CREATE EVENT e ON SCHEDULE EVERY 1 MONTH DO DELETE FROM t",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS NOW() DO DELETE FROM t",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY ENDS '2026-01-01 00:00:00' DO DELETE FROM t",
        "CREATE EVENT e ON SCHEDULE EVERY 0 DAY DO DELETE FROM t",
        "CREATE EVENT e ON SCHEDULE EVERY 99999999999999999 WEEK DO DELETE FROM t",
        "ALTER EVENT e",
        "ALTER EVENT e RENAME TO f",
        "ALTER DEFINER = CURRENT_USER() EVENT e RENAME TO f",
    ] {
        let parsed = parse(sql, &session(80400)).unwrap_or_else(|e| panic!("{sql}: {e}"));
        assert!(
            matches!(parsed, Statement::Ignored { .. }),
            "{sql}: {parsed:?}"
        );
    }
}

#[test]
fn names_tell_no_small_letters_from_capital_ones() {
    let (mut db, _) = database();
    let create = "CREATE EVENT app.Job ON SCHEDULE EVERY 1 DAY DO DELETE FROM t WHERE a = 1";
    run(&mut db, create, false).unwrap();
    let again = run(&mut db, &create.replace("Job", "job"), false);
    assert_eq!(again.unwrap_err().code(), Some(1537));
    run(&mut db, "ALTER EVENT app.JOB DISABLE", false).unwrap();
    assert_eq!(db.events()[0].status, EventStatus::Disabled);
    assert_eq!(db.events()[0].full_name(), "app.Job");
    run(&mut db, "DROP EVENT app.jOb", false).unwrap();
    assert_eq!(db.events(), []);
}

#[test]
fn who_makes_or_alters_an_event_is_its_definer() {
    let (mut db, mut arena) = database();
    let mut by = |sql: &str, privileged| {
        let statement = parse(sql, &session(80400)).unwrap();
        apply_by(&mut db, &mut arena, &statement, By::Session { privileged }).unwrap();
        db.events()[0].privileged
    };
    let create =
        "CREATE EVENT IF NOT EXISTS app.e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t WHERE a = 1";
    assert!(by(create, true));
    assert!(by(create, false), "it was there, and nothing has changed");
    assert!(!by("ALTER EVENT app.e ENABLE", false));
    assert!(by("ALTER EVENT app.e COMMENT 'x'", true));
}

#[test]
fn a_dump_has_events_in_version_comments() {
    let (mut db, _) = database();
    let dumped = "/*!50106 CREATE*/ /*!50117 DEFINER=`a`@`%`*/ /*!50106 EVENT `app`.`e` ON SCHEDULE EVERY 1 DAY STARTS \
         '2026-01-01 00:00:00' ON COMPLETION NOT PRESERVE ENABLE DO DELETE FROM t WHERE a = 1 */ ;\n";
    run(&mut db, dumped, false).unwrap();
    assert_eq!(&*db.events()[0].body, "DELETE FROM t WHERE a = 1");
}
