//! Workers are told apart by their ids, whatever they are called.

use serde_json::{Value, json};
use sluice_tests::{Api, Fleet, Services, SharedRedis, eventually, run};

const ENDS: &str = "
workflow_id: ends
steps:
  - { id: done, type: action, action: { type: allow } }
";

/// Each worker with its name and status.
async fn workers(api: &Api) -> Value {
    let query = "{ workers(first: 10) { nodes { id name status } } }";
    api.data(query, json!({})).await["workers"]["nodes"].take()
}

/// Whether these are the statuses of the workers, in any order.
async fn are(api: &Api, statuses: [&str; 2]) -> bool {
    let found = workers(api).await;
    let mut found: Vec<&str> =
        found.as_array().into_iter().flatten().filter_map(|one| one["status"].as_str()).collect();
    found.sort_unstable();
    found == statuses
}

#[tokio::test]
async fn two_workers_with_the_same_name_both_work_and_neither_is_drained_by_it() {
    let Some(services) = Services::start("namesakes", SharedRedis::Yes).await else { return };
    let mut fleet = Fleet::start_with(services, 2, "4s", &[("HOSTNAME", "twin")]).await;
    let api = fleet.api.clone();
    api.import(&[("ends.yaml", ENDS)]).await;
    eventually("both are at work", || are(&api, ["READY", "READY"])).await;
    let both = workers(&api).await;
    let ids = [&both[0], &both[1]].map(|one| one["id"].as_str().unwrap());
    assert_eq!((&both[0]["name"], &both[1]["name"]), (&json!("twin"), &json!("twin")));

    let refused = run(&["drain", "twin", "--url", &api.url], &[]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(ids.iter().all(|id| refused.err.contains(id)), "it names both: {refused:?}");
    assert!(refused.err.contains("name it by its id"), "{refused:?}");
    for number in 0..20 {
        api.start("ends", json!({}), &format!("ends-{number}")).await.unwrap();
    }
    fleet.drained().await;
    assert_eq!(fleet.services.number("select count(*) from execution where status = 5").await, 20);
    assert!(are(&api, ["READY", "READY"]).await, "nothing was done to either");

    let one = run(&["drain", ids[0], "--output", "json", "--url", &api.url], &[]).await;
    assert_eq!((one.code, &one.json()["status"]), (Some(0), &json!("STOPPED")), "{one:?}");
    assert!(are(&api, ["READY", "STOPPED"]).await, "the other one goes on");
    assert_eq!(api.run("ends", json!({})).await["status"], "COMPLETED");
    // Now the name is that of one alone.
    let other = run(&["drain", "twin", "--output", "json", "--url", &api.url], &[]).await;
    assert_eq!((other.code, &other.json()["id"]), (Some(0), &json!(ids[1])), "{other:?}");
    for worker in &mut fleet.workers {
        assert_eq!(worker.ended().await, Some(0));
    }
}
