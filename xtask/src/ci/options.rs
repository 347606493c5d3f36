//! The command line of `cargo ci`.

use super::stages;
use crate::failure::Failure;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    List,
    Run(Options),
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Names of the stages to run; all of them if empty.
    pub only: Vec<String>,
    /// Later stages run although an earlier one failed.
    pub keeps_going: bool,
    /// Output is shown while it comes, not only after a failure.
    pub is_verbose: bool,
}

impl Options {
    pub fn wants(&self, stage: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == stage)
    }
}

pub fn parse(arguments: &[String]) -> Result<Answer, Failure> {
    let mut options = Options::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--list" => return Ok(Answer::List),
            "--keep-going" => options.keeps_going = true,
            "--verbose" | "-v" => options.is_verbose = true,
            "--only" => options.only.push(stage_name(rest.next().map(String::as_str))?),
            other => match other.strip_prefix("--only=") {
                Some(name) => options.only.push(stage_name(Some(name))?),
                None => return Err(Failure::usage(format!("cargo ci does not know `{other}`"))),
            },
        }
    }
    Ok(Answer::Run(options))
}

fn stage_name(name: Option<&str>) -> Result<String, Failure> {
    let known: Vec<&str> = stages::ALL.iter().map(|stage| stage.name).collect();
    match name {
        Some(name) if known.contains(&name) => Ok(name.to_owned()),
        Some(name) => Err(Failure::usage(format!("`{name}` is not a stage; there are {}", known.join(", ")))),
        None => Err(Failure::usage(format!("--only needs a stage: {}", known.join(", ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Answer, Failure> {
        parse(&arguments.iter().map(|&argument| argument.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn only_the_named_stages_run() {
        let Answer::Run(options) = parsed(&["--only", "clippy", "--only=tests", "--keep-going"]).unwrap() else {
            panic!("a run was asked for");
        };
        assert!(options.wants("clippy") && options.wants("tests") && !options.wants("format"));
        assert!(options.keeps_going && !options.is_verbose);
    }

    #[test]
    fn without_a_choice_every_stage_runs() {
        let Answer::Run(options) = parsed(&[]).unwrap() else { panic!("a run was asked for") };
        assert!(stages::ALL.iter().all(|stage| options.wants(stage.name)));
    }

    #[test]
    fn a_wrong_stage_is_answered_with_the_right_ones() {
        let failure = parsed(&["--only", "test"]).unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().contains("tests"), "{failure}");
    }
}
