//! Notices: something was committed for this execution. They carry ids and a number, nothing else.

mod redis;

use ids::{ExecutionId, OrganizationId};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use self::redis::RedisNotices;
use crate::error::QueueError;
use crate::work::RedisConfig;

/// Something was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    /// Whose.
    pub organization: OrganizationId,
    /// Of which execution.
    pub execution: ExecutionId,
    /// Number of the last journal row; 0 when it was told something that is not in the journal yet.
    pub seq: i32,
    /// Whether nothing follows.
    pub ended: bool,
}

impl Notice {
    /// That `execution` was told something: whoever has it in hand should look.
    #[must_use]
    pub const fn told(organization: OrganizationId, execution: ExecutionId) -> Self {
        Self { organization, execution, seq: 0, ended: false }
    }

    /// That something happened in `organization` which is of no execution: whoever follows a list there should look.
    #[must_use]
    pub const fn of(organization: OrganizationId) -> Self {
        Self::told(organization, ExecutionId::from_uuid(ids::uuid::Uuid::nil()))
    }

    /// Whether it is such a one.
    #[must_use]
    pub const fn is_told(&self) -> bool {
        self.seq == 0
    }
}

/// What a listener hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeItem {
    /// Something was committed.
    Notice(Notice),
    /// Notices may have been lost: read again whatever is followed.
    Resync,
}

/// Notices that a slow listener may be behind before it is told to read again.
const BUFFER: usize = 16_384;

/// The notices of one process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Notices {
    local: broadcast::Sender<NoticeItem>,
    redis: Option<RedisNotices>,
}

impl Notices {
    /// Notices inside this process.
    #[must_use]
    pub fn memory() -> Self {
        Self { local: broadcast::Sender::new(BUFFER), redis: None }
    }

    /// Notices among all processes that share a Redis. Redis need not answer yet.
    ///
    /// # Errors
    /// When the address cannot be read.
    pub fn redis(config: &RedisConfig) -> Result<Self, QueueError> {
        let local = broadcast::Sender::new(BUFFER);
        let redis = RedisNotices::start(config, local.clone())?;
        Ok(Self { local, redis: Some(redis) })
    }

    /// Tells whoever listens. Never waits, never fails: what is lost on the way is made good by
    /// [`NoticeItem::Resync`].
    pub fn publish(&self, notices: Vec<Notice>) {
        match &self.redis {
            Some(redis) => redis.publish(notices),
            None => {
                for notice in notices {
                    // Fails only when nobody listens.
                    drop(self.local.send(NoticeItem::Notice(notice)));
                }
            }
        }
    }

    /// Everything that is told from now on.
    #[must_use]
    pub fn subscribe(&self) -> NoticeStream {
        NoticeStream(self.local.subscribe())
    }
}

/// What one listener hears.
#[derive(Debug)]
pub struct NoticeStream(broadcast::Receiver<NoticeItem>);

impl NoticeStream {
    /// The next item; `None` when no more can come.
    pub async fn next(&mut self) -> Option<NoticeItem> {
        match self.0.recv().await {
            Ok(item) => Some(item),
            Err(RecvError::Lagged(_missed)) => Some(NoticeItem::Resync),
            Err(RecvError::Closed) => None,
        }
    }
}
