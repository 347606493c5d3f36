//! Running other programs: found by name, never through a shell, never left behind.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::failure::Failure;
use crate::interrupt::Interrupt;

/// Cargo itself, without the variables that `cargo run` adds for its child.
///
/// Build scripts watch some of them; passed on, they would make every other call rebuild.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let is_ours = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
        if is_ours.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}

/// The command as a person would type it.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut text = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        let needs_quotes = argument.is_empty() || argument.contains([' ', '*', '"', '$']);
        text.push(' ');
        let quote = if needs_quotes { "'" } else { "" };
        text.extend([quote, &argument, quote]);
    }
    text
}

/// Runs to the end and returns standard output; standard error is part of the failure.
pub fn output_of(command: &mut Command) -> Result<String, Failure> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| cannot_run(command, &error))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::message(format!("`{}` failed ({}): {}", shown(command), output.status, complaint.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether the program can be run and says that all is well; what it prints is not shown.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs with the terminal's output; fails if the program does.
pub fn must_succeed(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| cannot_run(command, &error))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::message(format!("`{}` failed ({status})", shown(command))))
}

/// Runs in a process group of its own, so that a signal reaches everything that the program started.
pub fn run_in_group(command: &mut Command, interrupt: &Interrupt) -> Result<ExitStatus, Failure> {
    interrupt.check()?;
    let mut child =
        command.stdin(Stdio::null()).process_group(0).spawn().map_err(|error| cannot_run(command, &error))?;
    interrupt.set_foreground(child.id());
    let waited = child.wait();
    interrupt.set_foreground(0);
    interrupt.check()?;
    waited.map_err(|error| Failure::io(format!("cannot wait for `{}`", shown(command)), &error))
}

pub fn cannot_run(command: &Command, error: &io::Error) -> Failure {
    Failure::io(format!("cannot run `{}`", shown(command)), error)
}

/// The first program of that name on the search path.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| is_program(file))
}

/// Whether this is a file that may be executed.
pub fn is_program(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["clippy", "--", "-D", "two words"]);
        assert_eq!(shown(&command), "cargo clippy -- -D 'two words'");
    }

    #[test]
    fn a_program_that_fails_is_quoted_with_what_it_said() {
        let failure = output_of(Command::new("sh").args(["-c", "echo trouble >&2; exit 3"])).unwrap_err();
        let text = failure.to_string();
        assert!(text.contains("exit status: 3") && text.ends_with("trouble"), "{text}");
    }

    #[test]
    fn programs_are_found_on_the_search_path_and_plain_files_are_not_programs() {
        assert!(find_program("sh").is_some());
        assert!(find_program("no-such-program-anywhere").is_none());
        assert!(!is_program(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")));
    }
}
