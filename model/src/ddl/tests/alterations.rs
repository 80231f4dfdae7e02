//! ALTER TABLE against declarations.

use super::*;

const BASE: &str = "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(10), b INT NOT NULL DEFAULT 1, c TEXT, \
    UNIQUE ab (a(5), b), KEY (b))";

fn check(sql: &str, expected: &str, sources: &str) {
    let ctx = session(80400);
    let def = table_of(BASE, &ctx);
    let result = altered(&def, sql, &ctx).unwrap_or_else(|e| panic!("{sql}: {e}"));
    let shown = show(&result.def);
    let short = shown
        .replace(" utf8mb4_0900_ai_ci", "")
        .replace("innodb", "")
        .replace("app.t : ", "");
    assert_eq!(short, expected, "{sql}");
    let source = |s: &ColumnSource| match s {
        ColumnSource::Copy(n) => n.to_string(),
        ColumnSource::Default => "+".to_owned(),
    };
    assert_eq!(
        result.sources.iter().map(source).collect::<String>(),
        sources,
        "{sql}"
    );
}

#[test]
fn columns_are_added_where_they_are_said_to_be() {
    let keys = "; PRIMARY=id; ab=a(5)+b; [b=b]";
    let cases = [
        (
            "ADD x INT",
            "id int4 !, a varchar(40), b int4 ! ='1', c text2, x int4",
            "0123+",
        ),
        (
            "ADD COLUMN x INT FIRST",
            "x int4, id int4 !, a varchar(40), b int4 ! ='1', c text2",
            "+0123",
        ),
        (
            "ADD x INT AFTER a, ADD y INT AFTER x",
            "id int4 !, a varchar(40), x int4, y int4, b int4 ! ='1', c text2",
            "01++23",
        ),
        (
            "ADD (x INT, y INT)",
            "id int4 !, a varchar(40), b int4 ! ='1', c text2, x int4, y int4",
            "0123++",
        ),
        (
            "MODIFY c MEDIUMTEXT FIRST",
            "c text3, id int4 !, a varchar(40), b int4 ! ='1'",
            "3012",
        ),
        (
            "CHANGE a z CHAR(3) AFTER c, ADD q INT AFTER z",
            "id int4 !, b int4 ! ='1', c text2, z char(12), q int4",
            "0231+",
        ),
        (
            "RENAME COLUMN a TO b, RENAME COLUMN b TO a",
            "id int4 !, b varchar(40), a int4 ! ='1', c text2",
            "0123",
        ),
        (
            "ALTER b DROP DEFAULT, ALTER COLUMN c SET DEFAULT ('x')",
            "id int4 !, a varchar(40), b int4 !, c text2 ='x'",
            "0123",
        ),
    ];
    for (change, columns, sources) in cases {
        let keys = match change {
            c if c.starts_with("CHANGE") => "; PRIMARY=id; ab=z+b; [b=b]",
            c if c.starts_with("RENAME") => "; PRIMARY=id; ab=b(5)+a; [b=a]",
            _ => keys,
        };
        check(
            &format!("ALTER TABLE t {change}"),
            &format!("{columns}{keys}"),
            sources,
        );
    }
}

#[test]
fn keys_shrink_with_their_columns_and_go_with_the_last() {
    check(
        "ALTER TABLE t DROP b",
        "id int4 !, a varchar(40), c text2; PRIMARY=id; ab=a(5)",
        "013",
    );
    check(
        "ALTER TABLE t DROP COLUMN a, DROP COLUMN b",
        "id int4 !, c text2; PRIMARY=id",
        "03",
    );
    check(
        "ALTER TABLE t DROP id",
        "a varchar(40), b int4 ! ='1', c text2; ab=a(5)+b; [b=b]",
        "123",
    );
    let ctx = session(80400);
    let def = table_of("CREATE TABLE t (a INT)", &ctx);
    assert_eq!(
        altered(&def, "ALTER TABLE t DROP a", &ctx)
            .unwrap_err()
            .code(),
        Some(1090)
    );
    // The drop counts against the old table, the addition for the new one.
    let again = altered(&def, "ALTER TABLE t DROP a, ADD a BIGINT", &ctx).unwrap();
    assert_eq!(again.sources, [ColumnSource::Default]);
}

