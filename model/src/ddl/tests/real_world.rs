//! Statements as applications and tools write them, with the table that MySQL makes of them.

use super::*;

/// (version, statement, table).
const TABLES: &[(u32, &str, &str)] = &[
    // WordPress.
    (50744, "CREATE TABLE wp_users (
  ID bigint(20) unsigned NOT NULL auto_increment,
  user_login varchar(60) NOT NULL default '',
  user_registered datetime NOT NULL default '0000-00-00 00:00:00',
  user_status int(11) NOT NULL default '0',
  PRIMARY KEY  (ID),
  KEY user_login_key (user_login)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci",
     "app.wp_users innodb utf8mb4_unicode_520_ci: ID int8 unsigned ! auto, user_login varchar(240) utf8mb4_unicode_520_ci ! ='', user_registered datetime(0) ! ='0000-00-00 00:00:00', user_status int4 ! ='0'; PRIMARY=ID; [user_login_key=user_login]"),
    (50744, "CREATE TABLE wp_postmeta (
  meta_id bigint(20) unsigned NOT NULL auto_increment,
  post_id bigint(20) unsigned NOT NULL default '0',
  meta_key varchar(255) default NULL,
  meta_value longtext,
  PRIMARY KEY  (meta_id), KEY post_id (post_id), KEY meta_key (meta_key(191))
) ENGINE=MyISAM CHARSET=utf8",
     "app.wp_postmeta myisam utf8mb3_general_ci: meta_id int8 unsigned ! auto, post_id int8 unsigned ! ='0', meta_key varchar(765) utf8mb3_general_ci =NULL, meta_value text4 utf8mb3_general_ci; PRIMARY=meta_id; [post_id=post_id]; [meta_key=meta_key]"),
    // Magento.
    (80400, "CREATE TABLE `sales_order` (
  `entity_id` int unsigned NOT NULL AUTO_INCREMENT COMMENT 'Entity ID',
  `base_grand_total` decimal(20,4) DEFAULT NULL COMMENT 'Base Grand Total',
  `created_at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'Created At',
  `updated_at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP COMMENT 'Updated; \\'At\\'',
  `increment_id` varchar(50) DEFAULT NULL,
  `store_id` smallint unsigned DEFAULT NULL,
  PRIMARY KEY (`entity_id`),
  UNIQUE KEY `SALES_ORDER_INCREMENT_ID_STORE_ID` (`increment_id`,`store_id`),
  KEY `SALES_ORDER_STORE_ID` (`store_id`),
  CONSTRAINT `SALES_ORDER_STORE_ID_STORE_STORE_ID` FOREIGN KEY (`store_id`) REFERENCES `store` (`store_id`) ON DELETE SET NULL
) ENGINE=InnoDB AUTO_INCREMENT=17 DEFAULT CHARSET=utf8mb3 COMMENT='Sales Flat Order'",
     "app.sales_order innodb utf8mb3_general_ci: entity_id int4 unsigned ! auto, base_grand_total decimal(20,4) =NULL, created_at timestamp(0) ! =now, updated_at timestamp(0) ! =now, increment_id varchar(150) utf8mb3_general_ci =NULL, store_id int2 unsigned =NULL; PRIMARY=entity_id; SALES_ORDER_INCREMENT_ID_STORE_ID=increment_id+store_id; [SALES_ORDER_STORE_ID=store_id]; SALES_ORDER_STORE_ID_STORE_STORE_ID: store_id -> app.store(store_id) set null/restrict"),
    (80400, "CREATE TABLE `catalogsearch` (`id` int NOT NULL, `data_index` longtext, FULLTEXT KEY `FTI` (`data_index`) /*!50100 WITH PARSER `ngram` */ , PRIMARY KEY (`id`))",
     "app.catalogsearch innodb utf8mb4_0900_ai_ci: id int4 !, data_index text4 utf8mb4_0900_ai_ci; PRIMARY=id; [FTI=data_index]"),
    // Rails.
    (80400, "CREATE TABLE `users` (`id` bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, `email` varchar(255) DEFAULT '' NOT NULL, `active` tinyint(1) DEFAULT TRUE, `settings` json, `lat` decimal(10,6), `created_at` datetime(6) NOT NULL, INDEX `index_users_on_created_at`  (`created_at`), UNIQUE INDEX `index_users_on_email`  (`email`)) CHARSET=utf8mb4",
     "app.users innodb utf8mb4_0900_ai_ci: id int8 ! auto, email varchar(1020) utf8mb4_0900_ai_ci ! ='', active int1 ='1', settings json, lat decimal(10,6), created_at datetime(6) !; PRIMARY=id; index_users_on_email=email; [index_users_on_created_at=created_at]"),
    (80400, "CREATE TABLE IF NOT EXISTS `schema_migrations` (`version` varchar(255) NOT NULL PRIMARY KEY)",
     "app.schema_migrations innodb utf8mb4_0900_ai_ci: version varchar(1020) utf8mb4_0900_ai_ci !; PRIMARY=version"),
    (80400, "CREATE TABLE `comments` (`id` bigint auto_increment PRIMARY KEY, `post_id` bigint, CONSTRAINT `fk_rails_2fd19c0db7` FOREIGN KEY (`post_id`) REFERENCES `posts` (`id`) ON UPDATE CASCADE ON DELETE CASCADE)",
     "app.comments innodb utf8mb4_0900_ai_ci: id int8 ! auto, post_id int8; PRIMARY=id; [fk_rails_2fd19c0db7=post_id]; fk_rails_2fd19c0db7: post_id -> app.posts(id) cascade/cascade"),
    // Django.
    (80400, "CREATE TABLE `auth_user` (`id` integer AUTO_INCREMENT NOT NULL PRIMARY KEY, `is_superuser` bool NOT NULL, `username` varchar(150) NOT NULL UNIQUE, `last_login` datetime(6) NULL, `uuid` char(32) NOT NULL)",
     "app.auth_user innodb utf8mb4_0900_ai_ci: id int4 ! auto, is_superuser int1 !, username varchar(600) utf8mb4_0900_ai_ci !, last_login datetime(6), uuid char(128) utf8mb4_0900_ai_ci !; PRIMARY=id; username=username"),
    (80400, "CREATE TABLE `shop_item` (`id` bigint AUTO_INCREMENT NOT NULL PRIMARY KEY, `qty` integer UNSIGNED NOT NULL CHECK (`qty` >= 0), `slug` varchar(50) NOT NULL, `parent_id` integer NULL, CONSTRAINT `u` UNIQUE (`slug`, `parent_id`))",
     "app.shop_item innodb utf8mb4_0900_ai_ci: id int8 ! auto, qty int4 unsigned !, slug varchar(200) utf8mb4_0900_ai_ci !, parent_id int4; PRIMARY=id; u=slug+parent_id"),
    // Laravel.
    (80400, "create table `password_resets` (`email` varchar(255) not null, `token` varchar(255) not null, `created_at` timestamp null) default character set utf8mb4 collate 'utf8mb4_unicode_ci' engine = InnoDB",
     "app.password_resets innodb utf8mb4_unicode_ci: email varchar(1020) utf8mb4_unicode_ci !, token varchar(1020) utf8mb4_unicode_ci !, created_at timestamp(0)"),
    // Hibernate.
    (80400, "create table orders (id binary(16) not null, amount float(53), kind enum ('CARD','CASH'), placed_at datetime(6), version integer not null, primary key (id)) engine=InnoDB",
     "app.orders innodb utf8mb4_0900_ai_ci: id binary(16) !, amount double, kind enum1(CARD|CASH) utf8mb4_0900_ai_ci, placed_at datetime(6), version int4 !; PRIMARY=id"),
    // sysbench.
    (80400, "CREATE TABLE sbtest1(
  id INTEGER NOT NULL AUTO_INCREMENT,
  k INTEGER DEFAULT '0' NOT NULL,
  c CHAR(120) DEFAULT '' NOT NULL,
  pad CHAR(60) DEFAULT '' NOT NULL,
  PRIMARY KEY (id)
) /*! ENGINE = innodb */ ",
     "app.sbtest1 innodb utf8mb4_0900_ai_ci: id int4 ! auto, k int4 ! ='0', c char(480) utf8mb4_0900_ai_ci ! ='', pad char(240) utf8mb4_0900_ai_ci ! =''; PRIMARY=id"),
    // pt-heartbeat, pt-table-checksum, gh-ost.
    (50624, "CREATE TABLE heartbeat (
  ts varchar(26) NOT NULL,
  server_id int unsigned NOT NULL PRIMARY KEY,
  file varchar(255) DEFAULT NULL,    -- SHOW MASTER STATUS
  position bigint unsigned DEFAULT NULL, -- SHOW MASTER STATUS
  exec_master_log_pos bigint unsigned DEFAULT NULL # SHOW SLAVE STATUS
)",
     "app.heartbeat innodb utf8mb4_general_ci: ts varchar(104) utf8mb4_general_ci !, server_id int4 unsigned !, file varchar(1020) utf8mb4_general_ci =NULL, position int8 unsigned =NULL, exec_master_log_pos int8 unsigned =NULL; PRIMARY=server_id"),
    (80400, "create /* gh-ost */ table `app`.`_t_ghc` (
  id bigint unsigned auto_increment,
  last_update timestamp not null DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  hint varchar(64) charset ascii not null,
  value varchar(4096) charset ascii not null,
  primary key(id), unique key hint_uidx(hint)
) auto_increment=256 comment='gh-ost; changelog'",
     "app._t_ghc innodb utf8mb4_0900_ai_ci: id int8 unsigned ! auto, last_update timestamp(0) ! =now, hint varchar(64) ascii_general_ci !, value varchar(4096) ascii_general_ci !; PRIMARY=id; hint_uidx=hint"),
    // mysqldump and SHOW CREATE TABLE.
    (80400, "CREATE TABLE `events` (
  `id` bigint NOT NULL AUTO_INCREMENT,
  `d` date NOT NULL,
  `payload` json DEFAULT NULL,
  `kind` varchar(20) CHARACTER SET ascii COLLATE ascii_bin GENERATED ALWAYS AS (json_unquote(json_extract(`payload`,_utf8mb4'$.kind'))) STORED,
  `secret` int DEFAULT NULL /*!80023 INVISIBLE */,
  PRIMARY KEY (`id`,`d`),
  KEY `f` ((cast(json_extract(`payload`,_utf8mb4'$.tags') as char(40) array))),
  KEY `g` ((cast(`payload` as char(20) charset utf8mb4)))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8
/*!50100 PARTITION BY RANGE (year(`d`))
(PARTITION p0 VALUES LESS THAN (2020) ENGINE = InnoDB,
 PARTITION pmax VALUES LESS THAN MAXVALUE ENGINE = InnoDB) */",
     "app.events innodb utf8mb4_0900_ai_ci: id int8 ! auto, d date !, payload json =NULL, kind varchar(20) ascii_bin stored, secret int4 =NULL; PRIMARY=id+d; [f=]; [g=]"),
    (50744, "CREATE TABLE `odd ``name``` (
  `a b` int(10) unsigned zerofill NOT NULL,
  `select` set('x','y,z') NOT NULL DEFAULT 'x',
  `geo` point NOT NULL,
  `bits` bit(8) NOT NULL DEFAULT b'101',
  UNIQUE KEY `a b` (`a b`) USING BTREE COMMENT 'u',
  SPATIAL KEY `geo` (`geo`)
) ENGINE=MyISAM DEFAULT CHARSET=latin1 CHECKSUM=1 DELAY_KEY_WRITE=1 DATA DIRECTORY='/tmp' STATS_PERSISTENT=0",
     "app.odd `name` myisam latin1_swedish_ci: a b int4 unsigned !, select set1(x|y,z) latin1_swedish_ci ! ='x', geo geometry4 !, bits bit(8) ! ='5'; a b=a b; [geo=geo]"),
    (50744, "CREATE TABLE `p` (`id` int(11) NOT NULL, KEY `id` (`id`)) ENGINE=InnoDB DEFAULT CHARSET=latin1 /*!50100 PARTITION BY HASH (id) PARTITIONS 4 */",
     "app.p innodb latin1_swedish_ci: id int4 !; [id=id]"),
    (80400, "CREATE TABLE p (id INT, d DATE) PARTITION BY LIST COLUMNS(d) (PARTITION a VALUES IN ('2020-01-01') COMMENT 'x; y')",
     "app.p innodb utf8mb4_0900_ai_ci: id int4, d date"),
    (80036, "CREATE TABLE `copy` (\n  `id` int NOT NULL DEFAULT '0',\n  `v` varchar(9) DEFAULT NULL\n) START TRANSACTION",
     "app.copy innodb utf8mb4_0900_ai_ci: id int4 ! ='0', v varchar(36) utf8mb4_0900_ai_ci =NULL"),
    (80036, "CREATE TABLE `g` (`my_row_id` bigint unsigned NOT NULL AUTO_INCREMENT /*!80023 INVISIBLE */, `v` int, PRIMARY KEY (`my_row_id`)) ENGINE=InnoDB",
     "app.g innodb utf8mb4_0900_ai_ci: my_row_id int8 unsigned ! auto, v int4; PRIMARY=my_row_id"),
    (90704, "CREATE TABLE docs (id INT PRIMARY KEY, embedding VECTOR(768) NOT NULL, body TEXT COMMENT \"it's\" SECONDARY_ENGINE_ATTRIBUTE='{}') SECONDARY_ENGINE=RAPID, ENGINE_ATTRIBUTE='{}'",
     "app.docs innodb utf8mb4_0900_ai_ci: id int4 !, embedding vector4(768) !, body text2 utf8mb4_0900_ai_ci; PRIMARY=id"),
    // Amazon's and MySQL's own.
    (50744, "CREATE TABLE IF NOT EXISTS mysql.rds_heartbeat2(id int NOT NULL, value bigint(20), primary key(id)) engine=InnoDB",
     "mysql.rds_heartbeat2 innodb utf8mb4_general_ci: id int4 !, value int8; PRIMARY=id"),
    (50624, "CREATE TABLE IF NOT EXISTS rds_history(action_timestamp TIMESTAMP, called_by_user varchar(50) NOT NULL, action varchar(20)) TYPE=CSV",
     "app.rds_history csv utf8mb4_general_ci: action_timestamp timestamp(0) ! =now, called_by_user varchar(200) utf8mb4_general_ci !, action varchar(80) utf8mb4_general_ci"),
    // DMS, Debezium, Flyway, Liquibase.
    (80400, "CREATE TABLE `awsdms_control`.`awsdms_apply_exceptions` ( `TASK_NAME` VARCHAR (128)  NOT NULL, `ERROR_TIME` DATETIME(6)  NOT NULL, `STATEMENT` LONGTEXT CHARACTER SET UTF8MB4 COLLATE utf8mb4_bin NOT NULL )",
     "awsdms_control.awsdms_apply_exceptions innodb utf8mb4_0900_ai_ci: TASK_NAME varchar(512) utf8mb4_0900_ai_ci !, ERROR_TIME datetime(6) !, STATEMENT text4 utf8mb4_bin !"),
    (80400, "CREATE TABLE `app`.`flyway_schema_history` (\n    `installed_rank` INT NOT NULL,\n    `installed_on` TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,\n    `success` BOOL NOT NULL,\n    CONSTRAINT `flyway_schema_history_pk` PRIMARY KEY (`installed_rank`)\n) ENGINE=InnoDB",
     "app.flyway_schema_history innodb utf8mb4_0900_ai_ci: installed_rank int4 !, installed_on timestamp(0) ! =now, success int1 !; PRIMARY=installed_rank"),
    (80400, "CREATE TABLE DATABASECHANGELOGLOCK (ID INT NOT NULL, `LOCKED` TINYINT NOT NULL, LOCKGRANTED datetime NULL, CONSTRAINT PK_DATABASECHANGELOGLOCK PRIMARY KEY (ID))",
     "app.DATABASECHANGELOGLOCK innodb utf8mb4_0900_ai_ci: ID int4 !, LOCKED int1 !, LOCKGRANTED datetime(0); PRIMARY=ID"),
    (80400, "CREATE TABLE s.t (t.a INT, KEY (t.a)) UNION=(x,y) INSERT_METHOD=LAST PACK_KEYS=DEFAULT",
     "s.t innodb utf8mb4_0900_ai_ci: a int4; [a=a]"),
    (80400, "CREATE TABLE t (id SERIAL, v INT SERIAL DEFAULT VALUE)",
     "app.t innodb utf8mb4_0900_ai_ci: id int8 unsigned ! auto, v int4 ! auto; id=id; v=v"),
];

