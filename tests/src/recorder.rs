//! A small HTTP server that keeps what it is asked, whole, and answers as a function says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Upper case.
    pub method: String,
    /// With its query.
    pub path: String,
    /// By name in lower case; of several with one name the last.
    pub headers: BTreeMap<String, String>,
    /// The whole of it.
    pub body: String,
}

impl Asked {
    /// A header; empty when it did not come.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Says what is answered: a status and a body.
type Reply = dyn Fn(&Asked) -> (u16, Value) + Send + Sync;

/// The server; it ends with the test's runtime.
#[derive(Debug, Clone)]
pub struct Recorder {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Recorder {
    /// Answers each request as `reply` says.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start(reply: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static) -> Self {
        Self::on(0, reply).await
    }

    /// The same on a port of this machine.
    ///
    /// # Panics
    /// When somebody has the port.
    pub async fn on(port: u16, reply: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let reply: Arc<Reply> = Arc::new(reply);
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((connection, _peer)) = listener.accept().await {
                let (reply, seen) = (Arc::clone(&reply), Arc::clone(&seen));
                tokio::spawn(async move {
                    if let Err(problem) = serve(connection, &*reply, &seen).await {
                        eprintln!("recorder: {problem}");
                    }
                });
            }
        });
        Self { url, asked }
    }

    /// What came so far, oldest first.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What came so far to paths that begin so.
    #[must_use]
    pub fn asked_at(&self, path: &str) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.path.starts_with(path)).collect()
    }
}

async fn serve(connection: TcpStream, reply: &Reply, seen: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let (read, mut write) = connection.into_split();
    let mut read = BufReader::new(read);
    while let Some(asked) = request(&mut read).await? {
        let (status, body) = reply(&asked);
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        let body = if status == 204 { String::new() } else { body.to_string() };
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
        write.write_all(format!("{head}{body}").as_bytes()).await?;
    }
    Ok(())
}

/// Reads a request; nothing when the caller has hung up.
async fn request(read: &mut BufReader<OwnedReadHalf>) -> std::io::Result<Option<Asked>> {
    let mut first = String::new();
    if read.read_line(&mut first).await? == 0 {
        return Ok(None);
    }
    let mut words = first.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if read.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    read.read_exact(&mut body).await?;
    Ok(Some(Asked { method, path, headers, body: String::from_utf8_lossy(&body).into_owned() }))
}
