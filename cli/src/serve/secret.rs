//! The key of the installation: out of the environment, or out of the folder of the embedded mode.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use service::SecretKey;
use store::AuditKey;
use tempfile::NamedTempFile;

use crate::config::Config;
use crate::failure::Failure;

/// The key in the environment.
pub fn from_environment(config: &Config) -> Result<SecretKey, Failure> {
    SecretKey::parse(config.text("SLUICE_SECRET_KEY")).ok_or_else(|| {
        Failure::usage("SLUICE_SECRET_KEY is not 32 bytes in base64").help("make one with `openssl rand -base64 32`")
    })
}

/// What the audit log is chained with.
pub fn audit_key(key: &SecretKey) -> AuditKey {
    AuditKey::new(key.derive("audit"))
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
            write_private(folder, &path, &STANDARD.encode(bytes)).map_err(failed)?;
            Ok(SecretKey::new(bytes))
        }
        Err(problem) => Err(failed(problem)),
    }
}

/// A new file that only its owner can read. It is there whole or not at all, whenever this process ends.
fn write_private(folder: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut unfinished = NamedTempFile::new_in(folder)?;
    unfinished.write_all(text.as_bytes())?;
    unfinished.as_file().sync_all()?;
    // A key that somebody else put there meanwhile stays.
    unfinished.persist_noclobber(path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_file_is_private_whole_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        write_private(folder.path(), &path, "first").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let second = write_private(folder.path(), &path, "second").unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing unfinished is left");
    }
}