#[test]
fn keys_are_added_dropped_and_renamed() {
    let columns = "id int4 !, a varchar(40), b int4 ! ='1', c text2";
    let cases = [
        ("ADD UNIQUE (b)", "PRIMARY=id; ab=a(5)+b; b_2=b; [b=b]"),
        ("DROP KEY b, ADD UNIQUE (b)", "PRIMARY=id; ab=a(5)+b; b=b"),
        (
            "DROP INDEX ab, ADD INDEX ab (c(9)), LOCK=NONE",
            "PRIMARY=id; [b=b]; [ab=c]",
        ),
        ("RENAME INDEX ab TO ba", "PRIMARY=id; ba=a(5)+b; [b=b]"),
        ("RENAME KEY b TO ab, DROP KEY ab", "PRIMARY=id; [ab=b]"),
        ("DROP CONSTRAINT ab", "PRIMARY=id; [b=b]"),
        (
            "ADD CONSTRAINT positive CHECK (b > 0), DROP CHECK positive",
            "PRIMARY=id; ab=a(5)+b; [b=b]",
        ),
        (
            "DROP PRIMARY KEY, ADD PRIMARY KEY (b, id)",
            "PRIMARY=b+id; ab=a(5)+b; [b=b]",
        ),
        (
            "ADD FULLTEXT KEY ft (a, c) WITH PARSER ngram",
            "PRIMARY=id; ab=a(5)+b; [b=b]; [ft=a+c]",
        ),
        (
            "DISABLE KEYS, ORDER BY a, b DESC, FORCE",
            "PRIMARY=id; ab=a(5)+b; [b=b]",
        ),
        (
            "PARTITION BY HASH (id) PARTITIONS 4",
            "PRIMARY=id; ab=a(5)+b; [b=b]",
        ),
        (
            "ADD PARTITION (PARTITION p3 VALUES LESS THAN (10))",
            "PRIMARY=id; ab=a(5)+b; [b=b]",
        ),
    ];
    for (change, keys) in cases {
        check(
            &format!("ALTER TABLE t {change}"),
            &format!("{columns}; {keys}"),
            "0123",
        );
    }
    check(
        "CREATE UNIQUE INDEX u USING BTREE ON t (c(10) DESC) COMMENT 'x' ALGORITHM=INPLACE LOCK=NONE",
        &format!("{columns}; PRIMARY=id; ab=a(5)+b; u=c(10); [b=b]"),
        "0123",
    );
    check(
        "DROP INDEX `PRIMARY` ON t",
        &format!("{columns}; ab=a(5)+b; [b=b]"),
        "0123",
    );
    check(
        "DROP INDEX ab ON t",
        &format!("{columns}; PRIMARY=id; [b=b]"),
        "0123",
    );
}

#[test]
fn foreign_keys_are_added_numbered_and_dropped() {
    let ctx = session(80400);
    let def = table_of(
        "CREATE TABLE t (id INT, p INT, FOREIGN KEY (p) REFERENCES t (id))",
        &ctx,
    );
    let two = altered(
        &def,
        "ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES x (y), RENAME COLUMN id TO k",
        &ctx,
    );
    let renamed = altered(
        &def,
        "ALTER TABLE t RENAME COLUMN id TO k, RENAME other.u",
        &ctx,
    )
    .unwrap();
    assert_eq!(two.unwrap_err().code(), Some(1072));
    assert_eq!(
        show(&renamed.def).split_once("; ").unwrap().1,
        "[p=p]; u_ibfk_1: p -> other.u(k) restrict/restrict"
    );
    assert_eq!(renamed.def.full_name(), "other.u");
    let added = altered(
        &def,
        "ALTER TABLE t ADD FOREIGN KEY fk (id) REFERENCES x (y) ON DELETE CASCADE",
        &ctx,
    )
    .unwrap();
    assert_eq!(
        show(&added.def).split_once("; ").unwrap().1,
        "[p=p]; [fk=id]; t_ibfk_1: p -> app.t(id) restrict/restrict; t_ibfk_2: id -> app.x(y) cascade/restrict"
    );
    assert_eq!(
        altered(&def, "ALTER TABLE t DROP p", &ctx)
            .unwrap_err()
            .code(),
        Some(1828)
    );
    let gone = altered(
        &def,
        "ALTER TABLE t DROP p, DROP FOREIGN KEY t_ibfk_1",
        &ctx,
    )
    .unwrap();
    assert!(gone.def.foreign_keys.is_empty() && gone.def.indexes.is_empty());
    // A constraint's key outlives the constraint, even under the same name.
    let named = table_of(
        "CREATE TABLE t (p INT, CONSTRAINT c FOREIGN KEY (p) REFERENCES x (id))",
        &ctx,
    );
    let dropped = altered(&named, "ALTER TABLE t DROP CONSTRAINT c", &ctx).unwrap();
    assert_eq!(show(&dropped.def).split_once("; ").unwrap().1, "[c=p]");
    // An explicit key takes the place of one that was made for the foreign key, name and all.
    let unnamed = table_of(
        "CREATE TABLE t (p INT, FOREIGN KEY (p) REFERENCES x (id))",
        &ctx,
    );
    let covered = altered(&unnamed, "ALTER TABLE t ADD UNIQUE (p)", &ctx).unwrap();
    assert!(covered.def.indexes.is_empty());
    assert_eq!(&*covered.def.uniques[0].name, "p");
}

