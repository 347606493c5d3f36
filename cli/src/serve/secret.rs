//! The key of the installation: out of the environment, or out of the folder of the embedded mode.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use service::SecretKey;

use crate::config::Config;
use crate::failure::Failure;

/// The key in the environment.
pub fn from_environment(config: &Config) -> Result<SecretKey, Failure> {
    SecretKey::parse(config.text("SLUICE_SECRET_KEY")).ok_or_else(|| {
        Failure::usage("SLUICE_SECRET_KEY is not 32 bytes in base64").help("make one with `openssl rand -base64 32`")
    })
}

/// The key in the environment, or the one that the embedded mode keeps in its folder; made when there is none.
pub fn embedded(config: &Config, folder: &Path) -> Result<SecretKey, Failure> {
    if !config.text("SLUICE_SECRET_KEY").is_empty() {
        return from_environment(config);
    }
    let path = folder.join("secret.key");
    let failed = |problem: io::Error| Failure::of(&format!("the key in {}", path.display()), &problem);
    match fs::read_to_string(&path) {
        Ok(text) => SecretKey::parse(&text).ok_or_else(|| {
            Failure::usage(format!("{} does not hold 32 bytes in base64", path.display()))
                .help("put the file back; without it nobody stays signed in and stored secrets cannot be read")
        }),
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(|problem| Failure::usage(format!("no random bytes: {problem}")))?;
            write_private(&path, &STANDARD.encode(bytes)).map_err(failed)?;
            Ok(SecretKey::new(bytes))
        }
        Err(problem) => Err(failed(problem)),
    }
}

/// A new file that only its owner can read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
