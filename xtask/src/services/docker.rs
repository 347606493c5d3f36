//! Both servers from `docker-compose.yml`, profile `test`.

use std::path::{Path, PathBuf};
use std::process::{self as this, Command};
use std::rc::Rc;

use super::{Durability, Guard, Service};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::process;

const POSTGRES: &str = "test-postgres";
const REDIS: &str = "test-redis";

/// A compose project with a name of its own. Dropping the last handle removes it.
#[derive(Debug, Clone)]
pub struct Project {
    _inner: Rc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    name: String,
}

/// The two servers of the profile.
#[derive(Debug)]
pub struct Pair {
    pub postgres: Service,
    pub redis: Service,
}

/// What Docker could do.
#[derive(Debug)]
pub enum Answer {
    Started(Box<Pair>),
    /// Not possible here, and why.
    Impossible(String),
}

/// Starts both servers on free ports.
pub fn start(root: &Path, durability: Durability, interrupt: &Interrupt) -> Answer {
    if process::find_program("docker").is_none() {
        return Answer::Impossible("docker: no such program".to_owned());
    }
    if !process::succeeds(Command::new("docker").args(["compose", "version"])) {
        return Answer::Impossible("docker: the compose plugin is not installed".to_owned());
    }
    if !process::succeeds(Command::new("docker").arg("info")) {
        return Answer::Impossible("docker: the engine does not answer".to_owned());
    }
    match try_start(root, durability, interrupt) {
        Ok(pair) => Answer::Started(Box::new(pair)),
        Err(failure) => Answer::Impossible(failure.to_string()),
    }
}

fn try_start(root: &Path, durability: Durability, interrupt: &Interrupt) -> Result<Pair, Failure> {
    let inner = Rc::new(Inner { root: root.to_owned(), name: format!("sluice-test-{}", this::id()) });
    let mut up = inner.compose();
    let on_or_off = match durability {
        Durability::None => ("off", "no"),
        Durability::Full => ("on", "yes"),
    };
    up.env("SLUICE_TEST_FSYNC", on_or_off.0).env("SLUICE_TEST_APPENDONLY", on_or_off.1);
    up.args(["up", "--detach", "--wait", POSTGRES, REDIS]);
    let status = process::run_in_group(&mut up, interrupt)?;
    if !status.success() {
        return Err(Failure::message(format!("`{}` failed ({status})", process::shown(&up))));
    }
    let service = |name: &str, port: &str, url: &dyn Fn(&str) -> String| -> Result<Service, Failure> {
        let address = process::output_of(inner.compose().args(["port", name, port]))?;
        let url = url(address.trim());
        let guard = Guard::Compose(Project { _inner: Rc::clone(&inner) });
        Ok(Service { url, origin: format!("docker compose, project {}", inner.name), guard })
    };
    let postgres = service(POSTGRES, "5432", &|address| format!("postgres://postgres@{address}/postgres"))?;
    let redis = service(REDIS, "6379", &|address| format!("redis://{address}/0"))?;
    Ok(Pair { postgres, redis })
}

impl Inner {
    fn compose(&self) -> Command {
        let mut command = Command::new("docker");
        command.args(["compose", "--project-name", &self.name, "--profile", "test"]).current_dir(&self.root);
        // Compose reads the whole file, and the services that are not started here insist on a key.
        command.env("SLUICE_SECRET_KEY", "not-used-by-the-test-services");
        command
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let mut down = self.compose();
        down.args(["down", "--volumes", "--timeout", "10"]);
        if let Err(failure) = process::output_of(&mut down) {
            eprintln!("warning: {failure}");
        }
    }
}
