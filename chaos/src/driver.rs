//! Clients: they start executions, tell them things and follow them, and never give up.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::api::{Answer, Api};
use crate::history::{Cancelled, Followed, Recorder, Start, now_ms};
use crate::random::Random;
use crate::workflows::{Company, draw};

/// What all clients share.
#[derive(Debug)]
struct Shared {
    api: Api,
    recorder: Arc<Recorder>,
    sink: String,
    stop: watch::Receiver<bool>,
}

/// The load of a run.
#[derive(Debug)]
pub struct Driver {
    clients: JoinSet<()>,
    stop: watch::Sender<bool>,
}

const START: &str = "mutation($i: ExecutionStartInput!) { executionStart(input: $i) {
    eventsAfter isNew execution { id } userErrors { code message } } }";
const EMIT: &str = "mutation($i: EventEmitInput!) { eventEmit(input: $i) { userErrors { code message } } }";
const CANCEL: &str = "mutation($i: ExecutionCancelInput!) { executionCancel(input: $i) {
    execution { status } userErrors { code message } } }";
const PAUSE: &str = "mutation($i: ExecutionPauseInput!) { executionPause(input: $i) {
    execution { status } userErrors { code message } } }";
const RESUME: &str = "mutation($i: ExecutionResumeInput!) { executionResume(input: $i) {
    execution { status } userErrors { code message } } }";
const APPROVALS: &str = "query($id: ID!) { approvals(first: 1, filter: { executionId: $id }) { nodes { id } } }";
const APPROVE: &str = "mutation($i: ApprovalApproveInput!) { approvalApprove(input: $i) {
    approval { id } userErrors { code message } } }";
const REJECT: &str = "mutation($i: ApprovalRejectInput!) { approvalReject(input: $i) {
    approval { id } userErrors { code message } } }";
const STATUS: &str = "query($id: ID!) { execution(id: $id) { status } }";

impl Driver {
    /// Starts `clients` clients.
    #[must_use]
    pub fn start(api: &Api, recorder: &Arc<Recorder>, sink: &str, clients: usize, seed: u64) -> Self {
        let stop = watch::Sender::new(false);
        let shared = Arc::new(Shared {
            api: api.clone(),
            recorder: Arc::clone(recorder),
            sink: sink.to_owned(),
            stop: stop.subscribe(),
        });
        let clients = (0..clients)
            .map(|client| {
                let random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(client as u64));
                run_client(Arc::clone(&shared), client, random)
            })
            .collect();
        Self { clients, stop }
    }

    /// Lets no client begin anything new, and waits until each has its answers; whether all had in time.
    pub async fn finish(mut self, limit: Duration) -> bool {
        self.stop.send_replace(true);
        let all = async { while self.clients.join_next().await.is_some() {} };
        tokio::time::timeout(limit, all).await.is_ok()
    }
}

async fn run_client(shared: Arc<Shared>, client: usize, mut random: Random) {
    let mut company = JoinSet::new();
    let mut number = 0_u64;
    while !*shared.stop.borrow() {
        let key = format!("c{client}-{number}");
        number += 1;
        let job = draw(&mut random, &key, &shared.sink);
        let replica = random.place(shared.api.replicas());
        shared.recorder.note(|history| {
            let start = Start { workflow: job.workflow.to_owned(), expected: job.expected, executions: Vec::new() };
            history.starts.insert(key.clone(), start);
        });
        let input = json!({ "workflow": { "slug": job.workflow }, "input": job.input, "idempotencyKey": key });
        let Some(started) = insist(&shared, "start", &key, replica, "executionStart", START, &input).await else {
            continue;
        };
        let Some(id) = started["execution"]["id"].as_str().map(str::to_owned) else {
            shared.recorder.note(|history| history.surprises.push(format!("{key} was started without an id")));
            continue;
        };
        note_id(&shared, &key, &id);
        if random.between(0, 9) == 0 {
            // As a client whose answer was lost would: the same key again, elsewhere.
            if let Some(again) = insist(&shared, "start", &key, replica + 1, "executionStart", START, &input).await
                && let Some(id) = again["execution"]["id"].as_str()
            {
                note_id(&shared, &key, id);
            }
        }
        let pause = Duration::from_millis(random.between(200, 1_500));
        match job.company {
            Company::Alone => {}
            Company::Emit => {
                let (shared, key) = (Arc::clone(&shared), key.clone());
                // Every third event comes before its step waits for it.
                let pause = if random.between(0, 2) == 0 { Duration::ZERO } else { pause };
                company.spawn(async move {
                    tokio::time::sleep(pause).await;
                    emit(&shared, &key, replica).await;
                });
            }
            Company::Cancel => {
                company.spawn(cancel(Arc::clone(&shared), key.clone(), id.clone(), replica, pause));
            }
            Company::Pause => {
                company.spawn(pause_and_resume(Arc::clone(&shared), key.clone(), id.clone(), replica, pause));
            }
            Company::Decide => {
                company.spawn(decide(Arc::clone(&shared), key.clone(), id.clone(), replica));
            }
        }
        if random.between(0, 6) == 0 {
            let after = started["eventsAfter"].as_str().map(str::to_owned);
            company.spawn(follow(Arc::clone(&shared), key, id, replica, after));
        }
        while company.try_join_next().is_some() {}
        tokio::time::sleep(Duration::from_millis(random.between(40, 140))).await;
    }
    while company.join_next().await.is_some() {}
}

