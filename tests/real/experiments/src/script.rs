//! The scripts: what an experiment does, line by line, read the same way by the model and by the servers.
//!
//! ```text
//! = name of the experiment
//! # what it is about: the first comment goes into the table
//! on 9.7                                 where it is run; both versions without
//! with gtid=off workers=4                settings that differ from the defaults
//! source    INSERT INTO t VALUES (1, 2)  SQL, by a session of its own and committed at once; `(a * 3)` is aaa
//! source.b  BEGIN                        by the named session; names that start with `user` have no privileges
//! source.b  COMMIT &                     may wait: the line ends after a second at the latest
//! replica   :wait applied                what a person or the world does
//!   ! 5.6,9.7 | what the model says | what the server says | why that does not matter
//! ```
//!
//! Every line has an outcome, a text, and all of them are compared. A stated difference (`!`) stands below its line
//! and must be just as it is stated.

use cutover_model::apply::filter::Rules;
use std::fmt;

/// A version that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// 5.6.24.
    V5_6,
    /// 9.7.
    V9_7,
}

impl Asked {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V5_6, Self::V9_7];

    /// As scripts and `servers.sh` write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::V5_6 => "5.6",
            Self::V9_7 => "9.7",
        }
    }

    fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.name() == text)
    }
}

/// A server of the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    Source,
    Replica,
}

/// What differs from the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub gtid: bool,
    /// `FULL` or `MINIMAL`.
    pub row_image: String,
    /// 0 is the default of the version.
    pub workers: u32,
    pub commit_order: bool,
    pub idempotent: bool,
    /// The source's.
    pub checksum: bool,
    pub sync_binlog: u32,
    pub relay_log_recovery: bool,
    /// The replica's filters; 5.6 has no statement that sets them.
    pub filters: Rules,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            gtid: true,
            row_image: "FULL".into(),
            workers: 0,
            commit_order: true,
            idempotent: false,
            checksum: true,
            sync_binlog: 1,
            relay_log_recovery: true,
            filters: Rules::default(),
        }
    }
}

/// Where replication starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// `auto`.
    Auto,
    /// `MARK`, `MARK at Xid` (the first event of that type at the mark or behind it), `MARK + 5` (bytes).
    Mark {
        mark: String,
        event: Option<String>,
        bytes: u64,
    },
    /// `file NAME POS`; the name may be `''`.
    File(String, u64),
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The replica has all that the source has.
    Applied,
    /// The applier runs no more.
    Stopped,
    /// The receiver runs no more.
    Refused,
    /// The receiver is connected.
    Connected,
    /// The receiver is not connected.
    Disconnected,
    /// Everything that the source has is in the relay log.
    Received,
}

/// The network between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Up,
    /// Nothing arrives, and nobody is told.
    Stalled,
    /// Connections are closed and refused.
    Cut,
}

/// What a line does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A statement.
    Sql(String),
    /// `:mark A`: remembers where the source's binlog ends.
    Mark(String),
    /// `:snapshot`: the replica gets the source's tables, and its GTIDs.
    Snapshot,
    /// `:replicate FROM`: CHANGE REPLICATION SOURCE TO … and START REPLICA.
    Replicate(From),
    /// `:wait applied`.
    Wait(Until),
    /// `:status FIELD…`.
    Status(Vec<String>),
    /// `:kill`: kill -9.
    Kill,
    /// `:lose A`: kill -9, and the binlog is only there up to the mark, as after a loss of power.
    Lose(String),
    /// `:start`: after a kill.
    Start,
    /// `:twin`: gets the server_uuid of the source.
    Twin,
    /// `:sleep SECONDS`.
    Sleep(u64),
    /// `:link up`.
    Link(Link),
    /// `:busy t 1`: somebody holds the row with this id on the replica, so that the applier waits there (the
    /// model: every row costs it a second).
    Busy(String, u64),
    /// `:free`: nobody does any more.
    Free,
    /// `:gap`: commits hang between the publication of the binlog and the engine.
    Gap,
    /// `:nogap`: they go on.
    NoGap,
    /// `:same t`: whether both servers hold the same rows of a table.
    Same(String),
    /// `:quit`: closes the connection.
    Quit,
    /// `:result`: what came of the statement that waited.
    Result,
    /// `:gtid SET`: commits an empty transaction under each of these GTIDs.
    Gtid(String),
    /// `:events`: the types of the events of the source's binlog, heads of files aside.
    Events,
    /// `:scheduled`: the events of the event scheduler, with their statuses.
    Scheduled,
    /// `:run`: the event scheduler is on for a while.
    Run,
}

