//! As much of a Redis server as loaders ask: values by key, on a port of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};

/// Begins a server with these values; it ends with the test's runtime. Its address, `redis://127.0.0.1:PORT`.
///
/// # Panics
/// When loopback has no free port.
pub async fn serve_keys(values: &[(&str, &str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let url = format!("redis://{}", listener.local_addr().expect("a bound listener has an address"));
    let values = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let values: Arc<BTreeMap<String, String>> = Arc::new(values.collect());
    tokio::spawn(async move {
        while let Ok((connection, _peer)) = listener.accept().await {
            let values = Arc::clone(&values);
            tokio::spawn(async move {
                if let Err(problem) = serve(connection, &values).await {
                    eprintln!("keys: {problem}");
                }
            });
        }
    });
    url
}

async fn serve(connection: TcpStream, values: &BTreeMap<String, String>) -> std::io::Result<()> {
    let (read, mut write) = connection.into_split();
    let mut read = BufReader::new(read);
    // What a transaction will answer, while one is open.
    let mut kept: Option<Vec<String>> = None;
    while let Some(command) = command(&mut read).await? {
        let name = command.first().map(|name| name.to_ascii_uppercase()).unwrap_or_default();
        let value = command.get(1).and_then(|key| values.get(key));
        let answer = match name.as_str() {
            "GET" => value.map_or_else(|| "$-1\r\n".to_owned(), |value| bulk(value)),
            "EXISTS" => format!(":{}\r\n", u8::from(value.is_some())),
            "STRLEN" => format!(":{}\r\n", value.map_or(0, String::len)),
            "GETRANGE" => bulk(value.map_or("", String::as_str)),
            "PING" => "+PONG\r\n".to_owned(),
            // Whoever wants a newer protocol does with the old one.
            "HELLO" => "-ERR unknown command\r\n".to_owned(),
            _other => "+OK\r\n".to_owned(),
        };
        let answer = match (name.as_str(), &mut kept) {
            ("MULTI", kept) => {
                *kept = Some(Vec::new());
                answer
            }
            ("EXEC", kept) => {
                let all = kept.take().unwrap_or_default();
                format!("*{}\r\n{}", all.len(), all.concat())
            }
            (_within, Some(kept)) => {
                kept.push(answer);
                "+QUEUED\r\n".to_owned()
            }
            (_alone, None) => answer,
        };
        write.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

fn bulk(value: &str) -> String {
    format!("${}\r\n{value}\r\n", value.len())
}

/// Reads a command, a list of texts; nothing when the caller has hung up.
async fn command(read: &mut BufReader<OwnedReadHalf>) -> std::io::Result<Option<Vec<String>>> {
    let Some(count) = number(read, '*').await? else { return Ok(None) };
    let mut words = Vec::new();
    for _word in 0..count {
        let Some(length) = number(read, '$').await? else { return Ok(None) };
        let mut bytes = vec![0; length + 2];
        read.read_exact(&mut bytes).await?;
        bytes.truncate(length);
        words.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    Ok(Some(words))
}

/// Reads a line with a number behind `mark`.
async fn number(read: &mut BufReader<OwnedReadHalf>, mark: char) -> std::io::Result<Option<usize>> {
    let mut line = String::new();
    if read.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    Ok(line.trim_end().strip_prefix(mark).and_then(|number| number.parse().ok()))
}
