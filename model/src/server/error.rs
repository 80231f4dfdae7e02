//! The errors that a client meets, with the server's numbers and texts (share/messages_to_clients.txt).

use crate::database::SqlError;

/// An error that a statement was answered with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// 1290.
    #[error(
        "The MySQL server is running with the --read-only option so it cannot execute this statement"
    )]
    ReadOnly,
    /// 1290 with `super_read_only`.
    #[error(
        "The MySQL server is running with the --super-read-only option so it cannot execute this statement"
    )]
    SuperReadOnly,
    /// 1205: the statement is rolled back, the transaction goes on.
    #[error("Lock wait timeout exceeded; try restarting transaction")]
    LockWaitTimeout,
    /// 1213: the transaction is rolled back.
    #[error("Deadlock found when trying to get lock; try restarting transaction")]
    Deadlock,
    /// 1397.
    #[error("XAER_NOTA: Unknown XID")]
    UnknownXid,
    /// The statement violates a constraint. Boxed: every statement has a reply, and few have this one.
    #[error(transparent)]
    Sql(Box<SqlError>),
}

impl From<SqlError> for ServerError {
    fn from(error: SqlError) -> Self {
        Self::Sql(Box::new(error))
    }
}

impl ServerError {
    /// MySQL's error number.
    pub fn code(&self) -> u16 {
        match self {
            Self::ReadOnly | Self::SuperReadOnly => 1290,
            Self::LockWaitTimeout => 1205,
            Self::Deadlock => 1213,
            Self::UnknownXid => 1397,
            Self::Sql(e) => e.code(),
        }
    }
}
