//! `--workload SPEC`: a generator's name, or `binlog:` and files.

use crate::{LoadError, document::Document};
use cutover_sim::workload_spec::{Kind, Workload};
use std::{path::PathBuf, str::FromStr};

/// A workload as one argument says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkloadArg {
    /// `orders`.
    Orders,
    /// `binlog:PATH[,PATH…]`: files, or folders of them.
    Binlog(Vec<PathBuf>),
}

const NAME: &str = "--workload";

impl FromStr for WorkloadArg {
    type Err = LoadError;

    fn from_str(text: &str) -> Result<Self, LoadError> {
        let document = Document::new(NAME, text);
        let refuse = |message: &str, span| {
            LoadError::new(NAME, message).at(&document.text, span).help(
                "write `orders`, or `binlog:` and files or folders: binlog:PATH[,PATH…]"
                    .to_string(),
            )
        };
        if text == "orders" {
            return Ok(Self::Orders);
        }
        let Some(paths) = text.strip_prefix("binlog:") else {
            return Err(refuse("this is no workload", 0..text.len()));
        };
        let mut found = Vec::new();
        let mut at = "binlog:".len();
        for path in paths.split(',') {
            if path.is_empty() {
                return Err(refuse("a path is missing here", at..at));
            }
            found.push(path.into());
            at += path.len() + 1;
        }
        Ok(Self::Binlog(found))
    }
}

impl WorkloadArg {
    /// Makes a workload this one; what both kinds have in common stays, and how its kind is read.
    pub(crate) fn apply(&self, workload: &mut Workload) {
        match self {
            Self::Orders => {
                workload.kind = Kind::Orders;
                workload.paths.clear();
                workload.schema = None;
                workload.stretch = false;
            }
            Self::Binlog(paths) => {
                workload.kind = Kind::Binlog;
                workload.paths.clone_from(paths);
                workload.tables.clear();
                workload.transactions.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_a_generator_or_binlog_files() {
        assert_eq!("orders".parse(), Ok(WorkloadArg::Orders));
        let files = WorkloadArg::Binlog(vec!["a/b.000001".into(), "c".into()]);
        assert_eq!("binlog:a/b.000001,c".parse(), Ok(files.clone()));
        let mut workload = Workload::default();
        files.apply(&mut workload);
        assert_eq!((workload.kind, workload.paths.len()), (Kind::Binlog, 2));
        (workload.schema, workload.stretch) = (Some("schema.sql".into()), true);
        WorkloadArg::Orders.apply(&mut workload);
        assert_eq!(workload, Workload::default());
    }

    #[test]
    fn nonsense_is_placed() {
        for (text, column) in [("", 1), ("binlog", 1), ("binlog:", 8), ("binlog:a,,b", 10)] {
            let error = text.parse::<WorkloadArg>().unwrap_err();
            assert_eq!(
                (error.line(), error.column()),
                (Some(1), Some(column)),
                "{text}"
            );
        }
    }
}
