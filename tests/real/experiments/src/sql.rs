//! The few statements that scripts use, for the model, which has no SQL of its own but DDL.

/// A value in a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    Null,
    /// A number or a string.
    Text(String),
    /// `x'00ff'`.
    Hex(String),
}

/// Which threads START and STOP REPLICA are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    Both,
    Receiver,
    Applier,
}

/// `WHERE column = value`.
pub type Filter = Option<(String, Literal)>;

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sql {
    Begin,
    Commit,
    Rollback,
    /// `XA START 'id'`.
    XaStart,
    /// `XA END 'id'`.
    XaEnd,
    XaPrepare(String),
    XaCommit(String),
    Insert {
        table: String,
        columns: Vec<String>,
        rows: Vec<Vec<Literal>>,
    },
    Update {
        table: String,
        sets: Vec<(String, Literal)>,
        filter: Filter,
    },
    Delete {
        table: String,
        filter: Filter,
    },
    /// `SELECT * FROM t`.
    Select(String),
    /// `SELECT @@global.name`.
    Variable(String),
    /// `SET GLOBAL name = value`, or of the session.
    Set(String, String),
    FlushLogs,
    PurgeTo(String),
    Start(Threads),
    Stop(Threads),
    ResetReplicaAll,
    /// Anything else is DDL.
    Ddl,
}

