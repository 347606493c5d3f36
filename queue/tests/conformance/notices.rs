//! Notices reach every listener, or it is told to read again.

use std::time::Duration;

use ids::{ExecutionId, OrganizationId};
use queue::{Notice, NoticeItem, NoticeStream, Notices};

use crate::harness::{Bed, eventually};
use crate::server::Server;

fn notice(seq: i32) -> Notice {
    Notice { organization: OrganizationId::new(), execution: ExecutionId::new(), seq, ended: seq % 2 == 0 }
}

/// The next `count` notices, whatever is said about reading again in between.
async fn heard(stream: &mut NoticeStream, count: usize) -> Vec<Notice> {
    let mut heard = Vec::new();
    while heard.len() < count {
        let next = tokio::time::timeout(Duration::from_secs(20), stream.next()).await;
        if let NoticeItem::Notice(notice) = next.expect("a notice arrives").unwrap() {
            heard.push(notice);
        }
    }
    heard
}

/// Waits until each of `listeners` hears what `publisher` tells. Whether the subscription stood before
/// the listener came, or was said to stand afterwards, is a matter of who is quicker.
async fn connected(publisher: &Notices, listeners: &mut [&mut NoticeStream]) {
    let mut are_heard = false;
    for _try in 0..20 {
        let mark = notice(1);
        publisher.publish(vec![mark]);
        are_heard = true;
        for listener in &mut *listeners {
            let hearing = async { while listener.next().await != Some(NoticeItem::Notice(mark)) {} };
            are_heard &= tokio::time::timeout(Duration::from_secs(1), hearing).await.is_ok();
        }
        if are_heard {
            break;
        }
    }
    assert!(are_heard, "what is told is heard");
}

crate::on_both_transports! {
    async fn every_listener_hears_every_notice_in_order(bed: &Bed) {
        let notices = bed.notices();
        let (mut first, mut second) = (notices.subscribe(), notices.subscribe());
        connected(&notices, &mut [&mut first, &mut second]).await;
        let told: Vec<Notice> = (1..=2_500).map(notice).collect();
        for part in told.chunks(100) {
            notices.publish(part.to_vec());
        }
        assert_eq!(heard(&mut first, told.len()).await, told);
        assert_eq!(heard(&mut second, told.len()).await, told);
    }

    async fn a_listener_that_is_too_slow_is_told_to_read_again(bed: &Bed) {
        let notices = bed.notices();
        let mut slow = notices.subscribe();
        let mut quick = notices.subscribe();
        connected(&notices, &mut [&mut slow, &mut quick]).await;
        for part in (1..=40_000).map(notice).collect::<Vec<_>>().chunks(1_000) {
            notices.publish(part.to_vec());
            heard(&mut quick, part.len()).await;
        }
        assert_eq!(slow.next().await, Some(NoticeItem::Resync), "it missed more than is kept");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn other_processes_hear_it_and_whoever_lost_the_connection_reads_again() {
    let Some(mut server) = Server::start("notices across a Redis that restarts").await else { return };
    let bed = Bed::redis(&server.url());
    let (mine, yours) = (bed.notices(), bed.notices());
    let mut listener = yours.subscribe();
    connected(&mine, &mut [&mut listener]).await;

    server.kill().await;
    mine.publish(vec![notice(2)]);
    server.start_again().await;
    assert_eq!(
        listener.next().await,
        Some(NoticeItem::Resync),
        "what was told meanwhile is lost, so all is read again"
    );

    let third = notice(3);
    // The publisher's own connection mends itself with its next try; a lost one is told of by its number.
    eventually("the publisher is heard again", || async {
        mine.publish(vec![third]);
        let next = tokio::time::timeout(Duration::from_millis(500), yours.subscribe().next()).await;
        matches!(next, Ok(Some(_)))
    })
    .await;
    assert!(heard(&mut listener, 1).await.contains(&third));
}
