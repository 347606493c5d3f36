//! A small HTTP server that counts what it is asked, by idempotency key, and answers well or badly.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Requests received, by their `Idempotency-Key`.
pub type Received = BTreeMap<String, usize>;

/// What the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A status with a small JSON body.
    Status(u16),
    /// Status 200 with this body, which says that it is JSON.
    Json(&'static str),
    /// Status 200 with this many bytes of text, whose length is told before.
    Announced(usize),
    /// Status 200 with this many bytes of text, whose length is not told.
    Unannounced(usize),
    /// The connection is closed in the middle of the answer.
    Torn,
}

/// The server; it ends with the test's runtime.
#[derive(Debug, Clone)]
pub struct Stub {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    received: Arc<Mutex<Received>>,
    is_open: watch::Sender<bool>,
}

impl Stub {
    /// Answers each request with `status` and a small JSON body.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn answering(status: u16) -> Self {
        Self::with(Answer::Status(status)).await
    }

    /// Answers each request with `answer`.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn with(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let received = Arc::new(Mutex::new(Received::new()));
        let is_open = watch::Sender::new(true);
        let stub = Self { url, received: Arc::clone(&received), is_open: is_open.clone() };
        tokio::spawn(async move {
            while let Ok((connection, _peer)) = listener.accept().await {
                let (received, is_open) = (Arc::clone(&received), is_open.subscribe());
                tokio::spawn(async move {
                    if let Err(problem) = serve(connection, answer, &received, is_open).await {
                        eprintln!("stub: {problem}");
                    }
                });
            }
        });
        stub
    }

    /// Keeps answers back until `release`; requests are received.
    pub fn hold(&self) {
        self.is_open.send_replace(false);
    }

    /// Answers what was kept back, and everything that comes.
    pub fn release(&self) {
        self.is_open.send_replace(true);
    }

    /// What was received so far.
    #[must_use]
    pub fn received(&self) -> Received {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(
    connection: TcpStream,
    answer: Answer,
    received: &Mutex<Received>,
    mut is_open: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let (read, mut write) = connection.into_split();
    let mut read = BufReader::new(read);
    while let Some(key) = request(&mut read).await? {
        *received.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
        if is_open.wait_for(|is_open| *is_open).await.is_err() {
            return Ok(());
        }
        let (status, media_type, length, body) = match answer {
            Answer::Status(status) => (status, "application/json", true, br#"{"ok":true}"#.to_vec()),
            Answer::Json(body) => (200, "application/json", true, body.as_bytes().to_vec()),
            Answer::Announced(bytes) => (200, "text/plain", true, vec![b'x'; bytes]),
            Answer::Unannounced(bytes) => (200, "text/plain", false, vec![b'x'; bytes]),
            Answer::Torn => {
                write.write_all(b"HTTP/1.1 200 Stub\r\ncontent-length: 100\r\n\r\nhalf").await?;
                return Ok(());
            }
        };
        let length = if length { format!("content-length: {}", body.len()) } else { "connection: close".to_owned() };
        let head = format!("HTTP/1.1 {status} Stub\r\ncontent-type: {media_type}\r\n{length}\r\n\r\n");
        write.write_all(&[head.as_bytes(), &body].concat()).await?;
        if matches!(answer, Answer::Unannounced(_)) {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads a request; its idempotency key, or nothing when the caller has hung up.
async fn request(read: &mut BufReader<OwnedReadHalf>) -> std::io::Result<Option<String>> {
    let (mut key, mut length, mut lines) = (String::new(), 0, 0);
    loop {
        let mut line = String::new();
        if read.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        lines += 1;
        if let Some((name, value)) = line.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "idempotency-key" => key = value.trim().to_owned(),
                "content-length" => length = value.trim().parse().unwrap_or(0),
                _other => {}
            }
        }
    }
    let mut body = vec![0; length];
    read.read_exact(&mut body).await?;
    Ok((lines > 0).then_some(key))
}
