//! Passwords from a terminal, without echo, or from standard input.

use std::io::{BufRead, IsTerminal};

use crate::failure::Failure;

/// How often somebody at a terminal types it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It is compared with what is known.
    Once,
    /// It is new: a typing error would lock them out.
    Twice,
}

/// Asks for a password. Never an argument: other users of the machine can read those.
pub fn ask(prompt: &str, repeat: Repeat) -> Result<String, Failure> {
    let failed = |problem: std::io::Error| Failure::of("the password cannot be read", &problem);
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
        let password = line.trim_end_matches(['\r', '\n']).to_owned();
        return if password.is_empty() {
            Err(Failure::usage("no password came from standard input"))
        } else {
            Ok(password)
        };
    }
    let password = rpassword::prompt_password(prompt).map_err(failed)?;
    if repeat == Repeat::Twice && rpassword::prompt_password("Once more: ").map_err(failed)? != password {
        return Err(Failure::usage("the two passwords are not the same"));
    }
    Ok(password)
}
