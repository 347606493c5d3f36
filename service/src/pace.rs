//! When whoever follows a value looks at it again: woken by notices, not too often, and now and then without one.

use std::time::Duration;

use futures::Stream;
use ids::OrganizationId;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::error::ServiceError;
use crate::live::Listener;

/// Of the time that passes, looking takes one part of so many at most: what is dear to read is read more rarely.
const SHARE: u32 = 10;

/// When to look. The first look is at once.
#[derive(Debug)]
pub(crate) struct Pace {
    news: Listener<OrganizationId>,
    /// At least so long from one look to the next.
    every: Duration,
    /// A look without news after so long: a process that dies between a commit and its notice tells nobody.
    patience: Duration,
    /// Begin and end of the last look.
    looked: Option<(Instant, Instant)>,
}

impl Pace {
    pub(crate) const fn new(news: Listener<OrganizationId>, every: Duration, patience: Duration) -> Self {
        Self { news, every, patience, looked: None }
    }

    /// Waits until it is time for a look. What is told from here on is not missed.
    pub(crate) async fn turn(&mut self) {
        let Some((began, ended)) = self.looked else { return self.news.pass() };
        // Whether something was told or time is over: it is looked at.
        drop(timeout_at(began + self.patience, self.news.changed()).await);
        sleep_until(Ord::max(began + self.every, ended + (ended - began) * (SHARE - 1))).await;
        self.news.pass();
    }

    /// Looks when it is time to, and notes how long that takes.
    pub(crate) async fn look<T>(&mut self, look: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let seen = look.await;
        self.looked = Some((began, Instant::now()));
        seen
    }
}

/// What `read` reads, at once and whenever it has changed; never ends by itself.
pub(crate) fn changes<T, R, F>(pace: Pace, read: R) -> impl Stream<Item = Result<T, ServiceError>> + Send
where
    T: Clone + PartialEq + Send + Sync,
    R: Fn() -> F + Send,
    F: Future<Output = Result<T, ServiceError>> + Send,
{
    let begin = (pace, read, None::<T>);
    futures::stream::try_unfold(begin, |(mut pace, read, last)| async move {
        loop {
            pace.turn().await;
            let now = pace.look(read()).await?;
            if last.as_ref() != Some(&now) {
                return Ok(Some((now.clone(), (pace, read, Some(now)))));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::StreamExt;
    use queue::{Notice, Notices};

    use super::*;
    use crate::live::Live;

    const EVERY: Duration = Duration::from_secs(5);
    const PATIENCE: Duration = Duration::from_secs(30);

    struct Bed {
        notices: Notices,
        live: Live,
        organization: OrganizationId,
        looks: Arc<AtomicU32>,
        value: Arc<AtomicU32>,
    }

    impl Bed {
        fn new() -> Self {
            let notices = Notices::memory();
            let live = Live::start(&notices);
            let organization = OrganizationId::new();
            Self { notices, live, organization, looks: Arc::default(), value: Arc::default() }
        }

        fn follow(&self) -> futures::stream::BoxStream<'static, Result<u32, ServiceError>> {
            let pace = Pace::new(self.live.organization(self.organization), EVERY, PATIENCE);
            let (looks, value) = (Arc::clone(&self.looks), Arc::clone(&self.value));
            changes(pace, move || {
                looks.fetch_add(1, Ordering::SeqCst);
                futures::future::ready(Ok(value.load(Ordering::SeqCst)))
            })
            .boxed()
        }

        fn tell(&self, value: u32) {
            self.value.store(value, Ordering::SeqCst);
            self.notices.publish(vec![Notice::of(self.organization)]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_is_told_at_once_and_then_when_news_say_that_it_changed() {
        let (bed, begin) = (Bed::new(), Instant::now());
        let mut values = bed.follow();
        assert_eq!(values.next().await.unwrap().unwrap(), 0);
        assert_eq!(begin.elapsed(), Duration::ZERO);
        bed.tell(7);
        assert_eq!(values.next().await.unwrap().unwrap(), 7);
        assert_eq!((begin.elapsed(), bed.looks.load(Ordering::SeqCst)), (EVERY, 2), "not before its time");
    }

    #[tokio::test(start_paused = true)]
    async fn however_much_is_told_it_is_looked_at_once_in_a_while() {
        let bed = Bed::new();
        let mut values = bed.follow();
        values.next().await.unwrap().unwrap();
        let telling = async {
            let mut told = tokio::time::interval(Duration::from_millis(10));
            for _notice in 0..3_000 {
                told.tick().await;
                bed.tell(0);
            }
        };
        tokio::select! {
            value = values.next() => panic!("nothing has changed, but {value:?} is told"),
            () = telling => {}
        }
        assert_eq!(bed.looks.load(Ordering::SeqCst), 6, "30 seconds have six times five, the first look included");
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_without_news_is_noticed_after_a_while() {
        let (bed, begin) = (Bed::new(), Instant::now());
        let mut values = bed.follow();
        values.next().await.unwrap().unwrap();
        bed.value.store(3, Ordering::SeqCst);
        assert_eq!(values.next().await.unwrap().unwrap(), 3);
        assert_eq!(begin.elapsed(), PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_dear_to_read_is_read_more_rarely() {
        let bed = Bed::new();
        let mut pace = Pace::new(bed.live.organization(bed.organization), Duration::from_secs(1), PATIENCE);
        pace.turn().await;
        pace.look(tokio::time::timeout(Duration::from_secs(2), std::future::pending::<()>())).await.unwrap_err();
        let ended = Instant::now();
        bed.tell(1);
        pace.turn().await;
        assert_eq!(ended.elapsed(), Duration::from_secs(18));
    }
}
