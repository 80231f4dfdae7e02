//! `binlog apply`: a file followed on tables, from the beginning of a server and from mid-life.

use cutover_model::{
    binlog::verify::Input,
    follow::{Ended, Given, follow},
};

pub(super) fn run(input: &[u8]) {
    for name in ["binlog.000001", "binlog.000007"] {
        let files = [Input { name, bytes: input }];
        let followed = follow(&Given {
            files: &files,
            ..Given::default()
        });
        let Ok(followed) = followed else { continue };
        if let Ended::Stopped(stopped) = &followed.report.ended {
            let _ = stopped.message();
            assert!(stopped.pos <= input.len() as u64, "{}", stopped.message());
        }
        for (name, text) in followed.dump() {
            assert!(text.ends_with('\n'), "{name}");
        }
    }
}
