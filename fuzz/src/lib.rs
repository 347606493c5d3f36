//! The bodies of the fuzz targets.

pub mod cursors;
pub mod targets;