/// Statements whose only claim is that they are read.
pub(super) const READ: &[&str] = &[
    "ALTER TABLE `wp_posts` ADD INDEX `type_status_date` (`post_type`,`post_status`,`post_date`,`ID`)",
    "ALTER TABLE `users` ADD `admin` tinyint(1) DEFAULT FALSE NOT NULL",
    "ALTER TABLE `users` ADD COLUMN `name` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL COMMENT 'x' AFTER `id`, ALGORITHM=INSTANT",
    "ALTER TABLE `auth_group_permissions` ADD CONSTRAINT `auth_perm_b120cbf9_fk` FOREIGN KEY (`permission_id`) REFERENCES `auth_permission` (`id`)",
    "ALTER TABLE `django_content_type` MODIFY `name` varchar(100) NULL",
    "ALTER TABLE `a` CHANGE COLUMN `x` `y` int(11) unsigned NOT NULL DEFAULT '0' FIRST, DROP COLUMN `z`, ADD UNIQUE INDEX (`y`) USING HASH",
    "ALTER TABLE t DROP PRIMARY KEY, DROP FOREIGN KEY `fk`, DROP INDEX `fk`, ENGINE=InnoDB, COMMENT='x', ROW_FORMAT=DYNAMIC",
    "ALTER TABLE t REMOVE PARTITIONING",
    "ALTER TABLE t ENGINE=InnoDB PARTITION BY KEY() PARTITIONS 2",
    "ALTER TABLE t REORGANIZE PARTITION p0 INTO (PARTITION a VALUES LESS THAN (1), PARTITION b VALUES LESS THAN (2))",
    "ALTER TABLE t ADD SPATIAL INDEX (g), ALTER INDEX k INVISIBLE, ALTER CHECK c NOT ENFORCED, RENAME AS u",
    "ALTER TABLE t ALTER COLUMN c SET VISIBLE, WITHOUT VALIDATION, ALGORITHM DEFAULT, LOCK=SHARED",
    "/*!40000 ALTER TABLE `t` DISABLE KEYS */",
    "ALTER ONLINE TABLE t ADD COLUMN (a INT, KEY (a), CHECK (a > 0))",
    "ALTER IGNORE TABLE t ADD UNIQUE (a)",
    "ALTER TABLE t",
    "ALTER DATABASE `app` CHARACTER SET = utf8mb4 COLLATE = utf8mb4_0900_ai_ci",
    "ALTER SCHEMA DEFAULT COLLATE utf8mb4_bin",
    "ALTER DATABASE app READ ONLY = 1",
    "ALTER DEFINER=`a`@`b` VIEW v AS SELECT 1",
    "CREATE DATABASE IF NOT EXISTS `odd-name` DEFAULT CHARACTER SET utf8 DEFAULT COLLATE utf8_general_ci",
    "CREATE SCHEMA s DEFAULT ENCRYPTION = 'N'",
    "CREATE TABLE IF NOT EXISTS a LIKE b.c",
    "CREATE TABLE a (LIKE b)",
    "CREATE FULLTEXT INDEX ft ON t (a, b) WITH PARSER ngram COMMENT 'x'",
    "CREATE INDEX k ON s.t (a(10) ASC, (lower(b))) INVISIBLE",
    "DROP TABLES a, b CASCADE",
    "DROP INDEX k ON t ALGORITHM=INPLACE LOCK=NONE",
    "DROP PROCEDURE IF EXISTS p",
    "CREATE DEFINER=`root`@`localhost` PROCEDURE p() BEGIN DECLARE i INT; SET i = 'it''s'; END",
    "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t",
    "CREATE ROLE r",
    "CREATE UNDO TABLESPACE u ADD DATAFILE 'u.ibu'",
    "CREATE OR REPLACE SPATIAL REFERENCE SYSTEM 4120 NAME 'x' DEFINITION 'y'",
    "RENAME TABLE a TO b.c, `d e` TO f",
    "CREATE TABLE t (a INT) COMPRESSION='zlib' ENCRYPTION 'Y' TABLESPACE ts STORAGE DISK AUTOEXTEND_SIZE 4M",
];

