//! The mutants of a plan: known, and built in.

use super::Problem;
use crate::{
    LoadError,
    document::Part,
    serde_message::{clip, nearest},
};
use cutover_sim::mutant::{CATALOGUE, MutantError, Mutants};

const BUILD: &str =
    "build it with them: `cargo build --features mutants`; or leave the mutants out";

/// Checks each name.
pub(crate) fn mutants(names: &[String]) -> Result<(), Problem> {
    for (index, name) in names.iter().enumerate() {
        if let Some((message, help)) = refused(name) {
            let path = vec![Part::Key("mutants"), Part::Index(index)];
            return Err(Problem::new(path, message, help));
        }
    }
    Ok(())
}

/// The same for names from a command line.
///
/// # Errors
/// [`LoadError`] names the argument, and says what would be right.
pub fn check_mutants(names: &[String]) -> Result<(), LoadError> {
    match names.iter().find_map(refused) {
        None => Ok(()),
        Some((message, help)) => Err(LoadError::new("--mutant", message).help(help)),
    }
}

/// Why a mutant cannot be had, and what to do.
fn refused(name: &String) -> Option<(String, String)> {
    match Mutants::named(std::slice::from_ref(name)).err()? {
        MutantError::NotBuilt(name) => Some((
            format!("this cutover is built without mutants, and `{name}` is one"),
            BUILD.into(),
        )),
        MutantError::Unknown(name) => {
            let did_you_mean = match nearest(&name, CATALOGUE.iter().map(|facts| facts.name)) {
                Some(near) => format!("; did you mean `{near}`?"),
                None => String::new(),
            };
            Some((
                format!("there is no mutant `{}`{did_you_mean}", clip(&name)),
                "`cutover list mutants` has them all".into(),
            ))
        }
    }
}
