//! What clients asked and what came of it, in memory for the checker and in a file for people.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde_json::{Value, json};

/// What an execution has to come to when nobody interferes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Completed, with the decision to allow.
    Allowed,
    /// Completed, with the decision to block.
    Blocked,
    /// Completed, as the client that answered first has decided.
    Decided,
}

/// One start that a client tried until it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Workflow.
    pub workflow: String,
    /// What it has to come to.
    pub expected: Expected,
    /// Every id that was answered for its key; empty when nothing was answered before the load stopped.
    pub executions: Vec<String>,
}

/// What the client was told about a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// Accepted, at this time in Unix milliseconds.
    Accepted(i64),
    /// Refused, or never answered: it may or may not have come through before.
    Unknown,
}

/// One item of a subscription to an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its cursor.
    pub cursor: String,
    /// Id of the event; nothing in the first item of a subscription from now.
    pub event: Option<String>,
    /// Commit that wrote the event.
    pub sequence: i64,
    /// The event ends the execution.
    pub is_end: bool,
}

/// A subscription that was followed to its end, over as many connections as it took.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Followed {
    /// What came.
    pub items: Vec<Item>,
    /// The server has completed it.
    pub completed: bool,
}

/// All of it, by the key of the start.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Starts.
    pub starts: BTreeMap<String, Start>,
    /// Cancellations.
    pub cancels: BTreeMap<String, Cancelled>,
    /// Answers to approvals that were taken: approved or rejected.
    pub decisions: BTreeMap<String, Vec<bool>>,
    /// Subscriptions.
    pub followed: BTreeMap<String, Followed>,
    /// Answers that no fault explains.
    pub surprises: Vec<String>,
    /// Answers by kind: `ok`, `fail` (refused, nothing happened), `info` (unknown).
    pub answers: BTreeMap<&'static str, u64>,
}

/// Takes everything down while the run goes on.
#[derive(Debug)]
pub struct Recorder {
    file: Mutex<File>,
    history: Mutex<History>,
}

impl Recorder {
    /// Writes to `history.jsonl` in the run's folder.
    pub fn create(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("history.jsonl");
        let file = File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Self { file: Mutex::new(file), history: Mutex::default() })
    }

    /// Adds a line to the file.
    pub fn line(&self, kind: &str, key: &str, outcome: &str, detail: Value) {
        let line = json!({ "at": now_ms(), "kind": kind, "key": key, "outcome": outcome, "detail": detail });
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(problem) = writeln!(file, "{line}") {
            eprintln!("the history cannot be written: {problem}");
        }
    }

    /// Changes what the checker will see.
    pub fn note<T>(&self, change: impl FnOnce(&mut History) -> T) -> T {
        change(&mut self.history.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts an answer, and writes it down.
    pub fn answered(&self, kind: &str, key: &str, outcome: &'static str, detail: Value) {
        self.note(|history| *history.answers.entry(outcome).or_default() += 1);
        self.line(kind, key, outcome, detail);
    }

    /// What there is so far.
    #[must_use]
    pub fn history(&self) -> History {
        self.note(|history| history.clone())
    }
}

/// Unix milliseconds.
#[must_use]
pub fn now_ms() -> i64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(passed.as_millis()).unwrap_or(i64::MAX)
}
