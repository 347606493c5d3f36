//! A TCP proxy in front of a server that a test does not own, so that the test can take it away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the server looks from the other side of the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// It answers.
    Open,
    /// It takes connections and says nothing.
    Silent,
    /// Connections break, and new ones too, before a word is said.
    Cut,
}

/// A proxy in front of one server; it ends with the test's runtime.
#[derive(Debug)]
pub struct Proxy {
    /// The server's URL, by way of the proxy.
    pub url: String,
    line: watch::Sender<Line>,
    refused: Arc<AtomicUsize>,
}

impl Proxy {
    /// Stands in front of the server of a URL such as `postgres://user@host:5432/database`.
    ///
    /// # Panics
    /// When the URL names no host and port.
    #[must_use]
    pub fn before(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").expect("a URL has a scheme");
        let (authority, path) = rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
        let (user, server) = authority.rsplit_once('@').map_or(("", authority), |(user, server)| (user, server));
        assert!(server.contains(':'), "{server} has no port");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        listener.set_nonblocking(true).expect("a socket can be made not to block");
        let listener = TcpListener::from_std(listener).expect("a test has a runtime");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let line = watch::Sender::new(Line::Open);
        let refused = Arc::new(AtomicUsize::new(0));
        tokio::spawn(listen(listener, server.to_owned(), line.subscribe(), Arc::clone(&refused)));
        let at = if user.is_empty() { String::new() } else { format!("{user}@") };
        Self { url: format!("{scheme}://{at}127.0.0.1:{port}/{path}"), line, refused }
    }

    /// Breaks every connection, and every new one at once.
    pub fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }

    /// Holds back every byte; connections stay.
    pub fn silence(&self) {
        self.line.send_replace(Line::Silent);
    }

    /// How many connections were tried while the line was cut.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    /// Lets everything through again.
    pub fn restore(&self) {
        self.line.send_replace(Line::Open);
    }
}

async fn listen(listener: TcpListener, server: String, line: watch::Receiver<Line>, refused: Arc<AtomicUsize>) {
    while let Ok((client, _peer)) = listener.accept().await {
        if *line.borrow() == Line::Cut {
            refused.fetch_add(1, Ordering::SeqCst);
        } else {
            tokio::spawn(pass(client, server.clone(), line.clone()));
        }
    }
}

/// Passes bytes on in both directions until one side hangs up or the line is cut.
async fn pass(client: TcpStream, server: String, mut line: watch::Receiver<Line>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let there = pump(from_client, to_server, line.clone());
    let back = pump(from_server, to_client, line.clone());
    tokio::select! {
        _cut = line.wait_for(|line| *line == Line::Cut) => {}
        _ended = there => {}
        _ended = back => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut line: watch::Receiver<Line>) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 || line.wait_for(|line| *line != Line::Silent).await.is_err() {
            return Ok(());
        }
        to.write_all(&buffer[..length]).await?;
    }
}
