//! Wall clocks of processes, set by libfaketime; their monotonic clocks go on as ever.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::programs;

/// The wall clock of one process.
#[derive(Debug)]
pub struct WallClock {
    library: PathBuf,
    /// What it says; the process looks into it once in a second.
    file: PathBuf,
}

impl WallClock {
    /// The clock of the process `name`, right at first; nothing where libfaketime is not installed.
    pub fn of(name: &str, folder: &Path) -> anyhow::Result<Option<Self>> {
        let Some(library) = programs::faketime() else { return Ok(None) };
        let clock = Self { library, file: folder.join(format!("{name}.clock")) };
        clock.set(0)?;
        Ok(Some(clock))
    }

    /// Variables that its process starts with.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_CACHE_DURATION", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }

    /// Sets it `seconds` ahead of the true time.
    pub fn set(&self, seconds: i64) -> anyhow::Result<()> {
        // Whole at any moment: the process may look now.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{seconds:+}\n"))
            .and_then(|()| std::fs::rename(&new, &self.file))
            .with_context(|| format!("{} cannot be written", self.file.display()))
    }
}
