//! `cargo ci`: every check and every test, a line per stage.

mod counts;
mod options;
mod output;
mod stages;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use counts::Counts;
use options::{Answer, Options};
use stages::Stage;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::services::{self, Durability, Services};
use crate::workspace::Workspace;

/// What the stages share.
pub struct Run<'a> {
    workspace: &'a Workspace,
    interrupt: Interrupt,
    is_verbose: bool,
    counts: Counts,
    services: Option<Services>,
}

/// How a stage ended, if nothing prevented it from running.
pub enum Outcome {
    /// All is well; a remark for its line, or nothing.
    Passed(String),
    /// It did not run, and why.
    Skipped(String),
    /// It found something.
    Failed(Finding),
}

/// What to show of a stage that failed.
pub struct Finding {
    /// The command that shows the same, as one would type it.
    command: String,
    /// The end of the output.
    excerpt: String,
    /// The whole output, if there is a file with it.
    log: Option<PathBuf>,
}

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode, Failure> {
    let options = match options::parse(arguments)? {
        Answer::Run(options) => options,
        Answer::List => {
            for stage in stages::ALL {
                println!("{:<10} {}", stage.name, stage.about);
            }
            return Ok(ExitCode::SUCCESS);
        }
    };
    let mut run = Run {
        workspace,
        interrupt: Interrupt::install()?,
        is_verbose: options.is_verbose,
        counts: Counts::default(),
        services: None,
    };
    let result = run.stages(&options);
    // The servers stop before the last line, so that it is the last one.
    run.services = None;
    println!("{}", run.counts);
    result
}

impl Run<'_> {
    fn stages(&mut self, options: &Options) -> Result<ExitCode, Failure> {
        let begun = Instant::now();
        let mut failed = Vec::new();
        for stage in stages::ALL.iter().filter(|stage| options.wants(stage.name)) {
            if self.stage(stage)? {
                continue;
            }
            failed.push(stage.name);
            if !options.keeps_going {
                break;
            }
        }
        if failed.is_empty() {
            println!("all stages passed in {}", shown(begun.elapsed()));
            return Ok(ExitCode::SUCCESS);
        }
        println!("failed: {}", failed.join(", "));
        Ok(ExitCode::FAILURE)
    }

    /// Runs one stage and prints its line; whether it passed.
    fn stage(&mut self, stage: &Stage) -> Result<bool, Failure> {
        if self.is_verbose {
            println!("       {}: {}", stage.name, stage.about);
        }
        let begun = Instant::now();
        let failures_before = self.counts.failed;
        let outcome = (stage.run)(self);
        let took = shown(begun.elapsed());
        match outcome {
            Ok(Outcome::Passed(remark)) => {
                println!("ok     {:<10} {took:>8}  {remark}", stage.name);
                Ok(true)
            }
            Ok(Outcome::Skipped(reason)) => {
                println!("skip   {:<10} {took:>8}  {reason}", stage.name);
                Ok(true)
            }
            Ok(Outcome::Failed(finding)) => {
                println!("FAILED {:<10} {took:>8}", stage.name);
                finding.print(stage.name);
                self.count_failed_stage(failures_before);
                Ok(false)
            }
            Err(failure @ Failure::Interrupted(_)) => {
                self.count_failed_stage(failures_before);
                Err(failure)
            }
            Err(failure) => {
                println!("FAILED {:<10} {took:>8}  {failure}", stage.name);
                println!("repeat with: cargo ci --only {}", stage.name);
                self.count_failed_stage(failures_before);
                Ok(false)
            }
        }
    }

    /// A stage that ends badly without a failed test counts as one, or the last line would look green.
    fn count_failed_stage(&mut self, failures_before: u64) {
        if self.counts.failed == failures_before {
            self.counts.failed += 1;
        }
    }

    /// The addresses for tests; starts the servers on the first call.
    fn services(&mut self) -> Result<&Services, Failure> {
        let services = if let Some(services) = self.services.take() {
            services
        } else {
            let services = services::obtain(self.workspace, Durability::None, &self.interrupt)?;
            println!("       PostgreSQL: {}", services.database.origin);
            println!("       Redis: {}", services.redis.origin);
            services
        };
        Ok(self.services.insert(services))
    }
}

impl Finding {
    fn print(&self, stage: &str) {
        if !self.excerpt.is_empty() {
            println!("{}", self.excerpt.trim_end());
        }
        if let Some(log) = &self.log {
            println!("whole output: {}", log.display());
        }
        println!("repeat with: cargo ci --only {stage}    (runs: {})", self.command);
    }
}

fn shown(took: Duration) -> String {
    let seconds = took.as_secs();
    if seconds < 60 {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} m {:02} s", seconds / 60, seconds % 60)
    }
}
