//! Where the programs of PostgreSQL and Redis are, and as whom they run.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// The folder with `initdb` and `postgres`: of the search path, else the newest that is installed.
pub fn postgres() -> anyhow::Result<PathBuf> {
    let installed = ["/usr/lib/postgresql", "/usr/local/lib/postgresql"].into_iter().flat_map(|parent| {
        let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(parent)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let entry = entry.ok()?;
                Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
            })
            .collect();
        versions.sort_by(|left, right| right.cmp(left));
        versions.into_iter().map(|(_version, folder)| folder)
    });
    search_path()
        .into_iter()
        .chain(installed)
        .find(|folder| ["initdb", "postgres"].iter().all(|program| folder.join(program).is_file()))
        .context("PostgreSQL (initdb, postgres) is not installed: `cargo xtask services` says how to get it")
}

/// `redis-server`, or `valkey-server`.
pub fn redis() -> anyhow::Result<PathBuf> {
    ["redis-server", "valkey-server"]
        .into_iter()
        .find_map(|program| search_path().into_iter().map(|folder| folder.join(program)).find(|path| path.is_file()))
        .context("neither redis-server nor valkey-server is installed: `cargo xtask services` says how to get one")
}

/// The library that sets wall clocks, for programs with threads.
#[must_use]
pub fn faketime() -> Option<PathBuf> {
    let folders =
        ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib"];
    folders.into_iter().map(|folder| Path::new(folder).join("faketime/libfaketimeMT.so.1")).find(|path| path.is_file())
}

fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// PostgreSQL refuses to run as root: user and group to run it as then.
pub fn owner() -> anyhow::Result<Option<(u32, u32)>> {
    let status = std::fs::read_to_string("/proc/self/status").context("who runs this cannot be read")?;
    let is_root = status.lines().any(|line| line.starts_with("Uid:\t0\t"));
    if !is_root {
        return Ok(None);
    }
    let users = std::fs::read_to_string(Path::new("/etc/passwd")).context("users cannot be read")?;
    let ids = |name: &str| {
        users.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            match fields.as_slice() {
                [user, _password, uid, gid, ..] if *user == name => Some((uid.parse().ok()?, gid.parse().ok()?)),
                _other => None,
            }
        })
    };
    ids("postgres").or_else(|| ids("nobody")).map(Some).context("neither a user `postgres` nor `nobody` exists")
}
