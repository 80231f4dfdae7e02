//! Types, attributes, keys and the statements around tables, one claim each.

use super::*;

fn columns_of(definitions: &str, version: u32) -> Vec<String> {
    let ctx = session(version);
    let def = table_of(
        &format!("CREATE TABLE t ({definitions}) CHARSET=latin1"),
        &ctx,
    );
    def.columns.iter().map(column).collect()
}

#[test]
fn every_type_has_its_synonyms() {
    let cases = [
        ("INT1", "int1"),
        ("INT2 UNSIGNED", "int2 unsigned"),
        ("MIDDLEINT(5)", "int3"),
        ("INTEGER(11) ZEROFILL", "int4 unsigned"),
        ("INT8 SIGNED", "int8"),
        ("BOOL", "int1"),
        ("BOOLEAN", "int1"),
        ("SERIAL", "int8 unsigned ! auto"),
        ("DEC", "decimal(10,0)"),
        ("NUMERIC(5)", "decimal(5,0)"),
        ("FIXED(65,30) UNSIGNED", "decimal(65,30) unsigned"),
        ("REAL", "double"),
        ("DOUBLE PRECISION(8,2) UNSIGNED", "double"),
        ("FLOAT(24)", "float"),
        ("FLOAT(25)", "double"),
        ("FLOAT(10,2) ZEROFILL", "float"),
        ("BIT", "bit(1)"),
        ("BIT(64)", "bit(64)"),
        ("YEAR(4)", "year"),
        ("TIME", "time(0)"),
        ("DATETIME(6)", "datetime(6)"),
        ("TIMESTAMP(3) NULL", "timestamp(3)"),
        ("CHAR", "char(1) latin1_swedish_ci"),
        ("CHARACTER(10)", "char(10) latin1_swedish_ci"),
        ("CHARACTER VARYING(10)", "varchar(10) latin1_swedish_ci"),
        ("CHAR VARYING(10)", "varchar(10) latin1_swedish_ci"),
        ("VARCHARACTER(10)", "varchar(10) latin1_swedish_ci"),
        ("NATIONAL CHAR(10)", "char(30) utf8mb3_general_ci"),
        (
            "NATIONAL CHARACTER VARYING(10)",
            "varchar(30) utf8mb3_general_ci",
        ),
        ("NATIONAL VARCHAR(10)", "varchar(30) utf8mb3_general_ci"),
        ("NCHAR(10)", "char(30) utf8mb3_general_ci"),
        ("NVARCHAR(10)", "varchar(30) utf8mb3_general_ci"),
        ("NCHAR VARCHAR(10)", "varchar(30) utf8mb3_general_ci"),
        ("CHAR(10) BYTE", "binary(10)"),
        ("CHAR(10) BINARY", "char(10) latin1_bin"),
        ("CHAR(10) ASCII", "char(10) latin1_swedish_ci"),
        ("CHAR(10) UNICODE", "char(20) ucs2_general_ci"),
        (
            "VARCHAR(10) CHARACTER SET utf8mb4 BINARY",
            "varchar(40) utf8mb4_bin",
        ),
        (
            "VARCHAR(10) CHARSET utf8 COLLATE utf8_unicode_ci",
            "varchar(30) utf8mb3_unicode_ci",
        ),
        ("VARCHAR(10) COLLATE utf8mb4_bin", "varchar(40) utf8mb4_bin"),
        (
            "VARCHAR(20000) CHARACTER SET utf8mb4",
            "text3 utf8mb4_0900_ai_ci",
        ),
        ("VARCHAR(10) CHARACTER SET binary", "varbinary(10)"),
        ("TEXT CHARACTER SET binary", "blob2"),
        ("BINARY", "binary(1)"),
        ("VARBINARY(16)", "varbinary(16)"),
        ("LONG", "text3 latin1_swedish_ci"),
        ("LONG VARCHAR", "text3 latin1_swedish_ci"),
        ("LONG VARBINARY", "blob3"),
        ("TEXT(200)", "text1 latin1_swedish_ci"),
        (
            "TEXT(200) CHARACTER SET utf8mb4",
            "text2 utf8mb4_0900_ai_ci",
        ),
        ("TEXT(70000)", "text3 latin1_swedish_ci"),
        ("BLOB(100)", "blob1"),
        ("BLOB(20000000)", "blob4"),
        ("TINYTEXT", "text1 latin1_swedish_ci"),
        ("LONGTEXT CHARSET utf8mb4", "text4 utf8mb4_0900_ai_ci"),
        (
            "ENUM('a','it''s','c\\n ')",
            "enum1(a|it's|c\n) latin1_swedish_ci",
        ),
        (
            "ENUM(_utf8mb4'é', N'x') CHARACTER SET utf8mb4",
            "enum1(é|x) utf8mb4_0900_ai_ci",
        ),
        (
            "SET('a','b','c','d','e','f','g','h','i')",
            "set2(a|b|c|d|e|f|g|h|i) latin1_swedish_ci",
        ),
        ("JSON", "json"),
        ("POINT SRID 4326", "geometry4"),
        ("GEOMCOLLECTION", "geometry4"),
        ("VECTOR(3)", "vector4(3)"),
        ("VECTOR", "vector4(2048)"),
    ];
    for (written, expected) in cases {
        assert_eq!(
            columns_of(&format!("c {written}"), 80400),
            [format!("c {expected}")],
            "{written}"
        );
    }
}

