//! The way from the database client to the host that the guard admits.
//!
//! The client would look the host up by itself, so that a second answer of the name server could lead it elsewhere;
//! it trusts other authorities than our other calls; and it takes the memory that a server announces. It therefore
//! speaks to a socket of this process, in a folder that only this user may enter. Behind it each connection goes to a
//! checked address, is encrypted here, and an answer is cut off that is too large.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};

use super::PATIENCE;
use super::address::{Address, PORT};
use crate::effects::load::tls;
use crate::egress::{ConnectError, Guard};

/// Bytes that are moved at once.
const CHUNK: usize = 16 * 1024;

/// How long no client is let in after one could not be: file handles come back when others end.
const PAUSE: Duration = Duration::from_millis(200);

/// Asks a server whether it encrypts: eight bytes long, with the number 80877103 of PostgreSQL's protocol.
const DOES_IT_ENCRYPT: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A way that stays open until it is dropped, and its connections with it.
#[derive(Debug)]
pub(super) struct Tunnel {
    folder: TempDir,
    accepting: JoinHandle<()>,
    broken: Broken,
}

/// Why the last connection was not made or was cut off; the client only sees that it ended.
type Broken = Arc<Mutex<Option<Cut>>>;

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum Cut {
    /// It was not made.
    NotConnected(ConnectError),
    /// It was not encrypted.
    NotEncrypted(String),
    /// An answer was too large.
    TooLarge,
}

impl Tunnel {
    /// Opens a way; nothing is connected before the client asks. `most` bytes may be one answer.
    pub(super) fn open(guard: Guard, address: Address, most: u64) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("sluice-sql-").tempdir()?;
        let listener = UnixListener::bind(folder.path().join(format!(".s.PGSQL.{}", address.port)))?;
        let broken = Broken::default();
        let seen = Arc::clone(&broken);
        let address = Arc::new(address);
        let accepting = tokio::spawn(async move {
            // They end with this task.
            let mut connections = JoinSet::new();
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    Some(_ended) = connections.join_next() => continue,
                };
                let mut near = match accepted {
                    Ok((near, _peer)) => near,
                    Err(problem) => {
                        tracing::warn!(error = %problem, "no way to a database for a client; are file handles left?");
                        sleep(PAUSE).await;
                        continue;
                    }
                };
                let (guard, address, seen) = (guard.clone(), Arc::clone(&address), Arc::clone(&seen));
                connections.spawn(async move {
                    let cut = connected(&guard, &address, &mut near, most).await.err();
                    // Before `near` ends, by which the client learns of it.
                    if let Some(cut) = cut {
                        *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(cut);
                    }
                });
            }
        });
        Ok(Self { folder, accepting, broken })
    }

    /// The folder with the socket.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Why the last connection ended, told once.
    pub(super) fn cut(&self) -> Option<Cut> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn connected(guard: &Guard, address: &Address, near: &mut UnixStream, most: u64) -> Result<(), Cut> {
    // Whoever takes a connection and says nothing would keep it and its task for good.
    let late = |_elapsed: Elapsed| Cut::NotConnected(ConnectError::Failed(io::ErrorKind::TimedOut.into()));
    let far = timeout(PATIENCE, guard.connect(&address.host, address.port, PORT)).await.map_err(late)?;
    let far = far.map_err(Cut::NotConnected)?;
    if address.is_encrypted {
        let far = timeout(PATIENCE, encrypted(far, &address.host)).await.map_err(late)??;
        forward(near, far, most).await
    } else {
        forward(near, far, most).await
    }
}

async fn encrypted(mut far: TcpStream, host: &str) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Cut> {
    let broken = |problem: io::Error| Cut::NotConnected(ConnectError::Failed(problem));
    far.write_all(&DOES_IT_ENCRYPT).await.map_err(broken)?;
    if far.read_u8().await.map_err(broken)? != b'S' {
        return Err(Cut::NotEncrypted("the server does not encrypt".to_owned()));
    }
    tls::encrypted(far, host).await.map_err(Cut::NotEncrypted)
}

/// Moves bytes both ways until one side ends. The client asks and the server answers, so whatever the server sends
/// until the client speaks again is one answer.
async fn forward(near: &mut UnixStream, far: impl AsyncRead + AsyncWrite, most: u64) -> Result<(), Cut> {
    let (from_near, to_near) = near.split();
    let (from_far, to_far) = tokio::io::split(far);
    let left = AtomicU64::new(most);
    tokio::select! {
        () = ask(from_near, to_far, &left, most) => Ok(()),
        answered = answer(from_far, to_near, &left) => answered,
    }
}

/// What the client sends. When one side ends, so does the other.
async fn ask(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, left: &AtomicU64, most: u64) {
    let mut bytes = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        left.store(most, Ordering::Relaxed);
        if to.write_all(&bytes[..count]).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}

