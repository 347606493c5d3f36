//! What can go wrong with the queue.

/// Why work could not be handed to the queue, or asked about.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The address is not one of Redis.
    #[error("`{url}` is not the address of a Redis: it must look like redis://host:6379")]
    Address {
        /// The address, without its password.
        url: String,
        /// Why.
        #[source]
        source: redis::RedisError,
    },
    /// Redis is away or refuses.
    #[error("Redis at {address} does not answer as it should")]
    Unavailable {
        /// Host and port.
        address: String,
        /// Why.
        #[source]
        source: redis::RedisError,
    },
    /// More work waits to be pushed than is kept in memory, or the queue is closing.
    #[error("the queue takes no more work now")]
    Full,
}
