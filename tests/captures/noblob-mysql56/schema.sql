create database app character set utf8mb4;
use app;
create table pk (id int not null auto_increment primary key, a int default 7, b varchar(50) default 'dflt', c text, d decimal(10,2) not null default 1.50, e timestamp null, f datetime not null default current_timestamp on update current_timestamp, g blob) engine=innodb;
create table nopk (a int default 3, b varchar(20) default 'x', c text) engine=innodb;
create table uniqnn (k varchar(20) not null, v int default 5, w text, unique key (k)) engine=innodb;
create table uniqnull (k int null, v int default 5, w text, unique key (k)) engine=innodb;
create table compk (a int not null, b varchar(20) not null, c int not null default 9, d varchar(100) default 'long default value', primary key (a, b)) engine=innodb;
create table pkuniq (id bigint unsigned not null primary key, u varchar(30) not null, v int, w text, unique key (u)) engine=innodb;
create table allnull (id int auto_increment primary key, a int, b varchar(10), c text) engine=innodb;
