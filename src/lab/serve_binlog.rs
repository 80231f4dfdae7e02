//! `cutover serve-binlog`: binlog files, as the source that wrote them, for a real replica.

use crate::{
    args::Format,
    exit::Status,
    failure::Failure,
    interrupt::Interrupt,
    output::{
        self, json,
        numbers::thousands,
        paint::{STRONG, hang, paint, tame},
    },
};
use clap::ValueEnum;
use cutover::{
    lab::serve::{Account, Ended, FileSource, GtidMode, Options, View},
    model::{gtid::Uuid, replica::refusal::Source},
};
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  cutover run orders-small --set workload.existing_rows=0 --set source.binlog_retention=24h --binlog-out b
  cutover serve-binlog b
  cutover serve-binlog /var/lib/mysql --base binlog --port 0 --format json

and on the replica, an unmodified mysqld:
  CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = 3307, SOURCE_USER = 'any', SOURCE_SSL = 0,
    SOURCE_AUTO_POSITION = 1;
  START REPLICA;

Exit status: 0 after --until-served; 2 the folder cannot be served or the port is taken; 130 after Ctrl-C.";

/// Serve binlog files to a real replica, as the source that wrote them would
///
/// Listens on 127.0.0.1 alone. Speaks as much of MySQL's protocol as a replica does, by position and by GTID, and
/// refuses what a real source refuses, in its words. Files that grow or appear are served on. What happens is told on
/// standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The folder of binlog files
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Port on 127.0.0.1; 0: any that is free
    #[arg(long, value_name = "PORT", default_value_t = 3307)]
    port: u16,
    /// Name of the files without their numbers, where the folder has those of several servers
    #[arg(long, value_name = "NAME")]
    base: Option<String>,
    /// server_id of the source, instead of what the files tell
    #[arg(long, value_name = "N")]
    server_id: Option<u32>,
    /// server_uuid of the source, instead of what the files tell
    #[arg(long, value_name = "UUID")]
    server_uuid: Option<Uuid>,
    /// gtid_mode of the source, instead of what the last transaction tells
    #[arg(long, value_name = "MODE", value_enum, ignore_case = true)]
    gtid_mode: Option<Mode>,
    /// The only account that is let in; anybody without
    #[arg(long, value_name = "NAME", requires = "password_file")]
    user: Option<String>,
    /// Its password: the first line of a file
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// End, with status 0, when a replica that was sent everything has left
    #[arg(long)]
    until_served: bool,
}

/// `gtid_mode`, as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mode {
    Off,
    #[value(name = "off_permissive")]
    OffPermissive,
    #[value(name = "on_permissive")]
    OnPermissive,
    On,
}

#[derive(Debug, Serialize)]
struct ServedJson {
    schema: &'static str,
    address: String,
    port: u16,
    server_uuid: String,
    server_id: u32,
    server_version: String,
    gtid_mode: &'static str,
    gtid_executed: String,
    gtid_purged: String,
    files: Vec<ServedFileJson>,
}

#[derive(Debug, Serialize)]
struct ServedFileJson {
    file: String,
    length: u64,
}

/// Does it.
pub fn execute(args: &Args, format: Format, interrupt: &Interrupt) -> Result<Status, Failure> {
    let source = FileSource::open(&args.folder, args.options()?)?;
    let view = source.view()?;
    output::print(&match format {
        Format::Json => json::text(&about(&source, &view)),
        Format::Text => text(&about(&source, &view), output::width()),
    })?;
    let _held = interrupt.hold();
    let say = |what: &str| output::complain(&format!("{}\n", tame(what)));
    match source.run(|| interrupt.asked(), &say)? {
        Ended::Served => Ok(Status::Holds),
        Ended::Stopped => Ok(Status::Interrupted),
    }
}

impl Args {
    fn options(&self) -> Result<Options, Failure> {
        let account = match (&self.user, &self.password_file) {
            (Some(user), Some(file)) => Some(Account {
                user: user.clone(),
                password: super::password(file)?,
            }),
            _ => None,
        };
        Ok(Options {
            port: self.port,
            base: self.base.clone(),
            server_id: self.server_id,
            uuid: self.server_uuid,
            gtid_mode: self.gtid_mode.map(|mode| match mode {
                Mode::Off => GtidMode::Off,
                Mode::OffPermissive => GtidMode::OffPermissive,
                Mode::OnPermissive => GtidMode::OnPermissive,
                Mode::On => GtidMode::On,
            }),
            account,
            until_served: self.until_served,
        })
    }
}

fn about(source: &FileSource, view: &View) -> ServedJson {
    let identity = source.identity();
    ServedJson {
        schema: json::SCHEMA,
        address: source.address().to_string(),
        port: source.address().port(),
        server_uuid: identity.uuid.to_string(),
        server_id: identity.server_id,
        server_version: identity.version_text.clone(),
        gtid_mode: view.gtid_mode().name(),
        gtid_executed: view.executed().to_string(),
        gtid_purged: view.purged().to_string(),
        files: view
            .files()
            .map(|(file, length)| ServedFileJson { file, length })
            .collect(),
    }
}

fn text(about: &ServedJson, width: usize) -> String {
    let mut out = format!(
        "Serving on {}; Ctrl-C ends it.\n\n",
        paint(STRONG, &about.address)
    );
    let mut lines = vec![format!(
        "server {} (id {}, uuid {}), gtid_mode {}",
        about.server_version, about.server_id, about.server_uuid, about.gtid_mode
    )];
    for file in &about.files {
        lines.push(format!("{}, {} bytes", file.file, thousands(file.length)));
    }
    if !about.gtid_executed.is_empty() {
        lines.push(format!("executed {}", about.gtid_executed));
    }
    if !about.gtid_purged.is_empty() {
        lines.push(format!(
            "purged {}: a replica that follows by GTID must have these already",
            about.gtid_purged
        ));
    }
    for line in lines {
        hang(&mut out, "  ", 4, &tame(&line), width);
    }
    out
}

/// With every field, for the test that each is documented.
#[cfg(test)]
pub fn canned() -> impl Serialize {
    ServedJson {
        schema: json::SCHEMA,
        address: "127.0.0.1:3307".into(),
        port: 3307,
        server_uuid: String::new(),
        server_id: 1,
        server_version: String::new(),
        gtid_mode: "ON",
        gtid_executed: String::new(),
        gtid_purged: String::new(),
        files: vec![ServedFileJson {
            file: String::new(),
            length: 4,
        }],
    }
}