/// Reads a statement.
///
/// # Errors
/// What of it is not understood.
pub fn read(text: &str) -> Result<Sql, String> {
    let words: Vec<String> = text.split_whitespace().map(str::to_uppercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut tokens = Tokens::of(text)?;
    Ok(match words[..] {
        ["BEGIN"] => Sql::Begin,
        ["COMMIT"] => Sql::Commit,
        ["ROLLBACK"] => Sql::Rollback,
        ["XA", verb, _] => match (verb, tokens.nth(2)) {
            ("START", _) => Sql::XaStart,
            ("END", _) => Sql::XaEnd,
            ("PREPARE", Some(Token::String(id))) => Sql::XaPrepare(id),
            ("COMMIT", Some(Token::String(id))) => Sql::XaCommit(id),
            _ => return Err(text.to_owned()),
        },
        ["FLUSH", "BINARY", "LOGS"] => Sql::FlushLogs,
        ["PURGE", "BINARY", "LOGS", "TO", _] => match tokens.nth(4) {
            Some(Token::String(file)) => Sql::PurgeTo(file),
            _ => return Err(text.to_owned()),
        },
        ["START", "REPLICA"] => Sql::Start(Threads::Both),
        ["START", "REPLICA", "IO_THREAD"] => Sql::Start(Threads::Receiver),
        ["START", "REPLICA", "SQL_THREAD"] => Sql::Start(Threads::Applier),
        ["STOP", "REPLICA"] => Sql::Stop(Threads::Both),
        ["STOP", "REPLICA", "IO_THREAD"] => Sql::Stop(Threads::Receiver),
        ["STOP", "REPLICA", "SQL_THREAD"] => Sql::Stop(Threads::Applier),
        ["RESET", "REPLICA", "ALL"] => Sql::ResetReplicaAll,
        ["SET", "GLOBAL", name, "=", value] | ["SET", "SESSION", name, "=", value] => {
            Sql::Set(name.to_lowercase(), value.to_owned())
        }
        ["SELECT", "*", "FROM", _] => Sql::Select(tokens.skip_to_word("FROM")?),
        ["SELECT", variable] if variable.starts_with("@@GLOBAL.") => {
            Sql::Variable(variable["@@GLOBAL.".len()..].to_lowercase())
        }
        ["INSERT", "INTO", ..] => tokens.insert()?,
        ["UPDATE", ..] => tokens.update()?,
        ["DELETE", "FROM", ..] => {
            let table = tokens.skip_to_word("FROM")?;
            let filter = tokens.only_where()?;
            Sql::Delete { table, filter }
        }
        ["CREATE" | "ALTER" | "DROP" | "TRUNCATE" | "RENAME", ..] => Sql::Ddl,
        _ => return Err(text.to_owned()),
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    String(String),
    Hex(String),
    Sign(char),
}

struct Tokens(std::vec::IntoIter<Token>);

impl Iterator for Tokens {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.0.next()
    }
}

impl Tokens {
    fn of(text: &str) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c.is_whitespace() {
                continue;
            }
            if c == '\'' {
                let mut string = String::new();
                loop {
                    match chars.next() {
                        Some('\'') if chars.peek() == Some(&'\'') => {
                            chars.next();
                            string.push('\'');
                        }
                        Some('\'') => break,
                        Some(c) => string.push(c),
                        None => return Err(format!("a string without an end: {text}")),
                    }
                }
                match tokens.last() {
                    Some(Token::Word(word)) if word == "x" => {
                        tokens.pop();
                        tokens.push(Token::Hex(string));
                    }
                    _ => tokens.push(Token::String(string)),
                }
            } else if is_word(c) || c == '-' {
                let mut word = String::from(c);
                while let Some(c) = chars.next_if(|c| is_word(*c)) {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            } else {
                tokens.push(Token::Sign(c));
            }
        }
        Ok(Self(tokens.into_iter()))
    }

    fn word(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(format!("expected a word, found {other:?}")),
        }
    }

    fn skip_to_word(&mut self, word: &str) -> Result<String, String> {
        self.find(|t| matches!(t, Token::Word(w) if w.eq_ignore_ascii_case(word)));
        self.word()
    }

    fn literal(&mut self) -> Result<Literal, String> {
        Ok(match self.next() {
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("NULL") => Literal::Null,
            Some(Token::Word(text) | Token::String(text)) => Literal::Text(text),
            Some(Token::Hex(hex)) => Literal::Hex(hex),
            other => return Err(format!("expected a value, found {other:?}")),
        })
    }

    /// What stands in parentheses, up to the closing one.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        let mut items = Vec::new();
        loop {
            items.push(item(self)?);
            match self.next() {
                Some(Token::Sign(',')) => {}
                Some(Token::Sign(')')) => return Ok(items),
                other => return Err(format!("expected `,` or `)`, found {other:?}")),
            }
        }
    }

    fn insert(mut self) -> Result<Sql, String> {
        let table = self.skip_to_word("INTO")?;
        let mut columns = Vec::new();
        let mut rows = Vec::new();
        while let Some(token) = self.next() {
            match token {
                Token::Sign('(') if rows.is_empty() && columns.is_empty() => {
                    columns = self.list(Self::word)?;
                }
                Token::Word(word) if word.eq_ignore_ascii_case("VALUES") => {
                    while let Some(token) = self.next() {
                        match token {
                            Token::Sign('(') => rows.push(self.list(Self::literal)?),
                            Token::Sign(',') => {}
                            other => return Err(format!("expected a row, found {other:?}")),
                        }
                    }
                }
                other => return Err(format!("not expected in an INSERT: {other:?}")),
            }
        }
        Ok(Sql::Insert {
            table,
            columns,
            rows,
        })
    }

    fn update(mut self) -> Result<Sql, String> {
        let table = self.skip_to_word("UPDATE")?;
        let mut sets = Vec::new();
        self.word()?;
        loop {
            let column = self.word()?;
            self.next();
            sets.push((column, self.literal()?));
            match self.next() {
                Some(Token::Sign(',')) => {}
                Some(Token::Word(_)) => {
                    let filter = Some(self.condition()?);
                    return Ok(Sql::Update {
                        table,
                        sets,
                        filter,
                    });
                }
                _ => {
                    return Ok(Sql::Update {
                        table,
                        sets,
                        filter: None,
                    });
                }
            }
        }
    }

    fn condition(&mut self) -> Result<(String, Literal), String> {
        let column = self.word()?;
        self.next();
        Ok((column, self.literal()?))
    }

    /// `WHERE c = v`, or nothing.
    fn only_where(&mut self) -> Result<Filter, String> {
        self.next().map(|_| self.condition()).transpose()
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '@')
}