/// What the server sends, message by message: the client makes room for one when it has seen its length.
async fn answer(from: impl AsyncRead + Unpin, to: impl AsyncWrite + Unpin, left: &AtomicU64) -> Result<(), Cut> {
    let (mut from, mut to) = (BufReader::with_capacity(CHUNK, from), BufWriter::with_capacity(CHUNK, to));
    loop {
        // A letter, and the length of the rest, its own four bytes counted.
        let mut head = [0; 5];
        if from.read_exact(&mut head).await.is_err() {
            return Ok(());
        }
        let [_letter, length @ ..] = head;
        let length = u64::from(u32::from_be_bytes(length));
        let may = left.load(Ordering::Relaxed);
        let rest = may.checked_sub(length).ok_or(Cut::TooLarge)?;
        left.store(rest, Ordering::Relaxed);
        let body = length.saturating_sub(4);
        let moved = async {
            to.write_all(&head).await?;
            tokio::io::copy_buf(&mut (&mut from).take(body), &mut to).await
        };
        // An end in the midst of a message, or a broken side.
        if moved.await.ok() != Some(body) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;
    use tokio::net::TcpListener;

    use super::*;
    use crate::egress::{EgressPolicy, SystemLookup};

    fn tunnel(policy: EgressPolicy, port: u16, most: u64) -> Tunnel {
        let guard = Guard::new(Arc::new(policy), Arc::new(SystemLookup));
        let text = format!("postgres://u@127.0.0.1:{port}/d?sslmode=disable");
        Tunnel::open(guard, Address::parse(&text, &Map::new()).unwrap(), most).unwrap()
    }

    async fn client(tunnel: &Tunnel, port: u16) -> UnixStream {
        UnixStream::connect(tunnel.folder().join(format!(".s.PGSQL.{port}"))).await.unwrap()
    }

    fn message(body: usize) -> Vec<u8> {
        let mut message = vec![b'D'];
        message.extend(u32::try_from(body + 4).unwrap().to_be_bytes());
        message.extend(std::iter::repeat_n(b'x', body));
        message
    }

    #[tokio::test]
    async fn an_answer_is_cut_off_where_it_is_too_large_and_the_next_question_begins_anew() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _peer) = listener.accept().await.unwrap();
            for bytes in [8, 8, 9] {
                stream.read_u8().await.unwrap();
                stream.write_all(&message(bytes)).await.unwrap();
            }
            // Open until the other side ends.
            let _end = stream.read_u8().await;
        });
        let tunnel = tunnel(EgressPolicy::strict().with_loopback(), port, 12);
        let mut client = client(&tunnel, port).await;
        for _question in 0..2 {
            client.write_all(b"?").await.unwrap();
            let mut answer = [0; 13];
            client.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer.as_slice(), message(8));
        }
        client.write_all(b"?").await.unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty(), "{} bytes came through", rest.len());
        assert!(matches!(tunnel.cut(), Some(Cut::TooLarge)));
        assert!(tunnel.cut().is_none(), "it is told once");
    }

    #[tokio::test]
    async fn a_host_that_is_forbidden_is_not_connected_and_the_reason_is_kept() {
        let tunnel = tunnel(EgressPolicy::strict(), 5432, 12);
        let mut client = client(&tunnel, 5432).await;
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert!(matches!(tunnel.cut(), Some(Cut::NotConnected(ConnectError::Denied(_)))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_when_it_shall_encrypt_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let guard = Guard::new(Arc::new(EgressPolicy::strict().with_loopback()), Arc::new(SystemLookup));
        let address = Address::parse(&format!("postgres://u@127.0.0.1:{port}/d"), &Map::new()).unwrap();
        let tunnel = Tunnel::open(guard, address, 12).unwrap();
        let mut client = client(&tunnel, port).await;
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert!(matches!(tunnel.cut(), Some(Cut::NotConnected(ConnectError::Failed(_)))));
    }

    #[tokio::test]
    async fn connections_end_with_the_way() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let tunnel = tunnel(EgressPolicy::strict().with_loopback(), port, 12);
        let mut client = client(&tunnel, port).await;
        client.write_all(b"?").await.unwrap();
        let (mut far, _peer) = listener.accept().await.unwrap();
        assert_eq!(far.read_u8().await.unwrap(), b'?');
        drop(tunnel);
        assert!(far.read_u8().await.is_err(), "the other side is open still");
    }

    #[tokio::test]
    async fn a_server_that_does_not_encrypt_is_told_no_password() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _peer) = listener.accept().await.unwrap();
            let mut asked = [0; 8];
            stream.read_exact(&mut asked).await.unwrap();
            stream.write_all(b"N").await.unwrap();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap();
            (asked, rest)
        });
        let guard = Guard::new(Arc::new(EgressPolicy::strict().with_loopback()), Arc::new(SystemLookup));
        let address = Address::parse(&format!("postgres://u@127.0.0.1:{port}/d"), &Map::new()).unwrap();
        let tunnel = Tunnel::open(guard, address, 12).unwrap();
        let mut client = client(&tunnel, port).await;
        let mut rest = Vec::new();
        // It may have been sent already when the other side ends.
        let _sent = client.write_all(b"password").await;
        let _ended = client.read_to_end(&mut rest).await;
        assert!(matches!(tunnel.cut(), Some(Cut::NotEncrypted(_))));
        assert_eq!(server.await.unwrap(), (DOES_IT_ENCRYPT, Vec::new()));
    }
}
