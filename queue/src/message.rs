//! What travels: versioned, so that processes of two releases understand each other.

use ids::{ExecutionId, OrganizationId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Most ids in one entry of a stream.
pub(crate) const MAX_IDS: usize = 50;

/// An entry of a work stream.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WorkMessage {
    /// Version of this shape.
    v: u8,
    /// Executions that may be runnable.
    e: Vec<ExecutionId>,
}

/// Why an entry cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadMessage {
    #[error("it is no message of ours")]
    Malformed(#[source] serde_json::Error),
    #[error("it has version {0}, this release knows 1")]
    Version(u8),
    #[error("it has no field `m`")]
    NoBody,
}

impl WorkMessage {
    pub(crate) fn encode(executions: &[ExecutionId]) -> String {
        let message = Self { v: 1, e: executions.to_vec() };
        serde_json::to_string(&message).expect("ids are plain data")
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Vec<ExecutionId>, BadMessage> {
        let message: Self = serde_json::from_slice(body).map_err(BadMessage::Malformed)?;
        if message.v == 1 { Ok(message.e) } else { Err(BadMessage::Version(message.v)) }
    }
}

/// A message of the notice channel.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NoticeMessage {
    /// Version of this shape.
    pub(crate) v: u8,
    /// Who published it.
    pub(crate) p: Uuid,
    /// 1, 2, 3 … of this publisher; of a message without notices, the last number.
    pub(crate) n: u64,
    /// Organization, execution, number of the journal row, whether it has ended.
    pub(crate) l: Vec<(OrganizationId, ExecutionId, i32, bool)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_other_versions_are_named() {
        let ids: Vec<ExecutionId> = (0..3).map(|_| ExecutionId::new()).collect();
        let text = WorkMessage::encode(&ids);
        assert_eq!(WorkMessage::decode(text.as_bytes()).unwrap(), ids);
        assert!(matches!(
            WorkMessage::decode(text.replace("\"v\":1", "\"v\":9").as_bytes()),
            Err(BadMessage::Version(9))
        ));
        assert!(matches!(WorkMessage::decode(b"{}"), Err(BadMessage::Malformed(_))));
    }
}
