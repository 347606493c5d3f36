//! A folder that lives as long as its server.

use std::env;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, chown};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Durability;
use crate::failure::Failure;

/// Removed with all that is in it when dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// A new folder that only `owner` (user and group id; this user if `None`) may enter.
    pub fn create(name: &str, durability: Durability, owner: Option<(u32, u32)>) -> Result<Self, Failure> {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.subsec_nanos());
        let path = base(durability).join(format!("sluice-{name}-{}-{nanos}", process::id()));
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| Failure::io(format!("cannot create {}", path.display()), &error))?;
        let folder = Self { path };
        if let Some((user, group)) = owner {
            chown(&folder.path, Some(user), Some(group))
                .map_err(|error| Failure::io(format!("cannot give away {}", folder.path.display()), &error))?;
        }
        Ok(folder)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("warning: cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Memory may back the ordinary temporary folder, which would make `fsync` free of charge.
fn base(durability: Durability) -> PathBuf {
    let persistent = Path::new("/var/tmp");
    match durability {
        Durability::Full if persistent.is_dir() => persistent.to_owned(),
        Durability::Full | Durability::None => env::temp_dir(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_private_and_gone_after_its_owner() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = Folder::create("test", Durability::None, None).unwrap();
        let path = folder.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(path.join("file"), "content").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
