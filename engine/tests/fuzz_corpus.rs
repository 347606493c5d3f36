//! The fuzz targets on the stable toolchain: every file of the corpus, and mutations of each from a
//! fixed seed. What panics here is a bug that `cargo fuzz` would report.

#![expect(clippy::unwrap_used, reason = "the corpus is there")]
#![expect(clippy::disallowed_methods, reason = "the corpus is files")]

extern crate sluice_engine as engine;

#[path = "../../fuzz/src/targets.rs"]
mod targets;

use std::path::PathBuf;

/// The corpus of a target, in the order of its names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "the corpus of `{target}` has {} files", files.len());
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// xorshift64*: chance that is the same on every machine.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

/// Pieces that mean something to one of the parsers.
const PIECES: [&str; 40] = [
    "{{",
    "}}",
    "\"",
    "'",
    "\\",
    "[",
    "]",
    "{",
    "}",
    ".",
    "*",
    "**",
    "|",
    "~",
    "0",
    "-1",
    "9999999999999999999999",
    "1e999",
    " and ",
    " not ",
    " if ",
    "null",
    "\\u0000",
    "\\ud800",
    "\u{202e}",
    "e\u{301}",
    "\u{feff}",
    "\0",
    "\n",
    "\t",
    "- ",
    ": ",
    "&a ",
    "*a",
    "<<: ",
    "now_plus_",
    "T",
    "P",
    "#",
    "%",
];

fn mutated(files: &[Vec<u8>], seed: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=chance.below(4) {
        let at = chance.below(bytes.len() + 1);
        let end = (at + chance.below(12)).min(bytes.len());
        match chance.below(6) {
            0 => drop(bytes.drain(at..end)),
            1 => bytes.splice(at..at, PIECES[chance.below(PIECES.len())].bytes()).for_each(drop),
            2 => bytes.splice(at..end, PIECES[chance.below(PIECES.len())].bytes()).for_each(drop),
            3 => {
                let copy = bytes[at..end].repeat(1 + chance.below(6));
                bytes.splice(at..at, copy).for_each(drop);
            }
            4 => {
                let other = &files[chance.below(files.len())];
                let from = chance.below(other.len());
                let to = (from + chance.below(40)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied()).for_each(drop);
            }
            _byte => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = u8::try_from(chance.below(256)).unwrap();
                }
            }
        }
    }
    bytes
}

/// Runs the corpus of a target, and `rounds` mutations of each of its files.
fn smoke(target: &str, rounds: usize, run: fn(&[u8])) {
    let files = corpus(target);
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    for file in &files {
        run(file);
        for _ in 0..rounds {
            let bytes = mutated(&files, file, &mut chance);
            // A panic alone would not say on which bytes.
            let shown = std::panic::catch_unwind(|| run(&bytes));
            assert!(shown.is_ok(), "`{target}` fails on {:?}", String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn definitions() {
    smoke("definition", 60, targets::definition);
}

#[test]
fn templates() {
    smoke("template", 600, targets::template);
}

#[test]
fn conditions() {
    smoke("condition", 600, targets::condition);
}

#[test]
fn lengths_of_time() {
    smoke("duration", 2_000, targets::duration);
}

#[test]
fn paths() {
    smoke("path", 1_000, targets::path);
}

#[test]
fn patterns_of_events() {
    smoke("pattern", 2_000, targets::pattern);
}

#[test]
fn schedules() {
    smoke("cron", 300, targets::cron);
}