/// A difference that is stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub versions: Vec<Asked>,
    pub model: String,
    pub server: String,
    pub why: String,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub text: String,
    pub host: Host,
    pub session: String,
    pub act: Act,
    pub may_wait: bool,
    pub differences: Vec<Difference>,
}

impl Line {
    /// Whether its outcome is an observation and not only a success.
    pub fn observes(&self) -> bool {
        match &self.act {
            Act::Status(_) | Act::Events | Act::Scheduled | Act::Same(_) | Act::Result => true,
            Act::Sql(sql) => sql.to_ascii_uppercase().starts_with("SELECT"),
            _ => false,
        }
    }
}

/// An experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Experiment {
    pub theme: String,
    pub name: String,
    pub about: String,
    pub on: Vec<Asked>,
    pub settings: Settings,
    pub lines: Vec<Line>,
}

/// A script that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadScript {
    file: String,
    line: usize,
    what: String,
}

impl fmt::Display for BadScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// Reads a file of experiments.
///
/// # Errors
/// The line, and what is wrong with it.
pub fn read(theme: &str, file: &str, text: &str) -> Result<Vec<Experiment>, BadScript> {
    let mut experiments: Vec<Experiment> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let bad = |what: String| BadScript {
            file: file.to_owned(),
            line: index + 1,
            what,
        };
        let trimmed = line.trim();
        if trimmed.is_empty() {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix("= ") {
            experiments.push(Experiment {
                theme: theme.to_owned(),
                name: name.to_owned(),
                about: String::new(),
                on: Asked::ALL.to_vec(),
                settings: Settings::default(),
                lines: Vec::new(),
            });
            continue;
        }
        let Some(experiment) = experiments.last_mut() else {
            return Err(bad("an experiment starts with `= NAME`".into()));
        };
        experiment.take(trimmed).map_err(bad)?;
    }
    Ok(experiments)
}

impl Experiment {
    fn take(&mut self, line: &str) -> Result<(), String> {
        if let Some(comment) = line.strip_prefix("# ") {
            if self.lines.is_empty() {
                self.about = [self.about.as_str(), comment].join(" ").trim().to_owned();
            }
            return Ok(());
        }
        if let Some(difference) = line.strip_prefix("! ") {
            let last = self.lines.last_mut().ok_or("a difference of no line")?;
            last.differences.push(difference_of(difference)?);
            return Ok(());
        }
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match word {
            "on" => self.on = versions(rest)?,
            "with" => rest
                .split_whitespace()
                .try_for_each(|word| self.settings.set(word))?,
            _ => self.lines.push(line_of(word, rest)?),
        }
        Ok(())
    }
}

fn versions(text: &str) -> Result<Vec<Asked>, String> {
    let read = |v: &str| Asked::read(v.trim()).ok_or(format!("`{v}` is not 5.6 or 9.7"));
    text.split(',').map(read).collect()
}

fn difference_of(text: &str) -> Result<Difference, String> {
    let parts: Vec<&str> = text.split(" | ").map(str::trim).collect();
    let [on, model, server, why] = parts[..] else {
        return Err("a difference is `! VERSIONS | MODEL | SERVER | WHY`".into());
    };
    Ok(Difference {
        versions: versions(on)?,
        model: model.to_owned(),
        server: server.to_owned(),
        why: why.to_owned(),
    })
}

impl Settings {
    fn set(&mut self, word: &str) -> Result<(), String> {
        let (key, value) = word.split_once('=').ok_or("a setting is KEY=VALUE")?;
        let flag = || match value {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(format!("`{value}` is not on or off")),
        };
        let number = || {
            value
                .parse()
                .map_err(|_| format!("`{value}` is not a number"))
        };
        match key {
            "gtid" => self.gtid = flag()?,
            "row_image" => self.row_image = value.to_uppercase(),
            "workers" => self.workers = number()?,
            "commit_order" => self.commit_order = flag()?,
            "idempotent" => self.idempotent = flag()?,
            "checksum" => self.checksum = flag()?,
            "sync_binlog" => self.sync_binlog = number()?,
            "relay_log_recovery" => self.relay_log_recovery = flag()?,
            "do_db" => self.filters.do_db = names(value),
            "ignore_db" => self.filters.ignore_db = names(value),
            "do_table" => self.filters.do_table = names(value),
            "ignore_table" => self.filters.ignore_table = names(value),
            "wild_do_table" => self.filters.wild_do_table = names(value),
            "wild_ignore_table" => self.filters.wild_ignore_table = names(value),
            _ => return Err(format!("no setting `{key}`")),
        }
        Ok(())
    }
}

