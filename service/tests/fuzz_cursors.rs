//! The fuzz target of cursors on the stable toolchain: every file of its corpus, and each with one byte changed, left
//! out or doubled, at every place.

extern crate sluice_service as service;

#[path = "../../fuzz/src/cursors.rs"]
mod cursors;

use std::path::PathBuf;

#[test]
fn no_text_is_a_cursor_that_nobody_sealed_and_none_makes_the_reader_panic() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/cursor");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "the corpus of cursors has {} files", files.len());
    for file in files {
        let text = std::fs::read(file).unwrap();
        cursors::cursor(&text);
        for place in 0..text.len() {
            let (mut changed, mut shorter, mut longer) = (text.clone(), text.clone(), text.clone());
            changed[place] ^= 1;
            shorter.remove(place);
            longer.insert(place, text[place]);
            for text in [changed, shorter, longer] {
                cursors::cursor(&text);
            }
        }
    }
}