#[test]
fn enum_with_more_than_255_members_takes_two_bytes() {
    let members: Vec<String> = (0..256).map(|i| format!("'m{i}'")).collect();
    let def = table_of(
        &format!("CREATE TABLE t (c ENUM({}))", members.join(",")),
        &session(80400),
    );
    assert!(
        matches!(&def.columns[0].kind, ColumnKind::Enum { bytes: 2, members } if members.len() == 256)
    );
}

#[test]
fn defaults_are_what_the_server_would_print() {
    let cases = [
        ("INT NOT NULL DEFAULT '7'", "int4 ! ='7'"),
        ("INT DEFAULT -1 COMMENT 'DEFAULT 3, x'", "int4 ='-1'"),
        ("DECIMAL(12,2) DEFAULT 0", "decimal(12,2) ='0.00'"),
        ("TINYINT(1) DEFAULT TRUE", "int1 ='1'"),
        ("BIT(4) DEFAULT b'0101'", "bit(4) ='5'"),
        ("BINARY(2) DEFAULT x'41'", "binary(2) ='4100'"),
        (
            "VARCHAR(9) DEFAULT x'41'",
            "varchar(9) latin1_swedish_ci ='A'",
        ),
        (
            "VARCHAR(9) DEFAULT 'a' 'b'",
            "varchar(9) latin1_swedish_ci ='ab'",
        ),
        (
            "VARCHAR(9) NULL DEFAULT NULL",
            "varchar(9) latin1_swedish_ci =NULL",
        ),
        (
            "DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)",
            "datetime(3) =now",
        ),
        ("DATETIME DEFAULT now()", "datetime(0) =now"),
        ("DATE DEFAULT '2020-01-02'", "date ='2020-01-02'"),
        (
            "DATETIME DEFAULT '0000-00-00 00:00:00'",
            "datetime(0) ='0000-00-00 00:00:00'",
        ),
        ("JSON DEFAULT (JSON_ARRAY())", "json ='[]'"),
        ("JSON DEFAULT ('{\"a\": 1}')", "json ='{\"a\": 1}'"),
        (
            "CHAR(36) DEFAULT (uuid())",
            "char(36) latin1_swedish_ci =(uuid())",
        ),
        (
            "DATE DEFAULT (CURRENT_DATE + INTERVAL 1 YEAR)",
            "date =(CURRENT_DATE + INTERVAL 1 YEAR)",
        ),
        ("INT AS (a + (1)) STORED NOT NULL", "int4 ! stored"),
        (
            "INT GENERATED ALWAYS AS (concat(')', \"(\")) VIRTUAL INVISIBLE",
            "int4 virtual",
        ),
        ("INT CHECK (c > 0) NOT ENFORCED", "int4"),
        ("INT CONSTRAINT positive CHECK (c > 0) NOT NULL", "int4 !"),
    ];
    for (written, expected) in cases {
        assert_eq!(
            columns_of(&format!("c {written}"), 80400),
            [format!("c {expected}")],
            "{written}"
        );
    }
}

