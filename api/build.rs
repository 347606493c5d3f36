//! Looks again when the built GraphiQL page changes, also when it appears.

use std::fs;
use std::path::Path;

const DIST: &str = "../web/graphiql/dist";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Cargo takes a missing path for changed at every build, and an unwatched one would never be noticed.
    if !Path::new(DIST).exists()
        && let Err(error) = fs::create_dir_all(DIST)
    {
        println!("cargo::warning=cannot create {DIST}: {error}; a page built later will not be noticed");
        return;
    }
    println!("cargo::rerun-if-changed={DIST}");
}
