//! The shop's tables.

/// The statements that make the shop.
pub const SCHEMA: [&str; 4] = [
    "CREATE DATABASE shop CHARACTER SET utf8mb4",
    "CREATE TABLE customers (\
       id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, \
       email VARCHAR(120) NOT NULL, \
       name VARCHAR(80) NOT NULL, \
       balance BIGINT NOT NULL, \
       orders_placed INT UNSIGNED NOT NULL, \
       version INT UNSIGNED NOT NULL, \
       UNIQUE KEY email (email)) ENGINE=InnoDB",
    "CREATE TABLE orders (\
       id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, \
       request_id BIGINT UNSIGNED NOT NULL, \
       customer_id INT UNSIGNED NOT NULL, \
       status ENUM('new','paid') NOT NULL, \
       total_cents INT UNSIGNED NOT NULL, \
       placed_at TIMESTAMP(6) NOT NULL) ENGINE=InnoDB",
    "CREATE TABLE order_lines (\
       id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, \
       order_id BIGINT UNSIGNED NOT NULL, \
       line_no TINYINT UNSIGNED NOT NULL, \
       sku CHAR(12) NOT NULL, \
       quantity INT NOT NULL, \
       price_cents INT UNSIGNED NOT NULL, \
       CONSTRAINT lines_of_order FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE) ENGINE=InnoDB",
];

/// The table of a shop that has events, for what they write.
pub const JOB_RUNS: &str = "CREATE TABLE job_runs (\
       id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, \
       job VARCHAR(40) NOT NULL, \
       ran_at TIMESTAMP(6) NOT NULL, \
       runs INT UNSIGNED NOT NULL DEFAULT 1) ENGINE=InnoDB";

/// The shop's own tables, without that of its events.
pub const TABLES: [&str; 3] = ["customers", "orders", "order_lines"];

/// The schema's name.
pub const SCHEMA_NAME: &str = "shop";

/// Columns of `orders`.
pub mod order {
    /// BIGINT UNSIGNED.
    pub const REQUEST_ID: usize = 1;
    /// ENUM.
    pub const STATUS: usize = 3;
    /// INT UNSIGNED.
    pub const TOTAL_CENTS: usize = 4;
}
