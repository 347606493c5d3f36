//! Installing what is missing with apt-get, as root on Debian and its relatives.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::process;

/// How an installation went.
#[derive(Debug)]
pub enum Installation {
    Done,
    /// Not possible here, and why.
    Impossible(String),
}

/// Installs the packages without starting any service of theirs, and says so.
pub fn install(packages: &[&str], interrupt: &Interrupt) -> Installation {
    if !is_root() {
        return Installation::Impossible("apt-get: not root".to_owned());
    }
    if process::find_program("apt-get").is_none() {
        return Installation::Impossible("apt-get: no such program".to_owned());
    }
    println!("installing {} with apt-get, because it is not on this machine", packages.join(" and "));
    let result = ServicesStaySilent::begin().and_then(|_silence| {
        apt_get(&["update", "-q"], interrupt)?;
        let mut arguments = vec!["install", "-q", "-y", "--no-install-recommends"];
        arguments.extend(packages);
        apt_get(&arguments, interrupt)
    });
    match result {
        Ok(()) => Installation::Done,
        Err(failure) => Installation::Impossible(failure.to_string()),
    }
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    process::output_of(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn apt_get(arguments: &[&str], interrupt: &Interrupt) -> Result<(), Failure> {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
    let status = process::run_in_group(&mut command, interrupt)?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::message(format!("`{}` failed ({status})", process::shown(&command))))
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// While this lives, packages that are installed do not start their services.
#[derive(Debug)]
struct ServicesStaySilent {
    is_ours: bool,
}

impl ServicesStaySilent {
    fn begin() -> Result<Self, Failure> {
        if Path::new(POLICY).exists() {
            return Ok(Self { is_ours: false });
        }
        let fail = |error| Failure::io(format!("cannot write {POLICY}"), &error);
        // 101 is Debian's answer for "not allowed by policy".
        fs::write(POLICY, "#!/bin/sh\nexit 101\n").map_err(fail)?;
        let silence = Self { is_ours: true };
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755)).map_err(fail)?;
        Ok(silence)
    }
}

impl Drop for ServicesStaySilent {
    fn drop(&mut self) {
        if !self.is_ours {
            return;
        }
        if let Err(error) = fs::remove_file(POLICY) {
            eprintln!("warning: cannot remove {POLICY}: {error}");
        }
    }
}
