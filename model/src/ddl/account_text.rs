//! The statements that give an account another password, as servers write them into their binlogs.
//!
//! `ALTER USER 'app'@'%' IDENTIFIED WITH 'caching_sha2_password' AS '…'` since 5.7.6, `SET PASSWORD FOR 'app'@'%'='*…'` before
//! (manual, "ALTER USER Statement", "SET PASSWORD Statement"; seen in the binlogs of 9.7.4 and 5.6.24): the authentication string stands there, never the password.
//! Other statements about accounts leave tables as they are, and nobody here asks for more.

use super::{Statement, cursor::Cursor};
use std::sync::Arc;

/// What follows ALTER or SET; none where the statement says something else. The cursor is where it was then.
pub(super) fn password(c: &mut Cursor<'_>) -> Option<Statement> {
    let from = c.mark();
    let read = alter_user(c).or_else(|| {
        c.rewind(from);
        set_password(c)
    });
    let read = read.filter(|_| c.is_end() || c.is_symbol(';'));
    if read.is_none() {
        c.rewind(from);
    }
    read
}

fn alter_user(c: &mut Cursor<'_>) -> Option<Statement> {
    c.eat("USER").then_some(())?;
    let account = account(c)?;
    c.eat_all(&["IDENTIFIED", "WITH"]).then_some(())?;
    c.string()?;
    c.eat("AS").then_some(())?;
    let authentication = c.string()?.into();
    Some(Statement::Password {
        account,
        authentication,
    })
}

fn set_password(c: &mut Cursor<'_>) -> Option<Statement> {
    c.eat_all(&["PASSWORD", "FOR"]).then_some(())?;
    let account = account(c)?;
    c.eat_symbol('=').then_some(())?;
    let authentication = c.string()?.into();
    Some(Statement::Password {
        account,
        authentication,
    })
}

/// `'user'@'host'`, as written in quotes.
fn account(c: &mut Cursor<'_>) -> Option<Arc<str>> {
    let user = c.string()?;
    c.eat_symbol('@').then_some(())?;
    let host = c.string()?;
    Some(format!("'{user}'@'{host}'").into())
}
