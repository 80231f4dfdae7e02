//! The captures of real servers that lie in the repository.

use cutover_model::gtid::GtidSet;
use std::fs;
use std::path::Path;

/// A recorded history.
pub struct Capture {
    /// Folder.
    pub name: String,
    /// Files by name, in order.
    pub files: Vec<(String, Vec<u8>)>,
    /// What the server had executed at the end.
    pub executed: Option<GtidSet>,
}

/// All captures under `tests/captures`.
pub fn captures() -> Vec<Capture> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/captures");
    let mut found = Vec::new();
    for folder in fs::read_dir(&root).expect("the captures") {
        let folder = folder.expect("a folder").path();
        let Ok(json) = fs::read(folder.join("capture.json")) else {
            continue;
        };
        let json: serde_json::Value = serde_json::from_slice(&json).expect("capture.json");
        let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(&folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry"))
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("binlog.0"))
            .map(|entry| {
                (
                    entry.file_name().to_string_lossy().into_owned(),
                    fs::read(entry.path()).expect("a file"),
                )
            })
            .collect();
        files.sort();
        let executed = json["end"]["gtid"].as_str();
        found.push(Capture {
            name: folder
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned(),
            files,
            executed: executed
                .filter(|text| !text.is_empty())
                .map(|text| text.parse().expect("a GTID set")),
        });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(
        !found.is_empty(),
        "there are captures in {}",
        root.display()
    );
    found
}

/// The captures of servers with the settings that our writer writes for: full images and metadata, checksums,
/// GTIDs without tags, no partitions, and sessions that set nothing.
pub fn written_as_ours() -> Vec<Capture> {
    const THEIRS: [&str; 8] = [
        "cascade-mysql56",
        "cascade-mysql97",
        "compressed-mysql97",
        "ddl-mysql56",
        "ddl-mysql97",
        "orders-mysql56",
        "orders-mysql97",
        "types-mysql56",
    ];
    let mut captures = captures();
    captures.retain(|capture| THEIRS.contains(&&*capture.name));
    assert_eq!(captures.len(), THEIRS.len(), "the captures are there");
    captures
}
