create database shop character set utf8mb4;
use shop;
create table customers (id int unsigned not null auto_increment primary key, email varchar(120) not null, name varchar(80), balance decimal(12,2) not null default 0, unique key (email)) engine=innodb;
create table orders (id bigint unsigned not null auto_increment primary key, customer int unsigned not null, status enum('new','paid','sent') not null default 'new', note varchar(400), at datetime(6) not null, key (customer)) engine=innodb;
