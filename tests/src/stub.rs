//! A small HTTP server that counts what it is asked, by idempotency key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Requests received, by their `Idempotency-Key`.
pub type Received = BTreeMap<String, usize>;

/// The server; it ends with the test's runtime.
#[derive(Debug, Clone)]
pub struct Stub {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    received: Arc<Mutex<Received>>,
}

impl Stub {
    /// Answers each request with `status` and a small JSON body.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn answering(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let received = Arc::new(Mutex::new(Received::new()));
        let stub = Self { url, received: Arc::clone(&received) };
        tokio::spawn(async move {
            while let Ok((connection, _peer)) = listener.accept().await {
                let received = Arc::clone(&received);
                tokio::spawn(async move {
                    if let Err(problem) = serve(connection, status, &received).await {
                        eprintln!("stub: {problem}");
                    }
                });
            }
        });
        stub
    }

    /// What was received so far.
    #[must_use]
    pub fn received(&self) -> Received {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(connection: TcpStream, status: u16, received: &Mutex<Received>) -> std::io::Result<()> {
    let (read, mut write) = connection.into_split();
    let mut read = BufReader::new(read);
    loop {
        let (mut key, mut length, mut lines) = (String::new(), 0, 0);
        loop {
            let mut line = String::new();
            if read.read_line(&mut line).await? == 0 {
                return Ok(());
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
        if lines == 0 {
            return Ok(());
        }
        let mut body = vec![0; length];
        read.read_exact(&mut body).await?;
        *received.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
        let body = r#"{"ok":true}"#;
        let head = format!(
            "HTTP/1.1 {status} Stub\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        write.write_all(format!("{head}{body}").as_bytes()).await?;
    }
}