fn note_id(shared: &Shared, key: &str, id: &str) {
    shared.recorder.note(|history| {
        if let Some(start) = history.starts.get_mut(key) {
            start.executions.push(id.to_owned());
        }
    });
}

/// Asks, from replica to replica, until there is an answer; nothing when it was refused.
async fn insist(
    shared: &Shared,
    kind: &str,
    key: &str,
    mut replica: usize,
    field: &str,
    query: &str,
    input: &Value,
) -> Option<Value> {
    shared.recorder.line(kind, key, "invoke", Value::Null);
    loop {
        match shared.api.ask(replica, field, query, &json!({ "i": input })).await {
            Answer::Done(value) => {
                shared.recorder.answered(kind, key, "ok", value.clone());
                return Some(value);
            }
            Answer::Refused(code) => {
                shared.recorder.answered(kind, key, "fail", json!(code));
                // Of two that decide at once, one is told that the other was first.
                let is_second = kind == "decide" && code.contains("CONFLICT");
                if !is_second && !code.contains("WRONG_STATE") {
                    shared.recorder.note(|history| history.surprises.push(format!("{kind} {key}: {code}")));
                }
                return None;
            }
            Answer::NotNow(code) => shared.recorder.answered(kind, key, "fail", json!(code)),
            Answer::Unknown(code) => shared.recorder.answered(kind, key, "info", json!(code)),
        }
        replica += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn emit(shared: &Shared, key: &str, replica: usize) {
    let input = json!({ "type": "chaos.go", "payload": { "tag": key }, "deduplicationKey": format!("go-{key}") });
    insist(shared, "emit", key, replica, "eventEmit", EMIT, &input).await;
}

async fn cancel(shared: Arc<Shared>, key: String, id: String, replica: usize, pause: Duration) {
    tokio::time::sleep(pause).await;
    shared.recorder.note(|history| history.cancels.insert(key.clone(), Cancelled::Unknown));
    let input = json!({ "id": id, "reason": "no longer needed" });
    let answer = insist(&shared, "cancel", &key, replica, "executionCancel", CANCEL, &input).await;
    // Before it says so it is only recorded, and the end may come first.
    if answer.is_some_and(|answer| answer["execution"]["status"] == "CANCELLED") {
        shared.recorder.note(|history| history.cancels.insert(key, Cancelled::Accepted(now_ms())));
    }
}

async fn pause_and_resume(shared: Arc<Shared>, key: String, id: String, replica: usize, pause: Duration) {
    tokio::time::sleep(pause).await;
    let input = json!({ "id": id, "reason": "to look at it" });
    insist(&shared, "pause", &key, replica, "executionPause", PAUSE, &input).await;
    // A pause that was recorded may come late, so it is watched until the end.
    loop {
        if let Answer::Done(value) = shared.api.ask(replica, "execution", STATUS, &json!({ "id": id })).await {
            match value["status"].as_str() {
                Some("PAUSED") => {
                    let input = json!({ "id": id });
                    insist(&shared, "resume", &key, replica, "executionResume", RESUME, &input).await;
                }
                Some("COMPLETED" | "FAILED" | "CANCELLED") => return,
                _live => {}
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Two clients answer an approval at once by way of two replicas, one each way.
async fn decide(shared: Arc<Shared>, key: String, id: String, mut replica: usize) {
    let approval = loop {
        let answer = shared.api.ask(replica, "approvals", APPROVALS, &json!({ "id": id })).await;
        if let Answer::Done(value) = answer
            && let Some(approval) = value["nodes"][0]["id"].as_str()
        {
            break approval.to_owned();
        }
        replica += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let yes = json!({ "id": approval });
    let no = json!({ "id": approval, "reason": "not this one" });
    let (yes, no) = tokio::join!(
        insist(&shared, "decide", &key, replica, "approvalApprove", APPROVE, &yes),
        insist(&shared, "decide", &key, replica + 1, "approvalReject", REJECT, &no),
    );
    let taken = [(yes, true), (no, false)].into_iter().filter(|(answer, _approves)| answer.is_some());
    let taken: Vec<bool> = taken.map(|(_answer, approves)| approves).collect();
    shared.recorder.note(|history| history.decisions.insert(key, taken));
}

async fn follow(shared: Arc<Shared>, key: String, id: String, mut replica: usize, mut after: Option<String>) {
    let mut followed = Followed::default();
    loop {
        let ended = shared
            .api
            .follow(replica, &id, after.clone().as_deref(), |item| {
                after = Some(item.cursor.clone());
                followed.items.push(item);
            })
            .await;
        match ended {
            Ok(true) => break,
            Ok(false) => {}
            Err(problem) => shared.recorder.line("follow", &key, "info", json!(problem.to_string())),
        }
        // What has come so far is known even if the run gives up on the rest.
        shared.recorder.note(|history| history.followed.insert(key.clone(), followed.clone()));
        replica += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    followed.completed = true;
    shared.recorder.line("follow", &key, "ok", json!(followed.items.len()));
    shared.recorder.note(|history| history.followed.insert(key, followed));
}
