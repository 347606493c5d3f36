//! The service outside: notes every call with its idempotency key, and behaves as its path says.
//!
//! `/ok/TAG` answers; `/slow/TAG` answers after half a second; `/flaky/TAG` refuses the first two
//! calls of a key; `/drop/TAG` reads the first call of a key and hangs up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};

use crate::history::now_ms;

/// One call that arrived whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// Its path.
    pub path: String,
}

/// Calls by idempotency key, in the order of their arrival.
pub type Ledger = BTreeMap<String, Vec<Arrival>>;

/// The ways to behave.
pub const BEHAVIOURS: [&str; 4] = ["ok", "slow", "flaky", "drop"];

/// The server; it ends with its runtime.
#[derive(Debug, Clone)]
pub struct Sink {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    ledger: Arc<Mutex<Ledger>>,
}

impl Sink {
    /// Starts it.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let ledger = Arc::new(Mutex::new(Ledger::new()));
        let sink = Self { url, ledger: Arc::clone(&ledger) };
        tokio::spawn(async move {
            while let Ok((connection, _peer)) = listener.accept().await {
                let ledger = Arc::clone(&ledger);
                tokio::spawn(async move {
                    // A caller that was killed breaks its connection, which is no fault of the sink.
                    let _broken = serve(connection, &ledger).await;
                });
            }
        });
        Ok(sink)
    }

    /// All calls so far.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(connection: TcpStream, ledger: &Mutex<Ledger>) -> std::io::Result<()> {
    let (read, mut write) = connection.into_split();
    let mut read = BufReader::new(read);
    while let Some((path, key)) = request(&mut read).await? {
        let count = {
            let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
            let calls = ledger.entry(key).or_default();
            calls.push(Arrival { at_ms: now_ms(), path: path.clone() });
            calls.len()
        };
        let behaviour = path.split('/').nth(1).unwrap_or_default();
        let status = match behaviour {
            "flaky" if count <= 2 => "503 Service Unavailable",
            "drop" if count == 1 => return Ok(()),
            "slow" => {
                tokio::time::sleep(Duration::from_millis(500)).await;
                "200 OK"
            }
            _well => "200 OK",
        };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}");
        write.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

/// Reads a request whole: its path and its idempotency key; nothing when the caller has hung up.
async fn request(read: &mut BufReader<OwnedReadHalf>) -> std::io::Result<Option<(String, String)>> {
    let mut line = String::new();
    if read.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut key, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if read.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "idempotency-key" => value.trim().clone_into(&mut key),
            "content-length" => length = value.trim().parse().unwrap_or(0),
            _other => {}
        }
    }
    let mut body = vec![0; length];
    read.read_exact(&mut body).await?;
    Ok(Some((path, key)))
}
