extern crate sluice_store as store;
use std::time::Instant;
use std::sync::Arc;
use futures::future::join_all;
use ids::*;
use store::*;
#[tokio::main]
async fn main() {
    let url: DatabaseUrl = std::env::args().nth(1).unwrap().parse().unwrap();
    let n: usize = std::env::args().nth(2).unwrap().parse().unwrap();
    let conc: usize = std::env::args().nth(3).unwrap().parse().unwrap();
    let store = Store::connect(&StoreConfig::new(url)).await.unwrap();
    store.migrate_up().await.unwrap();
    let org = store.ensure_organization("default", "D", 1).await.unwrap();
    let wf = WorkflowId::new(); let v = WorkflowVersionId::new(); let worker = WorkerId::new();
    let new = move || NewExecution { id: ExecutionId::new(), organization_id: org, workflow_id: wf, version_id: v, version_number: 1, key: None, priority: 5, queue: "default".into(), trigger_type: TriggerType::Manual, trigger: "{\"type\":\"manual\"}".into(), event_id: None, started_by: "usr".into(), input: "{\"order\":{\"id\":\"o-1\",\"total\":120.5,\"customer\":\"c-7\"}}".into(), labels: vec![], events: "[{\"accepted\":1}]".into(), start_key: None, queued_at_ms: 5, deadline_at_ms: None };
    // one by one latency
    let t = Instant::now();
    for _ in 0..100 { let e = new(); let id = e.id; store.start(e).await.unwrap(); let c = store.claim(worker, &[id], 6).await.unwrap().remove(0); store.commit(end(&c, worker)).await.unwrap(); }
    println!("sequential cycle: {:?}", t.elapsed() / 100);
    let t = Instant::now();
    let left = Arc::new(std::sync::atomic::AtomicI64::new(n as i64));
    let tasks = (0..conc).map(|_| { let store = store.clone(); let left = left.clone(); tokio::spawn(async move {
        while left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) > 0 {
            let e = new(); let id = e.id; store.start(e).await.unwrap();
            let c = store.claim(worker, &[id], 6).await.unwrap().remove(0);
            store.commit(end(&c, worker)).await.unwrap();
        } }) });
    join_all(tasks).await;
    println!("{n} cycles, {conc} at once: {:.0}/s", n as f64 / t.elapsed().as_secs_f64());
    let t = Instant::now();
    for _ in 0..(n / 500) { store.start_many((0..500).map(|_| new()).collect()).await.unwrap(); }
    println!("start_many 500: {:.0}/s", n as f64 / t.elapsed().as_secs_f64());
    let t = Instant::now(); let mut got = 0;
    loop { let c = store.claim_next(worker, &["default".into()], 500, 7).await.unwrap(); if c.is_empty() { break; } got += c.len(); let s = &store; join_all(c.iter().map(|c| s.commit(end(c, worker)))).await; }
    println!("claim_next 500 + commit: {:.0}/s", got as f64 / t.elapsed().as_secs_f64());
    store.close().await;
}
fn end(c: &Claimed, w: WorkerId) -> Checkpoint { Checkpoint { organization_id: c.organization_id, execution_id: c.id, worker_id: w, epoch: c.epoch, seq: c.seq, events: "[{\"started\":1},{\"completed\":{\"result\":\"allowed\"}}]".into(), decision: Some("{\"outcome\":\"allow\"}".into()), at_ms: 9, patch: Patch::Ended(Ended { status: ExecutionStatus::Completed, result: Some(ExecutionResult::Allowed), error_code: None, error_message: None, failed_step: None }) } }
