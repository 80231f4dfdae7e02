create database app character set utf8mb4;
use app;
create table doc (id int not null primary key, j json, k json, n int, t varchar(20)) engine=innodb;
create table nopk (j json, n int) engine=innodb;
