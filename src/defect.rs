//! A panic is a defect of cutover, never the user's fault: say so, say what to send, exit with 70.

use crate::exit::Status;
use std::{
    cell::RefCell,
    io::Write,
    panic::{self, PanicHookInfo},
};

thread_local! {
    static DOING: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Notes what this thread is about to do (`orders, strategy naive, seed 7`), for the report of a panic.
pub fn doing(what: &str) {
    DOING.with_borrow_mut(|doing| {
        doing.clear();
        doing.push_str(what);
    });
}

/// From now on a panic on any thread prints a report and ends the process with status 70.
pub fn install(again: String) {
    panic::set_hook(Box::new(move |info| {
        let doing = DOING.with_borrow(Clone::clone);
        let text = report(&again, &doing, &message(info));
        // There is nobody left to tell that standard error is gone.
        let _ = std::io::stderr().write_all(text.as_bytes());
        std::process::exit(i32::from(Status::Defect.code()));
    }));
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let what = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    match info.location() {
        Some(place) => format!("{what} ({}:{})", place.file(), place.line()),
        None => what.to_string(),
    }
}

fn report(again: &str, doing: &str, message: &str) -> String {
    let mut text = format!(
        "\nThis is a defect of cutover, not of your scenario. No result can be trusted.\n\n  \
         version:    {} ({}-{})\n  what:       {message}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS,
    );
    if !doing.is_empty() {
        text.push_str(&format!("  during:     {doing}\n"));
    }
    text.push_str(&format!("  reproduce:  {again}\n\n"));
    text.push_str("Please report it with these lines and the files that the command names.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    #[ignore = "panics on purpose; run by the test below in a process of its own"]
    fn panics_on_a_thread_of_its_own() {
        install("cutover run orders --seed 7".into());
        let _ = std::thread::Builder::new()
            .spawn(|| {
                doing("orders, strategy mine, seed 7");
                panic!("the sky has fallen");
            })
            .unwrap()
            .join();
    }

    #[test]
    fn a_panic_on_any_thread_ends_the_process_with_70_and_says_how_to_reproduce_it() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "defect::tests::panics_on_a_thread_of_its_own",
                "--ignored",
                "--nocapture",
            ])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stderr);
        assert_eq!(child.status.code(), Some(70), "{said}");
        for part in [
            "the sky has fallen",
            "orders, strategy mine, seed 7",
            "cutover run orders --seed 7",
            env!("CARGO_PKG_VERSION"),
        ] {
            assert!(said.contains(part), "{part} is missing in {said}");
        }
    }
}
