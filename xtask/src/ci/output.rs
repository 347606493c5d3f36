//! The output of a stage: into a file, and on the terminal if wanted.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::Command;

use super::{Finding, Run};
use crate::failure::Failure;
use crate::process;

const EXCERPT_LINES: usize = 200;

/// What a program printed, and how it ended.
pub struct Output {
    /// Standard output and standard error, as they came.
    pub text: String,
    pub has_succeeded: bool,
    /// What to show if it failed.
    pub finding: Finding,
}

impl Run<'_> {
    /// Runs a program of a stage, from the root of the repository unless it names a folder.
    pub fn capture(&self, stage: &str, command: &mut Command) -> Result<Output, Failure> {
        let folder = self.workspace.target()?.join("ci");
        fs::create_dir_all(&folder)
            .map_err(|error| Failure::io(format!("cannot create {}", folder.display()), &error))?;
        let log = folder.join(format!("{stage}.log"));
        let fail = |error: &io::Error| Failure::io(format!("cannot write {}", log.display()), error);
        if command.get_current_dir().is_none() {
            command.current_dir(self.workspace.root());
        }
        let status = if self.is_verbose {
            let (reader, writer) = io::pipe().map_err(|error| fail(&error))?;
            let second = writer.try_clone().map_err(|error| fail(&error))?;
            command.stdout(writer).stderr(second);
            let mut file = File::create(&log).map_err(|error| fail(&error))?;
            std::thread::scope(|scope| {
                let copy = scope.spawn(move || -> io::Result<()> {
                    for line in BufReader::new(reader).split(b'\n') {
                        let line = line?;
                        println!("{}", String::from_utf8_lossy(&line));
                        file.write_all(&line)?;
                        file.write_all(b"\n")?;
                    }
                    Ok(())
                });
                let status = process::run_in_group(command, &self.interrupt);
                // The command holds the writing ends: the copy ends only once they are closed.
                command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
                let copied = copy.join().expect("copying lines does not panic");
                copied.map_err(|error| fail(&error)).and(status)
            })?
        } else {
            let file = File::create(&log).map_err(|error| fail(&error))?;
            command.stderr(file.try_clone().map_err(|error| fail(&error))?).stdout(file);
            process::run_in_group(command, &self.interrupt)?
        };
        let bytes = fs::read(&log).map_err(|error| Failure::io(format!("cannot read {}", log.display()), &error))?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let excerpt = if self.is_verbose { String::new() } else { last_lines(&text) };
        let finding = Finding { command: process::shown(command), excerpt, log: Some(log) };
        Ok(Output { text, has_succeeded: status.success(), finding })
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(EXCERPT_LINES)..].join("\n")
}
