//! A schema file: split into statements, each of them placed, parsed and executed.

use super::text;
use crate::corpus;
use cutover_model::{
    Arena,
    database::Database,
    ddl::{self, Context, Version},
};

pub(super) fn seeds() -> Vec<Vec<u8>> {
    corpus::of_captures(".sql")
}

pub(super) fn run(input: &[u8]) {
    let Some(text) = text(input) else { return };
    let lines = text.split('\n').count();
    match ddl::parse_script(text, &Context::new("", Version::V8_0)) {
        Ok(statements) => {
            let (mut arena, mut database) = (Arena::default(), Database::default());
            for placed in statements {
                assert!(placed.line as usize <= lines);
                if ddl::apply(&mut database, &mut arena, &placed.statement).is_err() {
                    return;
                }
            }
        }
        Err(error) => assert!(error.line >= 1 && error.line as usize <= lines, "{error}"),
    }
}
