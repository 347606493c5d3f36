//! A line to PostgreSQL that loses answers, breaks, or falls silent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::ConnectOptions;
use store::{DatabaseUrl, Store, StoreConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::harness::Database;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Silent,
    Cut,
}

/// A line in front of the server of the tests.
pub struct Line {
    port: u16,
    state: watch::Sender<State>,
    loses_answer: Arc<AtomicUsize>,
}

impl Line {
    pub async fn to(database: &Database) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = database.postgresql_options();
        let server = format!("{}:{}", options.get_host(), options.get_port());
        let (state, loses_answer) = (watch::Sender::new(State::Open), Arc::new(AtomicUsize::new(0)));
        let (line, loses) = (state.clone(), Arc::clone(&loses_answer));
        tokio::spawn(async move {
            while let Ok((client, _peer)) = listener.accept().await {
                if *line.borrow() != State::Cut {
                    tokio::spawn(pass(client, server.clone(), line.subscribe(), Arc::clone(&loses)));
                }
            }
        });
        Self { port, state, loses_answer }
    }

    /// A store at the end of this line, with short limits.
    pub async fn store(&self, database: &Database) -> Store {
        let options = database.postgresql_options().host("127.0.0.1").port(self.port);
        let url: DatabaseUrl = options.to_url_lossy().as_str().parse().unwrap();
        let mut config = StoreConfig { url, ..database.config() };
        config.acquire_timeout = Duration::from_millis(500);
        config.statement_timeout = Duration::from_secs(1);
        config.commit_timeout = Duration::from_secs(1);
        Store::connect(&config).await.unwrap()
    }

    /// The next answer of the server does not arrive: its connection breaks instead.
    pub fn lose_an_answer(&self) {
        self.lose_answer(1);
    }

    /// The answer of this number, counted from 1, does not arrive.
    pub fn lose_answer(&self, number: usize) {
        self.loses_answer.store(number, Ordering::SeqCst);
    }

    /// Whether the answer was lost by now.
    pub fn has_lost_it(&self) -> bool {
        self.loses_answer.load(Ordering::SeqCst) == 0
    }

    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    pub fn silence(&self) {
        self.state.send_replace(State::Silent);
    }

    pub fn restore(&self) {
        self.state.send_replace(State::Open);
    }
}

async fn pass(client: TcpStream, server: String, mut state: watch::Receiver<State>, loses: Arc<AtomicUsize>) {
    let server = TcpStream::connect(server).await.unwrap();
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let mut speaks = state.clone();
    let there = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
            if speaks.wait_for(|state| *state != State::Silent).await.is_err()
                || to_server.write_all(&buffer[..length]).await.is_err()
            {
                return;
            }
        }
    };
    let back = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
            let left = loses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if left == Ok(1) || to_client.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = there => {}
        () = back => {}
        _cut = state.wait_for(|state| *state == State::Cut) => {}
    }
}
