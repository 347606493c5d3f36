//! What suites find, and the table of it.

use std::fmt::Write as _;

use super::accepted::Accepted;

/// One thing that a suite does not like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The same for the same thing in every run.
    pub id: String,
    /// What it is, in a line.
    pub text: String,
}

/// How a suite ended.
#[derive(Debug)]
pub enum Outcome {
    /// It ran; a summary, and what it found.
    Ran(String, Vec<Finding>),
    /// It could not run, and why.
    Skipped(String),
}

impl Outcome {
    /// The same, after which the server was gone.
    pub fn and_died(self) -> Self {
        let dead = Finding { id: "server-died".to_owned(), text: "the server did not answer afterwards".to_owned() };
        match self {
            Self::Ran(summary, mut findings) => {
                findings.push(dead);
                Self::Ran(summary, findings)
            }
            Self::Skipped(why) => Self::Ran(why, vec![dead]),
        }
    }

    /// What scripts print: `FINDING`, id and text, or `SUMMARY` and text, with tabs between.
    ///
    /// A script that prints no summary did not get to its end.
    pub fn of_script(output: &str) -> Self {
        let mut summary = None;
        let mut findings = Vec::new();
        for line in output.lines() {
            let mut parts = line.splitn(3, '\t');
            match (parts.next(), parts.next(), parts.next()) {
                (Some("FINDING"), Some(id), Some(text)) => {
                    findings.push(Finding { id: id.to_owned(), text: text.to_owned() });
                }
                (Some("SUMMARY"), Some(text), None) => summary = Some(text.to_owned()),
                _other => {}
            }
        }
        match summary {
            Some(summary) => Self::Ran(summary, findings),
            None => Self::Skipped(format!("the script broke off: {}", output.lines().last().unwrap_or("no output"))),
        }
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    suite: &'static str,
    summary: String,
    state: State,
    accepted: Vec<Finding>,
    open: Vec<Finding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    Findings,
    Skipped,
}

impl Row {
    pub fn new(suite: &'static str, outcome: Outcome, accepted: &Accepted) -> Self {
        match outcome {
            Outcome::Skipped(why) => {
                Self { suite, summary: why, state: State::Skipped, accepted: Vec::new(), open: Vec::new() }
            }
            Outcome::Ran(summary, findings) => {
                let (accepted, open): (Vec<_>, Vec<_>) =
                    findings.into_iter().partition(|finding| accepted.holds(suite, &finding.id));
                let state = if open.is_empty() { State::Ok } else { State::Findings };
                Self { suite, summary, state, accepted, open }
            }
        }
    }

    pub fn is_good(&self) -> bool {
        self.state != State::Findings
    }
}

/// All rows, and below each what was found.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let state = match row.state {
            State::Ok => "ok",
            State::Findings => "findings",
            State::Skipped => "skipped",
        };
        let summary = row.summary.lines().next().unwrap_or_default();
        writeln!(text, "{:<14} {state:<9} {summary}", row.suite).expect("writing to a string cannot fail");
        for finding in &row.open {
            writeln!(text, "    {}: {}", finding.id, finding.text).expect("writing to a string cannot fail");
        }
        if !row.accepted.is_empty() {
            writeln!(text, "    accepted with reasons: {}", row.accepted.len())
                .expect("writing to a string cannot fail");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_breaks_off_is_not_taken_for_a_good_one() {
        assert!(matches!(Outcome::of_script("FINDING\ta\tb\n"), Outcome::Skipped(_)));
        let Outcome::Ran(summary, findings) = Outcome::of_script("FINDING\ta\tb c\nnoise\nSUMMARY\t3 of 4\n") else {
            unreachable!("there is a summary");
        };
        assert_eq!(summary, "3 of 4");
        assert_eq!(findings, [Finding { id: "a".to_owned(), text: "b c".to_owned() }]);
    }

    #[test]
    fn a_finding_that_nobody_accepted_fails_the_run_and_a_suite_that_could_not_run_does_not() {
        let finding = || vec![Finding { id: "a".to_owned(), text: "b".to_owned() }];
        let nothing = Accepted::default();
        assert!(!Row::new("s", Outcome::Ran(String::new(), finding()), &nothing).is_good());
        assert!(Row::new("s", Outcome::Ran(String::new(), Vec::new()), &nothing).is_good());
        assert!(Row::new("s", Outcome::Skipped("not here".to_owned()), &nothing).is_good());
        assert!(!Row::new("s", Outcome::Skipped("x".to_owned()).and_died(), &nothing).is_good());
    }
}
