//! How much an HTTP answer may cost.

use std::time::Duration;

/// Bounds of one HTTP action. The total time is the step's, not one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Longest wait for a connection, TLS included. Default 5 s.
    pub connect: Duration,
    /// Largest response body in bytes, unless the action asks for another limit. Default 5 MiB.
    pub response_bytes: u64,
    /// Largest response body in bytes that an action can ask for. Default 32 MiB.
    pub response_bytes_ceiling: u64,
    /// Largest sum of response header names and values in bytes. Default 64 KiB.
    pub header_bytes: usize,
    /// Largest body in bytes that is not text and is handed on as base64. Default 64 KiB.
    pub binary_bytes: usize,
    /// How many redirects are followed. Default 5.
    pub redirects: u32,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            response_bytes: 5 * 1024 * 1024,
            response_bytes_ceiling: 32 * 1024 * 1024,
            header_bytes: 64 * 1024,
            binary_bytes: 64 * 1024,
            redirects: 5,
        }
    }
}

impl HttpLimits {
    /// The body limit in bytes of an action that asks for `wanted`.
    pub(super) fn response_bytes_for(&self, wanted: Option<u64>) -> u64 {
        wanted.map_or(self.response_bytes, |bytes| bytes.min(self.response_bytes_ceiling))
    }
}