fn names(value: &str) -> Vec<String> {
    value.split(',').map(str::to_owned).collect()
}

fn line_of(actor: &str, rest: &str) -> Result<Line, String> {
    let (host, session) = actor.split_once('.').unwrap_or((actor, ""));
    let host = match host {
        "source" => Host::Source,
        "replica" => Host::Replica,
        _ => return Err(format!("`{host}` is neither source nor replica")),
    };
    let (text, may_wait) = match rest.strip_suffix('&') {
        Some(text) => (text.trim(), true),
        None => (rest, false),
    };
    let act = match text.strip_prefix(':') {
        Some(words) => act_of(words)?,
        None => Act::Sql(repeated(text)?),
    };
    Ok(Line {
        text: format!("{actor} {rest}"),
        host,
        session: session.to_owned(),
        act,
        may_wait,
        differences: Vec::new(),
    })
}

/// The statement with its long text: `(a * 3)` stands for `aaa`.
fn repeated(text: &str) -> Result<String, String> {
    let Some((before, rest)) = text.split_once("'(") else {
        return Ok(text.to_owned());
    };
    let parts = rest.split_once(")'");
    let (what, times, after) = parts
        .and_then(|(inner, after)| {
            let (what, times) = inner.split_once(" * ")?;
            Some((what, times.parse().ok()?, after))
        })
        .ok_or("a long text is '(TEXT * TIMES)'")?;
    Ok(format!("{before}'{}'{after}", what.repeat(times)))
}

fn act_of(words: &str) -> Result<Act, String> {
    let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
    let rest = rest.trim();
    Ok(match verb {
        "mark" => Act::Mark(rest.to_owned()),
        "snapshot" => Act::Snapshot,
        "replicate" => Act::Replicate(from_of(rest)?),
        "wait" => Act::Wait(match rest {
            "applied" => Until::Applied,
            "stopped" => Until::Stopped,
            "refused" => Until::Refused,
            "connected" => Until::Connected,
            "disconnected" => Until::Disconnected,
            "received" => Until::Received,
            _ => return Err(format!("nothing to wait for: `{rest}`")),
        }),
        "status" => Act::Status(rest.split_whitespace().map(str::to_owned).collect()),
        "kill" => Act::Kill,
        "lose" => Act::Lose(rest.to_owned()),
        "start" => Act::Start,
        "twin" => Act::Twin,
        "sleep" => Act::Sleep(rest.parse().map_err(|_| "sleep for how many seconds?")?),
        "link" => Act::Link(match rest {
            "up" => Link::Up,
            "stalled" => Link::Stalled,
            "cut" => Link::Cut,
            _ => return Err(format!("a link is up, stalled or cut, not `{rest}`")),
        }),
        "busy" => {
            let (table, id) = rest.split_once(' ').ok_or("busy TABLE ID")?;
            Act::Busy(table.to_owned(), id.parse().map_err(|_| "busy TABLE ID")?)
        }
        "free" => Act::Free,
        "gap" => Act::Gap,
        "nogap" => Act::NoGap,
        "same" => Act::Same(rest.to_owned()),
        "quit" => Act::Quit,
        "result" => Act::Result,
        "gtid" => Act::Gtid(rest.to_owned()),
        "events" => Act::Events,
        "scheduled" => Act::Scheduled,
        "run" => Act::Run,
        _ => return Err(format!("no such act: `:{verb}`")),
    })
}

fn from_of(text: &str) -> Result<From, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |text: &str| {
        text.parse::<u64>()
            .map_err(|_| format!("`{text}` is not a number"))
    };
    Ok(match words[..] {
        ["auto"] => From::Auto,
        ["file", name, pos] => From::File(name.trim_matches('\'').to_owned(), number(pos)?),
        [mark] => From::Mark {
            mark: mark.to_owned(),
            event: None,
            bytes: 0,
        },
        [mark, "at", event] => From::Mark {
            mark: mark.to_owned(),
            event: Some(event.to_owned()),
            bytes: 0,
        },
        [mark, "+", bytes] => From::Mark {
            mark: mark.to_owned(),
            event: None,
            bytes: number(bytes)?,
        },
        _ => {
            return Err(
                "replicate auto, MARK, MARK at EVENT, MARK + BYTES or file NAME POS".into(),
            );
        }
    })
}