#[test]
fn converting_keeps_lengths_in_characters() {
    let ctx = session(50744);
    let def = table_of(
        "CREATE TABLE t (a CHAR(2), b VARCHAR(30), c TEXT, d TINYTEXT, e ENUM('x'), f BLOB, g INT) CHARSET=latin1",
        &ctx,
    );
    let shown = |sql: &str| {
        let new = altered(&def, sql, &ctx).unwrap().def;
        show(&new)
            .replace("utf8mb4_general_ci", "U")
            .replace("latin1_swedish_ci", "L")
    };
    assert_eq!(
        shown("ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4"),
        "app.t innodb U: a char(8) U, b varchar(120) U, c text3 U, d text2 U, e enum1(x) U, f blob2, g int4"
    );
    assert_eq!(
        shown("ALTER TABLE t DEFAULT CHARACTER SET = utf8mb4, ADD h CHAR(1)"),
        "app.t innodb U: a char(2) L, b varchar(30) L, c text2 L, d text1 L, e enum1(x) L, f blob2, g int4, h char(4) U"
    );
    assert_eq!(
        shown("ALTER TABLE t CONVERT TO CHARACTER SET binary"),
        "app.t innodb binary: a binary(2), b varbinary(30), c blob2, d blob1, e enum1(x) binary, f blob2, g int4"
    );
    assert_eq!(
        shown("ALTER TABLE t ENGINE=MyISAM ROW_FORMAT=DYNAMIC")
            .split(' ')
            .nth(1),
        Some("myisam")
    );
    assert_eq!(
        altered(&def, "ALTER TABLE t AUTO_INCREMENT = 1000", &ctx)
            .unwrap()
            .auto_increment,
        Some(1000)
    );
}

#[test]
fn mistakes_are_mysqls_errors() {
    let ctx = session(80400);
    let def = table_of(BASE, &ctx);
    let cases = [
        ("ADD a INT", 1060),
        ("ADD x INT AFTER nowhere", 1054),
        ("MODIFY nowhere INT", 1054),
        ("DROP nowhere", 1091),
        ("DROP a, DROP a", 1091),
        ("DROP KEY nowhere", 1091),
        ("DROP FOREIGN KEY nowhere", 1091),
        ("RENAME KEY nowhere TO x", 1176),
        ("ADD KEY b (b)", 1061),
        ("ADD KEY (nowhere)", 1072),
        ("ADD PRIMARY KEY (b)", 1068),
        ("ALTER b SET DEFAULT 'x'", 1067),
        ("ADD x CHAR(1) CHARACTER SET klingon", 1115),
        ("ADD x CHAR(1) COLLATE klingon_ci", 1273),
    ];
    for (change, code) in cases {
        let error = altered(&def, &format!("ALTER TABLE t {change}"), &ctx).unwrap_err();
        assert_eq!(error.code(), Some(code), "{change}: {error}");
    }
}