#[test]
fn before_8_0_the_first_timestamp_is_now_and_none_is_null() {
    let text = "d datetime, a timestamp, b timestamp, c timestamp null";
    let now = [
        "d datetime(0)",
        "a timestamp(0) ! =now",
        "b timestamp(0) !",
        "c timestamp(0)",
    ];
    assert_eq!(columns_of(text, 50624), now);
    assert_eq!(
        columns_of(text, 80400)[1..3],
        ["a timestamp(0)", "b timestamp(0)"]
    );
    let said = "a timestamp not null default '2020-01-01', b timestamp";
    assert_eq!(
        columns_of(said, 50744),
        [
            "a timestamp(0) ! ='2020-01-01 00:00:00'",
            "b timestamp(0) !"
        ]
    );
    let explicit = Context {
        explicit_defaults_for_timestamp: Some(true),
        ..session(50744)
    };
    assert_eq!(
        column(&table_of("CREATE TABLE t (a timestamp)", &explicit).columns[0]),
        "a timestamp(0)"
    );
}

#[test]
fn before_5_6_4_temporal_types_have_their_old_form() {
    assert_eq!(
        columns_of("a time, b datetime, c timestamp null", 50540),
        ["a old time", "b old datetime", "c old timestamp"]
    );
}

#[test]
fn keys_get_the_names_that_mysql_makes_up() {
    let ctx = session(80400);
    let keys = |definitions: &str| {
        let shown = show(&table_of(&format!("CREATE TABLE t ({definitions})"), &ctx));
        shown
            .split_once("; ")
            .map_or(String::new(), |(_, keys)| keys.to_owned())
    };
    assert_eq!(
        keys("a int unique, b int, key(a), unique(a,b)"),
        "a=a; a_3=a+b; [a_2=a]"
    );
    assert_eq!(
        keys("a int, constraint u unique key (a), unique k using btree (a)"),
        "u=a; k=a"
    );
    assert_eq!(keys("a int, constraint c unique k (a)"), "k=a");
    assert_eq!(keys("`primary` int, key(`primary`)"), "[primary_2=primary]");
    assert_eq!(
        keys("a int, key((a + 1)), key((a + 2)), key(a desc)"),
        "[functional_index=]; [functional_index_2=]; [a=a]"
    );
    assert_eq!(
        keys(
            "id int primary key, p int, foreign key (p) references parent (id) on delete set null"
        ),
        "PRIMARY=id; [p=p]; t_ibfk_1: p -> app.parent(id) set null/restrict"
    );
    assert_eq!(
        keys(
            "p int, q int, constraint fk foreign key (p) references s.parent (id) on update cascade, key x (p, q)"
        ),
        "[x=p+q]; fk: p -> s.parent(id) restrict/cascade"
    );
    assert_eq!(
        keys("a text, b varchar(10), unique k (a(20), b(10), b(3))"),
        "k=a(20)+b+b(3)"
    );
    assert_eq!(keys("a int references p (id)"), "");
    assert_eq!(
        show(&table_of(
            "CREATE TABLE t (a int references p (id))",
            &session(90704)
        ))
        .split_once("; ")
        .unwrap()
        .1,
        "[a=a]; t_ibfk_1: a -> app.p(id) restrict/restrict"
    );
}

#[test]
fn a_primary_key_makes_its_columns_not_null() {
    let def = table_of(
        "CREATE TABLE t (a int, b int NULL, primary key using btree (b, a))",
        &session(80400),
    );
    assert!(def.columns.iter().all(|c| !c.nullable));
}

#[test]
fn collations_are_inherited_from_table_and_schema() {
    let ctx = session(50744);
    let sql = "CREATE TABLE t (a char(1), b char(1) collate latin1_bin) default charset=utf8 default collate utf8_bin";
    assert_eq!(
        show(&table_of(sql, &ctx)),
        "app.t innodb utf8mb3_bin: a char(3) utf8mb3_bin, b char(1) latin1_bin"
    );
    assert_eq!(
        show(&table_of("CREATE TABLE t (a char(1))", &ctx)),
        "app.t innodb utf8mb4_general_ci: a char(4) utf8mb4_general_ci"
    );
    let wrong = parse(
        "CREATE TABLE t (a char(1) charset latin1 collate utf8_bin)",
        &ctx,
    )
    .unwrap();
    let Statement::CreateTable(create) = wrong else {
        panic!("{wrong:?}")
    };
    assert_eq!(
        create.define(&utf8mb4(&ctx)).unwrap_err().code(),
        Some(1253)
    );
}

#[test]
fn schemas_have_their_collation() {
    let collation = |sql: &str, version| match parse(sql, &session(version)) {
        Ok(Statement::CreateSchema { collation, .. }) => collation.name.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        collation("create database app character set utf8mb4", 50624),
        "utf8mb4_general_ci"
    );
    assert_eq!(
        collation("create database app character set utf8mb4", 90704),
        "utf8mb4_0900_ai_ci"
    );
    assert_eq!(
        collation("create schema if not exists app", 50624),
        "latin1_swedish_ci"
    );
    let dumped = "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE \
                  utf8mb4_unicode_ci */ /*!80016 DEFAULT ENCRYPTION='N' */";
    assert_eq!(collation(dumped, 80400), "utf8mb4_unicode_ci");
}

