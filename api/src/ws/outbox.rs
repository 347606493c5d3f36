//! Messages of operations on their way to the socket: bounded in bytes, first come first served.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Where operations put their messages. When it is full they wait, and so stop producing.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    room: Arc<Semaphore>,
    capacity: u32,
    // Unbounded in number, because the room bounds the bytes.
    queue: mpsc::UnboundedSender<Outgoing>,
}

/// A message that holds its room until it is sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub text: String,
    _room: OwnedSemaphorePermit,
}

/// The socket is gone.
#[derive(Debug)]
pub(super) struct Closed;

impl Outbox {
    pub fn new(capacity: u32) -> (Self, mpsc::UnboundedReceiver<Outgoing>) {
        let (queue, messages) = mpsc::unbounded_channel();
        let capacity = capacity.max(1);
        (Self { room: Arc::new(Semaphore::new(capacity as usize)), capacity, queue }, messages)
    }

    /// Queues a message as soon as there is room. One that is longer than the outbox takes all of it.
    pub async fn push(&self, text: String) -> Result<(), Closed> {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX).clamp(1, self.capacity);
        let room = self.room.clone().acquire_many_owned(length).await.map_err(|_closed| Closed)?;
        self.queue.send(Outgoing { text, _room: room }).map_err(|_closed| Closed)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_full_outbox_makes_operations_wait_until_something_is_sent() {
        let (outbox, mut messages) = Outbox::new(10);
        outbox.push("123456".to_owned()).await.unwrap();
        let mut second = Box::pin(outbox.push("789012".to_owned()));
        assert!(second.as_mut().now_or_never().is_none(), "6 + 6 bytes do not fit into 10");
        drop(messages.recv().await);
        second.await.unwrap();
        assert_eq!(messages.recv().await.unwrap().text, "789012");
    }

    #[tokio::test]
    async fn a_message_longer_than_the_outbox_still_passes() {
        let (outbox, mut messages) = Outbox::new(4);
        outbox.push("a long message".to_owned()).await.unwrap();
        assert_eq!(messages.recv().await.unwrap().text, "a long message");
    }
}
