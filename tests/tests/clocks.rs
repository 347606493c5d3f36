//! Machines whose clocks are wrong.

use std::path::Path;

use serde_json::json;
use sluice_tests::{Fleet, Services, SharedRedis};

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// How many rows tell a time that is more than a minute from the database's.
const WRONG: &str = "
    with told as (
        select queued_at_ms as at_ms from execution
        union all select ended_at_ms from execution
        union all select at_ms from journal
        union all select heartbeat_at_ms from worker
        union all select started_at_ms from worker
    )
    select count(*) from told where abs(at_ms - extract(epoch from clock_timestamp()) * 1000) > 60000";

#[tokio::test]
async fn the_processes_of_a_fleet_take_their_time_from_the_database() {
    if !Path::new(LIBRARY).is_file() {
        eprintln!("skipped: without libfaketime (apt-get install faketime) no clock can be set");
        return;
    }
    let Some(services) = Services::start("clocks", SharedRedis::No).await else { return };
    let an_hour_ahead = [("LD_PRELOAD", LIBRARY), ("FAKETIME", "+3600s"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
    let fleet = Fleet::start_with(services, 2, "2s", &an_hour_ahead).await;
    let file = ("four_in_a_second.yaml", include_str!("../workflows/four_in_a_second.yaml"));
    fleet.api.import(&[file]).await;
    for number in 0..5 {
        let input = json!({ "customer": { "id": 1 } });
        fleet.api.start("four_in_a_second", input, &format!("key-{number}")).await.unwrap();
    }
    fleet.drained().await;
    assert_eq!(fleet.services.number("select count(*) from execution where status = 5").await, 5);
    assert_eq!(fleet.services.number(WRONG).await, 0);
}