#[test]
fn statements_are_told_apart() {
    let ctx = session(80400);
    let cases = [
        ("BEGIN", "transaction BEGIN"),
        (
            "start transaction with consistent snapshot",
            "transaction START",
        ),
        ("XA START X'31',X'',1", "transaction XA"),
        ("SAVEPOINT `a`", "transaction SAVEPOINT"),
        ("ROLLBACK TO `a`", "transaction ROLLBACK"),
        ("insert into t values ('it''s; open", "dml INSERT"),
        ("/* app */ UPDATE t SET a = 1", "dml UPDATE"),
        ("LOAD DATA INFILE 'x' INTO TABLE t", "dml LOAD"),
        ("WITH x AS (SELECT 1) DELETE FROM t", "dml WITH"),
        ("(SELECT 1)", "dml SELECT"),
        ("", "ignored comment"),
        ("-- nothing", "ignored comment"),
        ("/*!40101 SET NAMES utf8 */;", "ignored SET"),
        ("/*!99999 CREATE TABLE t (a INT) */", "ignored comment"),
        (
            "CREATE OR REPLACE ALGORITHM=MERGE DEFINER=`a`@`%` SQL SECURITY DEFINER VIEW v AS SELECT 1",
            "ignored CREATE VIEW",
        ),
        (
            "CREATE DEFINER=CURRENT_USER() TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET @a = 1; END",
            "ignored CREATE TRIGGER",
        ),
        (
            "CREATE AGGREGATE FUNCTION IF NOT EXISTS f RETURNS STRING SONAME 'x'",
            "ignored CREATE FUNCTION",
        ),
        (
            "CREATE TEMPORARY TABLE x (a INT)",
            "ignored CREATE TEMPORARY TABLE",
        ),
        (
            "DROP TEMPORARY TABLE IF EXISTS `x` /* generated by server */",
            "ignored DROP TEMPORARY TABLE",
        ),
        ("DROP VIEW IF EXISTS v", "ignored DROP VIEW"),
        (
            "CREATE USER IF NOT EXISTS 'a'@'%' IDENTIFIED BY 'x'",
            "ignored CREATE USER",
        ),
        ("ALTER USER 'a'@'%' ACCOUNT LOCK", "ignored ALTER USER"),
        ("ALTER USER 'a'@'%' IDENTIFIED BY 'x'", "ignored ALTER USER"),
        (
            "ALTER USER 'a'@'%' IDENTIFIED WITH 'caching_sha2_password' AS '$A$005$x\\'y' /* xid=11 */",
            "password of 'a'@'%': $A$005$x'y",
        ),
        (
            "SET PASSWORD FOR 'a'@'10.%'='*A41BEE51488264C01B96DE959A9142AF1A75205E'",
            "password of 'a'@'10.%': *A41BEE51488264C01B96DE959A9142AF1A75205E",
        ),
        ("SET PASSWORD = 'x'", "ignored SET"),
        (
            "ALTER INSTANCE ROTATE INNODB MASTER KEY",
            "ignored ALTER INSTANCE",
        ),
        ("RENAME USER a TO b", "ignored RENAME USER"),
        ("FLUSH PRIVILEGES", "ignored FLUSH"),
        ("START REPLICA", "ignored START"),
        ("TRUNCATE x.t", "truncate x.t"),
        ("truncate table `t`;", "truncate app.t"),
        (
            "DROP TABLE IF EXISTS `a`,b.`c` /* generated by server */",
            "drop app.a b.c if exists",
        ),
        (
            "RENAME TABLE a TO _a_old, _a_new TO a",
            "rename app.a>app._a_old app._a_new>app.a",
        ),
        ("USE `odd name`", "use odd name"),
        ("DROP DATABASE IF EXISTS `x`", "drop schema x"),
    ];
    for (sql, expected) in cases {
        let told = match parse(sql, &ctx).unwrap_or_else(|e| panic!("{sql}: {e}")) {
            Statement::Transaction { verb } => format!("transaction {verb}"),
            Statement::Dml { verb } => format!("dml {verb}"),
            Statement::Ignored { what } => format!("ignored {what}"),
            Statement::Password {
                account,
                authentication,
            } => format!("password of {account}: {authentication}"),
            Statement::Truncate(table) => format!("truncate {table}"),
            Statement::DropTables {
                names, if_exists, ..
            } => {
                let names: Vec<String> = names.iter().map(ToString::to_string).collect();
                format!(
                    "drop {}{}",
                    names.join(" "),
                    if if_exists { " if exists" } else { "" }
                )
            }
            Statement::RenameTables(pairs) => {
                let pairs: Vec<String> = pairs.iter().map(|(a, b)| format!("{a}>{b}")).collect();
                format!("rename {}", pairs.join(" "))
            }
            Statement::Use(schema) => format!("use {schema}"),
            Statement::DropSchema { name, .. } => format!("drop schema {name}"),
            other => panic!("{sql}: {other:?}"),
        };
        assert_eq!(told, expected, "{sql}");
    }
}

