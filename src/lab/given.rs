//! Servers that `cutover lab` is given: which, and the passwords, which no command line shows.

use crate::{failure::Failure, output};
use cutover::{
    lab::rehearsal::servers::{
        Door,
        given::Pair,
        place::{Address, Place},
    },
    sim::plan::Plan,
};
use std::path::{Path, PathBuf};

/// Where passwords are looked for without a file.
const VARIABLES: [&str; 2] = ["CUTOVER_SOURCE_PASSWORD", "CUTOVER_TARGET_PASSWORD"];

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Servers that are given, instead of own ones")]
pub struct GivenArgs {
    /// A scratch server for the source, MySQL 8.4 or later; its password is in $CUTOVER_SOURCE_PASSWORD
    #[arg(long, value_name = "USER@HOST[:PORT]", requires = "target")]
    source: Option<Place>,
    /// Another for the target; its password is in $CUTOVER_TARGET_PASSWORD
    #[arg(long, value_name = "USER@HOST[:PORT]", requires = "source")]
    target: Option<Place>,
    /// The source's password: the first line of a file
    #[arg(long, value_name = "FILE", requires = "source")]
    source_password_file: Option<PathBuf>,
    /// The target's password: the first line of a file
    #[arg(long, value_name = "FILE", requires = "target")]
    target_password_file: Option<PathBuf>,
    /// Where the target finds the source, if not where you do
    #[arg(long, value_name = "HOST[:PORT]", requires = "source")]
    replicate_from: Option<Address>,
    /// Take servers that hold other schemas, too: these stay as they are, binlogs and GTIDs are reset all the same
    #[arg(long, requires = "source")]
    allow_schemas: bool,
}

impl GivenArgs {
    /// Looks at the servers, and says what is going to happen to them; none when none are given.
    ///
    /// # Errors
    /// A password cannot be read, or a server does not do.
    pub fn open(&self, plan: &Plan) -> Result<Option<Pair>, Failure> {
        let (Some(source), Some(target)) = (&self.source, &self.target) else {
            return Ok(None);
        };
        let [of_source, of_target] = VARIABLES;
        let doors = [
            door(source, self.source_password_file.as_deref(), of_source)?,
            door(target, self.target_password_file.as_deref(), of_target)?,
        ];
        let mut pair = Pair::open(doors, &plan.environment, self.allow_schemas)?;
        pair.replicate_from.clone_from(&self.replicate_from);
        output::complain(&output::paint::tame(&pair.intent()));
        Ok(Some(pair))
    }

    /// The arguments again.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        for (option, place) in [("--source", &self.source), ("--target", &self.target)] {
            let place = place.as_ref().map(ToString::to_string);
            words.extend(place.map(|place| [option.to_string(), place]));
        }
        for (option, file) in [
            ("--source-password-file", &self.source_password_file),
            ("--target-password-file", &self.target_password_file),
        ] {
            let file = file.as_ref().map(|file| file.display().to_string());
            words.extend(file.map(|file| [option.to_string(), file]));
        }
        let from = self.replicate_from.as_ref().map(ToString::to_string);
        words.extend(from.map(|from| ["--replicate-from".to_string(), from]));
        let mut words: Vec<String> = words.into_iter().flatten().collect();
        if self.allow_schemas {
            words.push("--allow-schemas".into());
        }
        words
    }

    /// Source and target, as they were named.
    pub fn named(&self) -> [Option<String>; 2] {
        [&self.source, &self.target].map(|place| place.as_ref().map(ToString::to_string))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a password changes no outcome, and must not stand on a command line"
)]
fn door(place: &Place, file: Option<&Path>, variable: &str) -> Result<Door, Failure> {
    let password = match file {
        Some(file) => super::password(file)?,
        None => std::env::var(variable).unwrap_or_default(),
    };
    Ok(Door {
        address: place.address.clone(),
        user: place.user.clone(),
        password,
    })
}
