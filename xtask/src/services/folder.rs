//! A folder that lives as long as its server.

use std::env;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Durability;
use crate::failure::Failure;
use crate::process::output_of;

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

/// Memory may back the ordinary temporary folder, which would make `fsync` free of charge. What need not last is put
/// there on purpose: each test has a database of its own, and creating its thousand files on a disk takes longer than
/// most tests.
fn base(durability: Durability) -> PathBuf {
    let persistent = Path::new("/var/tmp");
    let memory = Path::new("/dev/shm");
    match durability {
        Durability::Full if persistent.is_dir() => persistent.to_owned(),
        Durability::None if memory.is_dir() && free_kib(memory).is_some_and(|free| free >= MEMORY_KIB) => {
            memory.to_owned()
        }
        Durability::Full | Durability::None => env::temp_dir(),
    }
}

/// Memory that has to be free, or the disk will do: a container often has 64 MiB of it.
const MEMORY_KIB: u64 = 6 * 1024 * 1024;

/// What can still be written below `folder`, if `df` says it.
fn free_kib(folder: &Path) -> Option<u64> {
    let told = output_of(Command::new("df").arg("-Pk").arg(folder)).ok()?;
    free_in(&told)
}

/// The fourth column of the last line, as POSIX has it.
fn free_in(told: &str) -> Option<u64> {
    told.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_that_is_left_is_read_from_what_df_says() {
        let told =
            "Filesystem 1024-blocks Used Available Capacity Mounted on\ntmpfs 24680064 35840 24644224 1% /dev/shm\n";
        assert_eq!(free_in(told), Some(24_644_224));
        assert_eq!(free_in("df: nothing"), None);
    }

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