#[test]
fn what_cannot_be_followed_names_its_clause() {
    let ctx = session(80400);
    let cases = [
        ("CREATE TABLE t SELECT * FROM u", "CREATE TABLE … SELECT"),
        (
            "CREATE TABLE t (a INT) ENGINE=InnoDB AS SELECT 1 AS a",
            "CREATE TABLE … SELECT",
        ),
        (
            "CREATE TABLE t (a INT) PARTITION BY HASH(a) PARTITIONS 4 AS SELECT 1 a",
            "CREATE TABLE … SELECT",
        ),
        (
            "CREATE TABLE t (a INT, UNIQUE KEY k ((a + 1)))",
            "a unique key on an expression",
        ),
        (
            "CREATE UNIQUE INDEX k ON t ((lower(a)))",
            "a unique key on an expression",
        ),
        (
            "ALTER TABLE t TRUNCATE PARTITION p0",
            "ALTER TABLE … TRUNCATE PARTITION",
        ),
        (
            "ALTER TABLE t DROP PARTITION p0, p1",
            "ALTER TABLE … DROP PARTITION",
        ),
        (
            "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u",
            "ALTER TABLE … EXCHANGE PARTITION",
        ),
        (
            "ALTER TABLE t IMPORT TABLESPACE",
            "ALTER TABLE … IMPORT TABLESPACE",
        ),
    ];
    for (sql, expected) in cases {
        match parse(sql, &ctx).unwrap_err().error {
            DdlError::Unsupported { clause } => assert_eq!(clause, expected, "{sql}"),
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[test]
fn syntax_errors_say_where_and_what_was_expected() {
    let ctx = session(80400);
    let cases = [
        (
            "CREATE TABLE t (a WIBBLE)",
            1,
            19,
            "a data type for column `a`",
        ),
        (
            "CREATE TABLE t (a INT\n  b INT)",
            2,
            3,
            "`,` or `)` after the definition of a column or key",
        ),
        (
            "CREATE TABLE t (a INT) WIBBLE=1",
            1,
            24,
            "the end of the statement",
        ),
        (
            "ALTER TABLE t FROB a",
            1,
            15,
            "a change that ALTER TABLE knows",
        ),
        (
            "CREATE TABLE t (a INT, KEY (a)",
            1,
            31,
            "`,` or `)` after the definition of a column or key",
        ),
        ("FROB x", 1, 1, "a statement of MySQL"),
    ];
    for (sql, line, column, what) in cases {
        let error = parse(sql, &ctx).unwrap_err();
        assert_eq!((error.line, error.column), (line, column), "{sql}: {error}");
        assert!(
            matches!(&error.error, DdlError::Syntax { expected, .. } if expected == what),
            "{sql}: {error}"
        );
    }
    assert_eq!(
        parse("TRUNCATE t", &Context::default())
            .unwrap_err()
            .error
            .code(),
        Some(1046)
    );
}

#[test]
fn sql_mode_decides_what_quotes_and_backslashes_mean() {
    let mut ctx = session(80400);
    ctx.sql_mode = SqlMode {
        ansi_quotes: true,
        no_backslash_escapes: true,
        real_as_float: true,
    };
    let def = table_of(
        r#"CREATE TABLE "t" ("a" REAL, b VARCHAR(9) DEFAULT 'x\')"#,
        &ctx,
    );
    assert_eq!(column(&def.columns[0]), "a float");
    assert_eq!(
        column(&def.columns[1]),
        r"b varchar(36) utf8mb4_0900_ai_ci ='x\'"
    );
}
