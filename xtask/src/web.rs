//! The npm packages under `web/`: built when their sources changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::process;
use crate::workspace::Workspace;

/// The oldest Node that the packages build with.
const NODE_FLOOR: (u32, u32) = (20, 19);
/// Results and downloads: not part of what decides whether a package is stale.
const NOT_SOURCES: [&str; 2] = ["node_modules", "dist"];

/// Whether Node and npm are at hand.
#[derive(Debug, PartialEq, Eq)]
pub enum Node {
    Usable,
    /// Why not, and what to do.
    Unusable(String),
}

/// A folder under `web/` with a `package.json`.
#[derive(Debug)]
pub struct Package {
    pub name: String,
    folder: PathBuf,
}

/// What a build has to do.
#[derive(Debug)]
pub enum Build {
    UpToDate,
    /// These commands in this order, then [`Package::stamp`].
    Needed(Vec<Command>),
}

/// Looks for Node and npm.
pub fn node() -> Node {
    let wish = format!("install Node {}.{} or newer, with npm", NODE_FLOOR.0, NODE_FLOOR.1);
    if process::find_program("node").is_none() {
        return Node::Unusable(format!("Node is not installed: {wish}"));
    }
    if process::find_program("npm").is_none() {
        return Node::Unusable(format!("npm is not installed: {wish}"));
    }
    match process::output_of(Command::new("node").arg("--version")) {
        Ok(version) => judge_version(version.trim(), &wish),
        Err(failure) => Node::Unusable(failure.to_string()),
    }
}

fn judge_version(version: &str, wish: &str) -> Node {
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= NODE_FLOOR => Node::Usable,
        _ => Node::Unusable(format!("Node {version} is too old: {wish}")),
    }
}

/// The packages of this repository, by name.
pub fn packages(workspace: &Workspace) -> Result<Vec<Package>, Failure> {
    let web = workspace.root().join("web");
    if !web.is_dir() {
        return Ok(Vec::new());
    }
    let mut packages = Vec::new();
    for folder in sorted_entries(&web)? {
        if folder.join("package.json").is_file() {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            packages.push(Package { name, folder });
        }
    }
    Ok(packages)
}

impl Package {
    /// What has to be done before `dist` shows the sources as they are now.
    pub fn plan(&self) -> Result<Build, Failure> {
        if read_or_empty(&self.stamp_file())? == self.hash_of_sources()? {
            return Ok(Build::UpToDate);
        }
        let mut commands = Vec::new();
        if read_or_empty(&self.lock_stamp_file())? != self.hash_of_lock()? {
            commands.push(self.npm(&["ci", "--no-audit", "--no-fund"]));
        }
        commands.push(self.npm(&["run", "build"]));
        Ok(Build::Needed(commands))
    }

    /// Notes what was built, after the commands of the plan.
    pub fn stamp(&self) -> Result<(), Failure> {
        write(&self.lock_stamp_file(), &self.hash_of_lock()?)?;
        write(&self.stamp_file(), &self.hash_of_sources()?)
    }

    fn npm(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("npm");
        command.args(arguments).current_dir(&self.folder);
        command
    }

    fn stamp_file(&self) -> PathBuf {
        self.folder.join("dist/.stamp")
    }

    fn lock_stamp_file(&self) -> PathBuf {
        self.folder.join("node_modules/.lock-stamp")
    }

    fn hash_of_lock(&self) -> Result<String, Failure> {
        let mut hash = Fnv::new();
        hash.add_file(&self.folder.join("package-lock.json"))?;
        Ok(hash.text())
    }

    fn hash_of_sources(&self) -> Result<String, Failure> {
        let mut hash = Fnv::new();
        add_folder(&mut hash, &self.folder)?;
        Ok(hash.text())
    }
}

fn add_folder(hash: &mut Fnv, folder: &Path) -> Result<(), Failure> {
    for entry in sorted_entries(folder)? {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        if NOT_SOURCES.contains(&name.as_ref()) {
            continue;
        }
        hash.add(name.as_bytes());
        if entry.is_dir() {
            add_folder(hash, &entry)?;
        } else {
            hash.add_file(&entry)?;
        }
    }
    Ok(())
}

fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let fail = |error| Failure::io(format!("cannot read {}", folder.display()), &error);
    let mut entries = fs::read_dir(folder)
        .map_err(fail)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(fail)?;
    entries.sort();
    Ok(entries)
}

fn read_or_empty(file: &Path) -> Result<String, Failure> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Failure::io(format!("cannot read {}", file.display()), &error)),
    }
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    fs::write(file, text).map_err(|error| Failure::io(format!("cannot write {}", file.display()), &error))
}

/// FNV-1a, 64 bits: the same on every machine and with every compiler; it only has to notice edits.
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        // The length keeps `ab` + `c` apart from `a` + `bc`.
        for byte in bytes.len().to_le_bytes().iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn add_file(&mut self, file: &Path) -> Result<(), Failure> {
        let bytes = fs::read(file).map_err(|error| Failure::io(format!("cannot read {}", file.display()), &error))?;
        self.add(&bytes);
        Ok(())
    }

    fn text(&self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_versions_of_node_are_refused_with_advice() {
        let usable = |version| judge_version(version, "install Node") == Node::Usable;
        assert!(usable("v20.19.0") && usable("v22.1.0") && usable("v24.0.0-rc.1"));
        assert!(!usable("v20.18.3") && !usable("v18.20.0") && !usable("strange"));
        assert_eq!(
            judge_version("v18.20.0", "install Node"),
            Node::Unusable("Node v18.20.0 is too old: install Node".to_owned())
        );
    }

    #[test]
    fn the_hash_is_fnv_1a_over_length_and_content() {
        let mut plain = Fnv::new();
        for byte in b"a" {
            plain.0 = (plain.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        // Reference value of FNV-1a for "a".
        assert_eq!(plain.text(), "af63dc4c8601ec8c");
        let of = |parts: &[&str]| {
            let mut hash = Fnv::new();
            for part in parts {
                hash.add(part.as_bytes());
            }
            hash.text()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    }

    #[test]
    fn an_edited_source_makes_a_package_stale_and_a_build_makes_it_fresh() {
        let folder = std::env::temp_dir().join(format!("sluice-web-test-{}", std::process::id()));
        for name in ["src", "dist", "node_modules"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        fs::write(folder.join("package-lock.json"), "{}").unwrap();
        fs::write(folder.join("src/main.ts"), "1").unwrap();
        let package = Package { name: "test".to_owned(), folder: folder.clone() };
        let commands = |package: &Package| match package.plan().unwrap() {
            Build::UpToDate => 0,
            Build::Needed(commands) => commands.len(),
        };
        assert_eq!(commands(&package), 2, "download and build");
        package.stamp().unwrap();
        assert_eq!(commands(&package), 0);
        fs::write(folder.join("src/main.ts"), "2").unwrap();
        assert_eq!(commands(&package), 1, "the downloads are still right");
        fs::remove_dir_all(folder).unwrap();
    }
}