/// The head, a table and the tail of `mysqldump --no-data --routines --triggers` 8.0.
pub(super) const DUMP: &str = "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: db    Database: shop
-- ------------------------------------------------------
-- Server version\t8.0.36

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;
SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5';

--
-- Current Database: `shop`
--

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET latin1 */ /*!80016 DEFAULT ENCRYPTION='N' */;

USE `shop`;

DROP TABLE IF EXISTS `customers`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE `customers` (
  `id` int NOT NULL AUTO_INCREMENT,
  `name` varchar(80) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=latin1;
/*!40101 SET character_set_client = @saved_cs_client */;
/*!50003 SET sql_mode              = 'STRICT_TRANS_TABLES' */ ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`%`*/ /*!50003 TRIGGER `t` BEFORE INSERT ON `customers` FOR EACH ROW BEGIN
  SET NEW.name = TRIM(NEW.name); -- it's
END */;;
DELIMITER ;
/*!50001 DROP VIEW IF EXISTS `v`*/;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`%` SQL SECURITY DEFINER */
/*!50001 VIEW `v` AS select `customers`.`id` AS `id` from `customers` */;
-- Dump completed on 2026-01-01  0:00:00
";

#[test]
fn tables_of_applications_are_what_mysql_makes_of_them() {
    for (version, sql, expected) in TABLES {
        assert_eq!(show(&table_of(sql, &session(*version))), *expected, "{sql}");
    }
}

#[test]
fn statements_of_applications_are_read() {
    let ctx = session(80400);
    for sql in READ {
        parse(sql, &ctx).unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
}

#[test]
fn a_dump_is_read_from_head_to_tail() {
    let placed = parse_script(DUMP, &Context::default()).unwrap();
    let create = placed.iter().find_map(|p| match &p.statement {
        Statement::CreateTable(create) => Some((p.line, create)),
        _ => None,
    });
    let (line, create) = create.unwrap();
    assert_eq!(
        (line, create.name.to_string(), create.auto_increment()),
        (24, "shop.customers".to_owned(), Some(7))
    );
    let what: Vec<&str> = placed
        .iter()
        .filter_map(|p| match &p.statement {
            Statement::Ignored { what } if what != "SET" => Some(what.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(what, ["CREATE TRIGGER", "DROP VIEW", "CREATE VIEW"]);
}

/// Everything above, for tests that damage it.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    TABLES
        .iter()
        .map(|(_, sql, _)| *sql)
        .chain(READ.iter().copied())
        .chain([DUMP])
}
