//! SIGINT and SIGTERM: the first begins an orderly end, the second ends at once.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask for an end.
pub struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
}

impl Signals {
    /// Listens from now on.
    pub fn listen() -> Self {
        let listen = |kind| {
            signal(kind).map_err(|problem| tracing::warn!(error = %problem, "a signal cannot be listened to")).ok()
        };
        Self { interrupt: listen(SignalKind::interrupt()), terminate: listen(SignalKind::terminate()) }
    }

    /// Waits for the first of them.
    pub async fn first(mut self) {
        async fn heard(signal: Option<&mut Signal>) {
            match signal {
                Some(signal) => {
                    signal.recv().await;
                }
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            () = heard(self.interrupt.as_mut()) => {}
            () = heard(self.terminate.as_mut()) => {}
        }
    }

    /// Ends the process at the next signal: whoever asks twice does not want to wait.
    pub async fn exit_on_next() {
        Self::listen().first().await;
        tracing::warn!("a second signal: ending at once");
        std::process::exit(1);
    }
}
