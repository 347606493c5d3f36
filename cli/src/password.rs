//! Passwords from a terminal, without echo, or from standard input.

use std::io::{BufRead, IsTerminal, Read};

use crate::failure::Failure;

/// How often somebody at a terminal types it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It is compared with what is known.
    Once,
    /// It is new: a typing error would lock them out.
    Twice,
}

/// Asks for another secret than a password, such as that of a hook.
pub fn secret(prompt: &str) -> Result<String, Failure> {
    read(prompt, "secret")
}

/// Asks for a password. Never an argument: other users of the machine can read those.
pub fn ask(prompt: &str, repeat: Repeat) -> Result<String, Failure> {
    let password = read(prompt, "password")?;
    let is_repeated = repeat == Repeat::Twice && std::io::stdin().is_terminal();
    if is_repeated && read("Once more: ", "password")? != password {
        return Err(Failure::usage("the two passwords are not the same"));
    }
    Ok(password)
}

/// Asks for a secret of any number of lines: one without echo on a terminal, else all of standard input without its
/// last line break.
pub fn text(prompt: &str) -> Result<String, Failure> {
    if std::io::stdin().is_terminal() {
        return read(prompt, "secret");
    }
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .read_to_string(&mut text)
        .map_err(|problem| Failure::of("the secret cannot be read", &problem))?;
    let text = without_last_break(text);
    if text.is_empty() { Err(Failure::usage("no secret came from standard input")) } else { Ok(text) }
}

/// A text as editors and `echo` leave it, without the line break at its end.
pub fn without_last_break(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

fn read(prompt: &str, what: &str) -> Result<String, Failure> {
    let failed = |problem: std::io::Error| Failure::of(&format!("the {what} cannot be read"), &problem);
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt).map_err(failed);
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
    let text = line.trim_end_matches(['\r', '\n']).to_owned();
    if text.is_empty() { Err(Failure::usage(format!("no {what} came from standard input"))) } else { Ok(text) }
}
