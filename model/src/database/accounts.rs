//! Accounts that log in, by what their passwords are checked against.

use super::Database;
use std::{collections::BTreeMap, sync::Arc};

/// Accounts of a server: as many as somebody asks about, not all that it has.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    /// By `'user'@'host'`: the authentication string, as SHOW CREATE USER has it.
    authentication: BTreeMap<Arc<str>, Arc<str>>,
    /// Statements about accounts that come by replication change nothing.
    shut: bool,
}

impl Database {
    /// The account is there from now on, with this authentication string.
    pub fn create_account(&mut self, account: &str, authentication: &str) {
        let accounts = Arc::make_mut(&mut self.accounts);
        accounts
            .authentication
            .insert(account.into(), authentication.into());
    }

    /// From now on no statement about an account is replicated into this database, as with Aurora MySQL 3 ("Passwords and
    /// accounts aren't replicated by binlog replication", Aurora user guide, AuroraMySQL.Replication.MySQL).
    pub fn shut_accounts(&mut self) {
        Arc::make_mut(&mut self.accounts).shut = true;
    }

    /// What an account's password is checked against; none for an account that is not here.
    pub fn authentication(&self, account: &str) -> Option<&Arc<str>> {
        self.accounts.authentication.get(account)
    }

    /// The accounts of another server, with their passwords, in place of one's own.
    pub fn copy_accounts(&mut self, other: &Self) {
        let own = Arc::make_mut(&mut self.accounts);
        own.authentication = other.accounts.authentication.clone();
    }

    /// ALTER USER, SET PASSWORD: an account that nobody asks about is left alone.
    pub(crate) fn set_password(
        &mut self,
        account: &str,
        authentication: &Arc<str>,
        replicated: bool,
    ) {
        if replicated && self.accounts.shut || self.authentication(account).is_none() {
            return;
        }
        self.create_account(account, authentication);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Arena,
        ddl::{By, Context, Version, apply, apply_by, parse},
    };

    const ACCOUNT: &str = "'app'@'%'";

    fn database() -> Database {
        let mut database = Database::default();
        database.create_account(ACCOUNT, "one");
        database
    }

    fn password(of: &Database) -> Option<&str> {
        of.authentication(ACCOUNT).map(|text| &**text)
    }

    #[test]
    fn a_statement_gives_an_account_that_is_there_another_password() {
        let context = Context::new("mysql", Version::V8_0);
        let sql = "ALTER USER 'app'@'%' IDENTIFIED WITH 'mysql_native_password' AS 'two'";
        let statement = parse(sql, &context).unwrap();
        let arena = &mut Arena::default();
        let (mut here, mut empty) = (database(), Database::default());
        let snapshot = here.clone();
        apply(&mut here, arena, &statement).unwrap();
        apply(&mut empty, arena, &statement).unwrap();
        assert_eq!((password(&here), password(&empty)), (Some("two"), None));
        assert_eq!(password(&snapshot), Some("one"));

        let (mut open, mut shut) = (database(), database());
        shut.shut_accounts();
        for replica in [&mut open, &mut shut] {
            apply_by(replica, arena, &statement, By::Replication).unwrap();
        }
        assert_eq!(
            (password(&open), password(&shut)),
            (Some("two"), Some("one"))
        );
        shut.copy_accounts(&here);
        assert_eq!(password(&shut), Some("two"));
        let sql = "SET PASSWORD FOR 'app'@'%'='three'";
        let statement = parse(sql, &context).unwrap();
        apply_by(&mut shut, arena, &statement, By::Replication).unwrap();
        assert_eq!(password(&shut), Some("two"), "it is shut still");
        apply(&mut shut, arena, &statement).unwrap();
        assert_eq!(password(&shut), Some("three"), "not to a session");
    }
}
