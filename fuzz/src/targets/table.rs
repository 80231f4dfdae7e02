//! A `.jsonl` table with columns of every type: what was loaded is dumped, loaded and dumped again.

use super::{text, value};
use crate::corpus;
use cutover_model::{
    Arena,
    database::{Database, TableId},
};

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = corpus::of_captures(".jsonl");
    seeds.retain(|seed| seed.len() < 20_000);
    let (mut database, mut arena, id) = value::database();
    let text = "[\"i\",\"vc\",\"dt\",\"js\"]\n[\"1\",\"é\\u0041\",\"2024-02-29 01:02:03.456789\",\"{\\\"a\\\": [1, 2.5e10]}\"]\n[\"2\",null,null,null]\n";
    database
        .load_jsonl(&mut arena, id, text)
        .expect("the table");
    seeds.push(text.into());
    seeds.push(dump(&database, &arena, id).into_bytes());
    seeds
}

pub(super) fn run(input: &[u8]) {
    let Some(text) = text(input) else { return };
    let (mut database, mut arena, id) = value::database();
    if database.load_jsonl(&mut arena, id, text).is_err() {
        return;
    }
    let once = dump(&database, &arena, id);
    let (mut database, mut arena, id) = value::database();
    database
        .load_jsonl(&mut arena, id, &once)
        .unwrap_or_else(|error| panic!("its own dump is refused: {error}\n{once}"));
    let twice = dump(&database, &arena, id);
    assert_eq!(once, twice, "a dump loads as what it is");
}

fn dump(database: &Database, arena: &Arena, id: TableId) -> String {
    let mut text = String::new();
    database
        .dump_table(arena, id, &mut |line| {
            text.push_str(line);
            text.push('\n');
        })
        .expect("the table is there");
    text
}
