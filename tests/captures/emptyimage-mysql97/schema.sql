create database app character set utf8mb4;
use app;
create table one (a int default 3, b varchar(20) default 'x') engine=innodb;
create table two (a int default 3, b varchar(20) default 'x') engine=innodb;
create table notnull (a int not null default 3, b varchar(20) not null default 'x') engine=innodb;
