//! A PostgreSQL server of our own in a temporary folder.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder::Folder;
use super::server::{self, Server};
use super::{Durability, Guard, Service};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::process;

/// Starts the newest PostgreSQL of this machine; `None` if there is none.
pub fn start(durability: Durability, interrupt: &Interrupt) -> Result<Option<Service>, Failure> {
    let Some(programs) = find_programs() else { return Ok(None) };
    let owner = unprivileged_user()?;
    let folder = Folder::create("postgres", durability, owner)?;
    let data = folder.path().join("data");

    let mut initdb = Command::new(programs.join("initdb"));
    initdb.arg("-D").arg(&data);
    initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-instructions"]);
    if durability == Durability::None {
        initdb.arg("--no-sync");
    }
    as_user(&mut initdb, owner, folder.path());
    interrupt.check()?;
    process::output_of(&mut initdb)?;

    let port = server::free_port()?;
    // INT is PostgreSQL's fast shutdown: it does not wait for clients to go.
    let mut postgres = server::tied_to_this_process(&programs.join("postgres"), "INT");
    postgres.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    for setting in settings(durability) {
        postgres.args(["-c", setting]);
    }
    as_user(&mut postgres, owner, folder.path());
    let log = folder.path().join("postgres.log");
    let pid_file = data.join("postmaster.pid");
    let server = Server::start("PostgreSQL", postgres, "INT", folder, &log, interrupt, || says_ready(&pid_file))?;
    Ok(Some(Service {
        url: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
        origin: format!("started {} on port {port}", programs.join("postgres").display()),
        guard: Guard::Process(server),
    }))
}

fn settings(durability: Durability) -> Vec<&'static str> {
    let mut settings = vec!["max_connections=200", "unix_socket_directories=", "timezone=UTC"];
    match durability {
        Durability::None => {
            settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=256MB"]);
        }
        Durability::Full => settings.extend(["fsync=on", "synchronous_commit=on", "full_page_writes=on"]),
    }
    settings
}

/// The last line of the pid file is the server's state.
fn says_ready(pid_file: &Path) -> bool {
    fs::read_to_string(pid_file).is_ok_and(|text| is_ready_state(&text))
}

fn is_ready_state(pid_file: &str) -> bool {
    pid_file.lines().nth(7).is_some_and(|state| state.trim() == "ready")
}

/// PostgreSQL refuses to run as root: user and group to run it as then.
fn unprivileged_user() -> Result<Option<(u32, u32)>, Failure> {
    if !super::apt::is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").map_err(|error| Failure::io("cannot read /etc/passwd", &error))?;
    ["postgres", "nobody"].iter().find_map(|name| user_ids(&users, name)).map(Some).ok_or_else(|| {
        Failure::message("PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`")
    })
}

/// User and group id in the text of `/etc/passwd`.
fn user_ids(users: &str, name: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(name);
        let (user, group) = (fields.nth(1)?, fields.next()?);
        if is_it { Some((user.parse().ok()?, group.parse().ok()?)) } else { None }
    })
}

fn as_user(command: &mut Command, owner: Option<(u32, u32)>, folder: &Path) {
    // The current folder may be closed to that user; messages are read by people and programs.
    command.current_dir(folder).env("LC_ALL", "C");
    if let Some((user, group)) = owner {
        command.uid(user).gid(group).env("HOME", folder);
    }
}

/// The folder with `initdb` and `postgres`: of the search path, else the newest version installed.
fn find_programs() -> Option<PathBuf> {
    let on_path = process::find_program("initdb").and_then(|file| file.parent().map(Path::to_owned));
    let parents = ["/usr/lib/postgresql", "/usr/local/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/usr"];
    let installed = parents.iter().flat_map(|parent| {
        let names: Vec<String> = fs::read_dir(parent)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        newest_first(names).into_iter().map(move |name| Path::new(parent).join(name).join("bin"))
    });
    on_path
        .into_iter()
        .chain(installed)
        .find(|folder| ["initdb", "postgres"].iter().all(|program| process::is_program(&folder.join(program))))
}

/// Names of version folders (`16`, `postgresql@16`, `pgsql-16`), highest version first.
fn newest_first(names: Vec<String>) -> Vec<String> {
    let mut versions: Vec<(u32, String)> = names
        .into_iter()
        .filter_map(|name| {
            let digits = name.trim_start_matches("postgresql@").trim_start_matches("pgsql-");
            digits.parse().ok().map(|version| (version, name))
        })
        .collect();
    versions.sort_by(|left, right| right.cmp(left));
    versions.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first_and_other_folders_do_not_count() {
        let names = ["9", "16", "lib", "postgresql@17", "pgsql-15", "openssl@3"];
        assert_eq!(newest_first(names.map(str::to_owned).to_vec()), ["postgresql@17", "16", "pgsql-15", "9"]);
    }

    #[test]
    fn user_and_group_are_read_from_the_right_line() {
        let users = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533:n:/:/usr/sbin/nologin\nbroken\n";
        assert_eq!(user_ids(users, "nobody"), Some((65534, 65533)));
        assert_eq!(user_ids(users, "postgres"), None);
    }

    #[test]
    fn the_server_is_ready_when_its_pid_file_says_so() {
        let file = |state: &str| format!("1\n/data\n1700000000\n5432\n\n127.0.0.1\n  1 2\n{state}\n");
        assert!(is_ready_state(&file("ready   ")));
        assert!(!is_ready_state(&file("starting")));
        assert!(!is_ready_state("1\n/data\n"));
    }

    #[test]
    fn benchmarks_run_on_a_server_that_keeps_its_promises() {
        assert!(settings(Durability::Full).contains(&"synchronous_commit=on"));
        assert!(settings(Durability::None).contains(&"fsync=off"));
    }
}
