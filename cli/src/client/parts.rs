//! Files with the JSON of one item a line, in parts that the server takes.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::Failure;

/// Most items, and bytes of their lines, that are sent together.
const MOST: usize = 1_000;
const MOST_BYTES: usize = 256 * 1_024;

/// The lines of a file that are left to send.
pub struct Parts {
    file: PathBuf,
    lines: Lines<Box<dyn BufRead>>,
    /// A line that had no room in the part before, with its number.
    held: Option<(usize, String)>,
    /// Number of lines that were read.
    read: usize,
}

impl Parts {
    /// Of a file, or of standard input where it is called `-`.
    pub fn of(file: &Path) -> Result<Self, Failure> {
        Ok(Self { file: file.to_owned(), lines: open(file)?.lines(), held: None, read: 0 })
    }

    /// The next items, each with the number of its line; none when all were given.
    pub fn part(&mut self) -> Result<Vec<(usize, Value)>, Failure> {
        let (mut items, mut bytes) = (Vec::new(), 0);
        while let Some((number, line)) = self.line()? {
            if items.len() == MOST || (!items.is_empty() && bytes + line.len() > MOST_BYTES) {
                self.held = Some((number, line));
                break;
            }
            let item = serde_json::from_str(&line).map_err(|problem| {
                Failure::usage(format!("{}, line {number}: not JSON: {problem}", self.file.display()))
            })?;
            bytes += line.len();
            items.push((number, item));
        }
        Ok(items)
    }

    /// How many lines were read until now, empty ones too.
    pub fn read(&self) -> usize {
        self.read
    }

    /// The next line that says something.
    fn line(&mut self) -> Result<Option<(usize, String)>, Failure> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        for line in self.lines.by_ref() {
            let line =
                line.map_err(|problem| Failure::of(&format!("{} cannot be read", self.file.display()), &problem))?;
            self.read += 1;
            if !line.trim().is_empty() {
                return Ok(Some((self.read, line)));
            }
        }
        Ok(None)
    }
}

fn open(file: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let opened = std::fs::File::open(file);
    let opened = opened.map_err(|problem| Failure::of(&format!("{} cannot be read", file.display()), &problem))?;
    Ok(Box::new(BufReader::new(opened)))
}
