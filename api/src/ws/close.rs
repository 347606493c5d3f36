//! Why a socket is closed from our side.

use axum::extract::ws::{CloseFrame, Utf8Bytes};

/// A reason with its code in the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// The process stops; connect again and continue with `after`.
    GoingAway,
    /// A message is over the limit.
    MessageTooBig,
    /// A message does not follow the protocol.
    BadMessage(&'static str),
    /// An operation before `connection_ack`.
    Unauthorized,
    /// Credentials were refused.
    Forbidden,
    /// `connection_init` did not come in time.
    InitTimeout,
    /// An operation with the id of one that still runs.
    DuplicateOperation(String),
    /// A second `connection_init`.
    SecondInit,
    /// The peer does not read what it asked for.
    SlowConsumer,
    /// The viewer has as many as may be.
    TooManySockets,
    /// It was open for as long as may be; connect again and continue with `after`.
    LifeOver,
    /// Credentials cannot be checked at the moment.
    TryAgainLater,
}

/// A close frame has room for this much text, in bytes.
const MAX_TEXT: usize = 123;

impl CloseReason {
    const fn code(&self) -> u16 {
        match self {
            Self::GoingAway | Self::LifeOver => 1001,
            Self::MessageTooBig => 1009,
            Self::TryAgainLater => 1013,
            Self::BadMessage(_) => 4400,
            Self::Unauthorized => 4401,
            Self::Forbidden => 4403,
            Self::InitTimeout => 4408,
            Self::DuplicateOperation(_) => 4409,
            Self::SecondInit | Self::SlowConsumer | Self::TooManySockets => 4429,
        }
    }

    fn text(&self) -> Utf8Bytes {
        // The protocol prescribes the words for its own codes.
        match self {
            Self::GoingAway => "the server is stopping".into(),
            Self::MessageTooBig => "the message is too big".into(),
            Self::TryAgainLater => "try again later".into(),
            Self::BadMessage(what) => (*what).into(),
            Self::Unauthorized => "Unauthorized".into(),
            Self::Forbidden => "Forbidden".into(),
            Self::InitTimeout => "Connection initialisation timeout".into(),
            Self::DuplicateOperation(id) => {
                let text = format!("Subscriber for {id} already exists");
                if text.len() <= MAX_TEXT { text.into() } else { "Subscriber already exists".into() }
            }
            Self::SecondInit => "Too many initialisation requests".into(),
            Self::TooManySockets => "as many streams and WebSockets are open as may be".into(),
            Self::LifeOver => "connect again".into(),
            Self::SlowConsumer => "the connection does not take what it asked for".into(),
        }
    }

    pub fn frame(&self) -> CloseFrame {
        CloseFrame { code: self.code(), reason: self.text() }
    }
}
