//! What `sluice login` keeps: one pair of tokens for each server, in a file that only its owner can read.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The tokens of one server.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Who signed in.
    pub email: String,
    /// Goes with every request.
    pub access_token: String,
    /// When a new one is to be asked for, Unix milliseconds.
    pub refresh_at_ms: i64,
    /// Gives the next pair.
    pub refresh_token: String,
}

type Servers = BTreeMap<String, Kept>;

/// `$XDG_CONFIG_HOME/sluice/credentials.json`, or below `~/.config`.
fn path() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")))?;
    Some(folder.join("sluice").join("credentials.json"))
}

fn read() -> Result<Servers, Failure> {
    let Some(path) = path() else { return Ok(Servers::new()) };
    match fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).map_err(|problem| {
            Failure::of(&format!("{} cannot be understood", path.display()), &problem)
                .help("remove it and sign in again with `sluice login`")
        }),
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => Ok(Servers::new()),
        Err(problem) => Err(Failure::of(&format!("{} cannot be read", path.display()), &problem)),
    }
}

fn write(servers: &Servers) -> Result<(), Failure> {
    let Some(path) = path() else {
        return Err(Failure::new("there is no folder for the credentials").help("set HOME or XDG_CONFIG_HOME"));
    };
    let failed = |problem: io::Error| Failure::of(&format!("{} cannot be written", path.display()), &problem);
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    // Whole or not at all, and never readable by others, not even for a moment.
    let half = path.with_extension(format!("{}.tmp", std::process::id()));
    let text = serde_json::to_string_pretty(servers).expect("texts and numbers are JSON");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&half).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&half, &path).map_err(failed)
}

/// The tokens of a server, if somebody signed in there.
pub fn of(url: &str) -> Result<Option<Kept>, Failure> {
    Ok(read()?.remove(url.trim_end_matches('/')))
}

/// Keeps the tokens of a server, in place of those before.
pub fn keep(url: &str, kept: Kept) -> Result<(), Failure> {
    let mut servers = read()?;
    servers.insert(url.trim_end_matches('/').to_owned(), kept);
    write(&servers)
}

/// Forgets the tokens of a server. False when there were none.
pub fn forget(url: &str) -> Result<bool, Failure> {
    let mut servers = read()?;
    let is_forgotten = servers.remove(url.trim_end_matches('/')).is_some();
    if is_forgotten {
        write(&servers)?;
    }
    Ok(is_forgotten)
}
