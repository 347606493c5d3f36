//! A Redis (or Valkey) server of our own in a temporary folder.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::folder::Folder;
use super::server::{self, Server};
use super::{Durability, Guard, Service};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::process;

/// Starts a server; `None` if this machine has none.
pub fn start(durability: Durability, interrupt: &Interrupt) -> Result<Option<Service>, Failure> {
    let found = ["redis-server", "valkey-server"].iter().find_map(|name| process::find_program(name));
    let Some(program) = found else { return Ok(None) };
    let folder = Folder::create("redis", durability, None)?;
    let port = server::free_port()?;
    let mut command = server::tied_to_this_process(&program, "TERM");
    command.args(arguments(port, folder.path(), durability));
    let log = folder.path().join("redis.log");
    let server = Server::start("Redis", command, "TERM", folder, &log, interrupt, || answers_ping(port))?;
    Ok(Some(Service {
        url: format!("redis://127.0.0.1:{port}/0"),
        origin: format!("started {} on port {port}", program.display()),
        guard: Guard::Process(server),
    }))
}

fn arguments(port: u16, folder: &Path, durability: Durability) -> Vec<String> {
    let append_only = match durability {
        Durability::None => "no",
        Durability::Full => "yes",
    };
    let options = [
        ("--port", port.to_string()),
        ("--bind", Ipv4Addr::LOCALHOST.to_string()),
        ("--dir", folder.display().to_string()),
        ("--save", String::new()),
        ("--appendonly", append_only.to_owned()),
        ("--appendfsync", "everysec".to_owned()),
        ("--daemonize", "no".to_owned()),
    ];
    options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
}

fn answers_ping(port: u16) -> bool {
    let ask = || -> std::io::Result<[u8; 5]> {
        let limit = Duration::from_millis(500);
        let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| &answer == b"+PONG")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_durable_server_writes_an_append_only_file() {
        let option = |durability| {
            let all = arguments(7000, Path::new("/data"), durability);
            let place = all.iter().position(|argument| argument == "--appendonly").unwrap();
            all[place + 1].clone()
        };
        assert_eq!(option(Durability::Full), "yes");
        assert_eq!(option(Durability::None), "no");
    }
}
