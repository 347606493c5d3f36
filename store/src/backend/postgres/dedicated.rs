//! A connection that one committer has for itself: a pool would add a round trip to each group.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{TRY_AFTER, is_alive};
use crate::breaker::{Breaker, Evidence, Refusal};
use crate::error::{NotConnected, StoreError};

/// At most one connection, made when it is needed and again after it broke.
#[derive(Debug)]
pub struct Dedicated {
    options: PgConnectOptions,
    connect_timeout: Duration,
    breaker: Breaker,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    connection: PgConnection,
    last_used: Instant,
}

impl Dedicated {
    pub fn new(options: PgConnectOptions, connect_timeout: Duration, breaker: Breaker) -> Self {
        Self { options, connect_timeout, breaker, kept: Mutex::new(None) }
    }

    /// Takes the connection; it goes back by [`Dedicated::give_back`], or is closed when dropped.
    pub async fn take(&self) -> Result<PgConnection, StoreError> {
        let permit = self.breaker.permit().map_err(<sqlx::Error as Evidence>::refused)?;
        let fresh = if permit.is_probe() { Duration::ZERO } else { TRY_AFTER };
        if let Some(Kept { mut connection, last_used }) = self.kept.lock().await.take() {
            if last_used.elapsed() < fresh {
                // Whether the database answers is told by the call.
                return Ok(connection);
            }
            // One that says nothing at all is as broken as one that says it is.
            if let Ok(Ok(())) = tokio::time::timeout(self.connect_timeout, connection.ping()).await {
                permit.settle(&Ok::<_, sqlx::Error>(()));
                return Ok(connection);
            }
        }
        let outcome = match tokio::time::timeout(self.connect_timeout, self.options.connect()).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(Evidence::refused(Refusal::NoConnection { limit: self.connect_timeout })),
        };
        permit.settle(&outcome);
        outcome.map_err(|problem| NotConnected(problem).into())
    }

    /// Keeps the connection for the next time, unless `outcome` shows that it may be broken.
    pub async fn give_back<T>(&self, connection: PgConnection, outcome: &Result<T, sqlx::Error>) {
        match outcome.as_ref().err().and_then(Evidence::fault) {
            None => self.breaker.heard(),
            Some(fault) => self.breaker.missed(fault),
        }
        if is_alive(outcome) {
            *self.kept.lock().await = Some(Kept { connection, last_used: Instant::now() });
        }
    }

    pub async fn close(&self) {
        if let Some(kept) = self.kept.lock().await.take()
            && let Err(problem) = kept.connection.close().await
        {
            tracing::debug!(error = %problem, "a connection was not closed in order");
        }
    }
}
