//! Where this repository is and where cargo puts what it builds.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::Failure;
use crate::process;

/// The repository, and what `cargo metadata` says about it.
#[derive(Debug)]
pub struct Workspace {
    root: PathBuf,
    metadata: Value,
}

impl Workspace {
    /// Asks cargo; needs no network, because dependencies are not resolved.
    pub fn locate() -> Result<Self, Failure> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let mut command = process::cargo();
        command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest);
        let text = process::output_of(&mut command)?;
        let metadata: Value = serde_json::from_str(&text)
            .map_err(|error| Failure::message(format!("cannot read the output of cargo metadata: {error}")))?;
        let root = path_field(&metadata, "workspace_root")?;
        Ok(Self { root, metadata })
    }

    /// The folder of the workspace's `Cargo.toml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The whole answer of `cargo metadata --no-deps`.
    pub fn metadata(&self) -> &Value {
        &self.metadata
    }

    /// Cargo's target folder, wherever it was configured to be.
    pub fn target(&self) -> Result<PathBuf, Failure> {
        path_field(&self.metadata, "target_directory")
    }

    /// Folder with the programs of a profile (`debug`, `release`), built or not.
    pub fn programs(&self, profile: &str) -> Result<PathBuf, Failure> {
        Ok(self.target()?.join(profile))
    }
}

fn path_field(metadata: &Value, name: &str) -> Result<PathBuf, Failure> {
    metadata
        .get(name)
        .and_then(Value::as_str)
        .map(PathBuf::from)
        .ok_or_else(|| Failure::message(format!("cargo metadata says nothing about `{name}`")))
}
