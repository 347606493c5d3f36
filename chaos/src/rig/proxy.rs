//! A TCP proxy between one process and one server, which can spoil the line.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the line does with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Passes them on.
    Open,
    /// Passes them on late, in milliseconds, each way.
    Slow(u64),
    /// Takes them and passes nothing on, in either direction; connections stay.
    Silent,
    /// Requests arrive, answers do not: half of the line is gone.
    Deaf,
    /// The way to the client is shut in order, requests still arrive: half-closed connections.
    HalfClosed,
    /// Connections are reset, and new ones too.
    Cut,
}

/// One proxy; it ends with its runtime.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    line: watch::Sender<Line>,
    spoiled: Arc<AtomicU64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Request,
    Answer,
}

impl Proxy {
    /// Stands in front of a port of this machine.
    pub async fn before(port: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let own = listener.local_addr()?.port();
        let line = watch::Sender::new(Line::Open);
        let spoiled = Arc::new(AtomicU64::new(0));
        tokio::spawn(listen(listener, port, line.subscribe(), Arc::clone(&spoiled)));
        Ok(Self { port: own, line, spoiled })
    }

    /// Changes what the line does.
    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
    }

    /// How many connections were reset, and pieces of data held back or delayed, so far.
    #[must_use]
    pub fn spoiled(&self) -> u64 {
        self.spoiled.load(Ordering::SeqCst)
    }
}

async fn listen(listener: TcpListener, port: u16, line: watch::Receiver<Line>, spoiled: Arc<AtomicU64>) {
    while let Ok((client, _peer)) = listener.accept().await {
        if *line.borrow() == Line::Cut {
            spoiled.fetch_add(1, Ordering::SeqCst);
            reset(&client);
        } else {
            tokio::spawn(pass(client, port, line.clone(), Arc::clone(&spoiled)));
        }
    }
}

/// Makes the end of the connection a reset instead of a farewell.
fn reset(stream: &TcpStream) {
    // A connection that is gone already needs no reset.
    let _gone = stream.set_zero_linger();
}

async fn pass(client: TcpStream, port: u16, mut line: watch::Receiver<Line>, spoiled: Arc<AtomicU64>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
        return reset(&client);
    };
    // Small packets wait otherwise, which would be a fault that nobody asked for.
    let _gone = client.set_nodelay(true).and_then(|()| server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let cut = {
        let there = pump(from_client, to_server, line.clone(), Direction::Request, &spoiled);
        let back = pump(from_server, to_client, line.clone(), Direction::Answer, &spoiled);
        let (mut there, mut back) = (Box::pin(there), Box::pin(back));
        tokio::select! {
            _cut = line.wait_for(|line| *line == Line::Cut) => true,
            halves = &mut there => { if let Ok((from, _to)) = halves { drop(from); } false }
            halves = &mut back => { if let Ok((from, _to)) = halves { drop(from); } false }
        }
    };
    if cut {
        spoiled.fetch_add(1, Ordering::SeqCst);
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut line: watch::Receiver<Line>,
    direction: Direction,
    spoiled: &AtomicU64,
) -> std::io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
    let mut buffer = vec![0; 16 * 1024];
    let mut is_shut = false;
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => Some(read?),
            () = half_closed(&mut line), if direction == Direction::Answer && !is_shut => None,
        };
        let Some(length) = read else {
            spoiled.fetch_add(1, Ordering::SeqCst);
            to.shutdown().await?;
            is_shut = true;
            continue;
        };
        if length == 0 {
            return Ok((from, to));
        }
        let now = *line.borrow();
        match now {
            Line::Slow(delay) => {
                spoiled.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(delay)).await;
            }
            held if holds(held, direction) => {
                spoiled.fetch_add(1, Ordering::SeqCst);
                if line.wait_for(|line| !holds(*line, direction)).await.is_err() {
                    return Ok((from, to));
                }
            }
            Line::Open | Line::Silent | Line::Deaf | Line::HalfClosed | Line::Cut => {}
        }
        // A connection that was half-closed once stays so, and what is answered on it is lost.
        if !is_shut {
            to.write_all(&buffer[..length]).await?;
        }
    }
}

/// Comes back once lines are half-closed, and never if that cannot happen any more.
async fn half_closed(line: &mut watch::Receiver<Line>) {
    if line.wait_for(|line| *line == Line::HalfClosed).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn holds(line: Line, direction: Direction) -> bool {
    match line {
        Line::Silent => true,
        Line::Deaf => direction == Direction::Answer,
        Line::Open | Line::Slow(_) | Line::HalfClosed | Line::Cut => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_half_closed_line_ends_towards_the_client_and_still_carries_requests() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::before(server.local_addr().unwrap().port()).await.unwrap();
        let mut client = TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap();
        let (mut accepted, _peer) = server.accept().await.unwrap();
        proxy.set(Line::HalfClosed);
        let mut buffer = [0_u8; 1];
        assert_eq!(client.read(&mut buffer).await.unwrap(), 0, "the client sees the end");
        client.write_all(b"b").await.unwrap();
        accepted.read_exact(&mut buffer).await.unwrap();
        assert_eq!(buffer, *b"b", "the server sees the request");
        assert_eq!(proxy.spoiled(), 1);
    }
}
